"""What is wrong with an entry of a `defaults` list, or with the first line of its file?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from ml_core.errors import ConfigError
from ml_core.utils import origins
from ml_core.utils.composition import last_loader
from ml_core.utils.extras import HEADER

FORM = "An entry reads - override /group: option"


def no_override(text: str, group: str) -> ConfigError | None:
    """Word that an entry chooses an option of a group that has a choice; None where no file does."""
    for file in _named_files(text):
        for line, key, option in _entries(file):
            words = key.split()
            if words[-1].lstrip("/") == group and words[0] != "override":
                what = f"the group '{group}' has a choice already, and the entry does not say that it replaces it."
                return _told(group, what, f"Write - override /{group}: {option}", file, line)
    return None


def no_slash(text: str, folder: str, group: str) -> ConfigError | None:
    """Word that a group is looked for inside of another; None where there is no such entry."""
    for file in _named_files(text):
        for line, key, option in _entries(file):
            if key.split()[-1] == group:
                what = f"the group '{group}' is looked for below '{folder}', because no slash stands before it."
                return _told(group, what, f"Write - override /{group}: {option}", file, line)
    return None


def no_header(text: str, folder: str) -> ConfigError | None:
    """Word that all of a file would land under the name of its folder; None where it has a header."""
    for file in _named_files(text):
        if file.parent.name == folder.split(".")[0] and HEADER not in file.read_text(encoding="utf-8"):
            what = f"the line '{HEADER}' is missing, so all of the file lands under '{file.parent.name}'."
            return _told(f"{origins.shown(file)}:1", what, "Make it the first line of the file.", file, 1)
    return None


def of_another_group(text: str, group: str, package: str) -> ConfigError | None:
    """Word that an option of one group chooses an option of another; None where it is a part of its own."""
    for file in _named_files(text):
        for line, key, option in _entries(file):
            if key.split()[-1] == f"/{group}":
                section = package.partition(".")[0]
                what = f"an option of the group '{section}' cannot choose one of '{group}'."
                return _told(group, what, f"Choose it in an experiment: - override /{group}: {option}", file, line)
    return None


def chosen_twice(text: str, group: str) -> ConfigError | None:
    """Word that a list chooses a group more than once, at the last entry; None where no file does."""
    return next((error for error in _repeated(_named_files(text)) if error.where == group), None)


def repeated_choices() -> Iterator[ConfigError]:
    """Yield the groups that a chosen file overrides more than once, of which Hydra takes the last without a word."""
    return _repeated(chosen_files())


def _repeated(files: Iterable[Path]) -> Iterator[ConfigError]:
    for file in files:
        lines: dict[str, list[int]] = {}
        for line, key, option in _entries(file):
            if option:
                lines.setdefault(key.split()[-1].lstrip("/"), []).append(line)
        for group, found in lines.items():
            if len(found) > 1:
                what = f"the group '{group}' is chosen {len(found)} times."
                yield _told(group, what, "Keep one entry.", file, found[-1])


def list_for_mapping(text: str, name: str) -> ConfigError | None:
    """Word that a list stands where other files have a mapping, or the other way round; None where none is found."""
    for file in _named_files(f"In '{name}'"):
        paths = dict(_all_marks(file))
        for path, line in paths.items():
            is_list = f"{path}[0]" in paths
            if is_list and (keys := origins.current().keys_under(path)):
                what = f"is a list here, but a mapping elsewhere, with the keys {', '.join(keys)}."
                return _told(path, what, "Give each entry a name: `name: value` in place of `- value`.", file, line)
            if not is_list and f"{path}[0]" in origins.current().paths():
                return _told(path, "is a mapping here, but a list elsewhere.", "Write entries: - value", file, line)
    return None


def no_entry(text: str, name: str) -> ConfigError | None:
    """Word that an entry is no `group: option`; None where there is none of that text."""
    for file in _named_files(text):
        for line, key, option in _entries(file):
            if not option and key and name.endswith(key):
                return _told("defaults", f"'{key}' is no entry of a `defaults` list.", FORM, file, line)
    return None


def no_list(text: str, name: str) -> ConfigError | None:
    """Word that `defaults` is no list."""
    for file in _named_files(f"In '{name}'"):
        line = next((line for path, line in _all_marks(file) if path == "defaults"), 0)
        return _told("defaults", "is a mapping, but must be a list.", FORM, file, line)
    return None


def place_of(key: str) -> str:
    """Return where a key is written in one of the files that the command line chooses; empty where it is not."""
    for file in chosen_files():
        for path, line in _all_marks(file):
            if path == key:
                return str(origins.Origin(origins.shown(file), line))
    return ""


def config_folders() -> list[Path]:
    """Return the folders in which the last composition looked, the first one first."""
    loader = last_loader()
    paths = [] if loader is None else [source.full_path() for source in loader.get_sources()]
    return [Path(path.removeprefix("file://")) for path in paths if path.startswith("file://")]


def chosen_files() -> Iterator[Path]:
    """Yield the files of the options that the last composition was asked for by name."""
    for override in getattr(last_loader(), "_typed", {}):
        group, _, option = override.lstrip("+").partition("=")
        yield from _files(f"{group}/{option}")


def _named_files(text: str) -> Iterator[Path]:
    """Yield the file that Hydra names, or else those that were asked for."""
    inside = re.search(r"In '([^']+)'", text)
    yield from _files(inside.group(1)) if inside else chosen_files()


def _files(name: str) -> Iterator[Path]:
    files = (folder / f"{name.removesuffix('.yaml')}.yaml" for folder in config_folders())
    yield from [file for file in files if file.is_file()][:1]


def _entries(file: Path) -> Iterator[tuple[int, str, str]]:
    """Yield line, text before the colon and option of every entry; no option where there is no colon."""
    root = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if key.value == "defaults" and isinstance(value, yaml.SequenceNode):
            for item in value.value:
                yield from _entry(item)


def _entry(item: Any) -> Iterator[tuple[int, str, str]]:
    if isinstance(item, yaml.MappingNode):
        for key, option in item.value:
            yield item.start_mark.line + 1, str(key.value), str(option.value)
    elif isinstance(item, yaml.ScalarNode):
        yield item.start_mark.line + 1, item.value, ""


def _all_marks(file: Path) -> Iterator[tuple[str, int]]:
    text = file.read_text(encoding="utf-8")
    head = next((number for number, line in enumerate(text.splitlines(), 1) if line.startswith("defaults:")), 0)
    yield from origins.marks(text)
    if head:
        yield "defaults", head


def _told(where: str, what: str, fix: str, file: Path, line: int) -> ConfigError:
    error = ConfigError(where, what, fix)
    error.origin = str(origins.Origin(origins.shown(file), line))
    return error
