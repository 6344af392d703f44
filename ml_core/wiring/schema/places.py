"""What is written where, in all files of the configuration folders?

Files are read as they lie there, not composed: what an option or an experiment writes at a path tells what may stand
at that path elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import yaml

from ml_core.errors import ConfigError
from ml_core.utils.origins import shown

KeyPath: TypeAlias = tuple[str, ...]

GLOBAL = "_global_"
PACKAGE = re.compile(r"\A(?:[ \t]*(?:#[ \t]*@.*)?\n)*?[ \t]*#[ \t]*@package[ \t]+(\S+)")
PLACED = re.compile(r"^(?:optional\s+|override\s+)*(?P<group>/?[\w/.-]+)@(?P<package>[\w.]+)$")
COMMENT = re.compile(r"\s#\s+(.*)$")


@dataclass(frozen=True)
class ConfigFile:
    """A file of a configuration folder.

    Attributes:
        name: Path inside the folder.
        path: Where it lies.
    """

    name: PurePosixPath
    path: Path

    @property
    def group(self) -> str:
        """Its group, `model/optimizer`; empty for a primary configuration."""
        return "" if self.name.parent == PurePosixPath() else self.name.parent.as_posix()

    @cached_property
    def text(self) -> str:
        """What is in it."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def package(self) -> KeyPath:
        """Where it lands: what its `@package` header says, else its group."""
        found = PACKAGE.match(self.text)
        said = found[1] if found else "_group_"
        said = said.replace("_group_", self.group.replace("/", ".")).replace("_name_", self.name.stem)
        return tuple(part for part in said.split(".") if part and part != GLOBAL)

    @cached_property
    def content(self) -> yaml.MappingNode | None:
        """Its keys; None where it has none.

        Raises:
            ConfigError: If it is no YAML.
        """
        try:
            root = yaml.compose(self.text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
            raise ConfigError(
                f"{shown(self.path)}:{line}", f"is no YAML: {getattr(error, 'problem', error)}."
            ) from None
        return root if isinstance(root, yaml.MappingNode) else None

    @property
    def about(self) -> str:
        """What its header says that it is."""
        lines = re.match(r"(?:#.*\n)*", self.text)[0].splitlines()  # type: ignore[index]
        told = [line.lstrip("# ") for line in lines if "@package" not in line and not line.startswith("# Run:")]
        return " ".join(told)

    def placements(self) -> Iterator[tuple[str, KeyPath]]:
        """Yield the groups that its defaults list puts into another package, with that package."""
        for key, entries in pairs(self.content):
            items = entries.value if key == "defaults" and isinstance(entries, yaml.SequenceNode) else []
            for name in (name for item in items if isinstance(item, yaml.MappingNode) for name, _ in pairs(item)):
                if found := PLACED.match(name):
                    group = found["group"] if found["group"].startswith("/") else f"{self.group}/{found['group']}"
                    parts = tuple(part for part in found["package"].split(".") if part != GLOBAL)
                    is_absolute = found["package"].startswith(GLOBAL)
                    yield group.strip("/"), parts if is_absolute else (*self.package, *parts)


@dataclass
class Place:
    """A path of the composed configuration.

    Attributes:
        path: Its keys.
        targets: Every `_target_` that a file writes there.
        children: What is written below it.
        comment: What a file says about it, above its key or behind it.
        plain: For every file that has a mapping without `_target_` there, which keys it has and which of them are
            nodes.
        is_variable: Whether a file has a `_target_` there that is not known before composition.
    """

    path: KeyPath
    targets: list[str] = field(default_factory=list)
    children: dict[str, Place] = field(default_factory=dict)
    comment: str = ""
    plain: list[dict[str, bool]] = field(default_factory=list)
    is_variable: bool = False

    def child(self, name: str) -> Place:
        """Return the place of a key below this one."""
        return self.children.setdefault(name, Place((*self.path, name)))

    def at(self, path: Iterable[str]) -> Place:
        """Return the place at a path below this one."""
        place = self
        for name in path:
            place = place.child(name)
        return place

    def walk(self) -> Iterator[Place]:
        """Yield this place and all below it."""
        yield self
        for child in self.children.values():
            yield from child.walk()


def config_files(folders: Sequence[Path]) -> list[ConfigFile]:
    """Return the files of configuration folders; one of an earlier folder hides its namesake in a later one."""
    found: dict[str, ConfigFile] = {}
    for folder in folders:
        for path in sorted([*folder.rglob("*.yaml"), *folder.rglob("*.yml")]):
            name = PurePosixPath(path.relative_to(folder).as_posix())
            found.setdefault(name.with_suffix("").as_posix(), ConfigFile(name, path))
    return [found[name] for name in sorted(found)]


def places(files: Sequence[ConfigFile]) -> Place:
    """Return the root of all places that the files write to."""
    root = Place(())
    packages = [(file, file.package) for file in files]
    placed = [placement for file in files for placement in file.placements()]
    packages += [(file, package) for group, package in placed for file in files if file.group == group]
    for file, package in packages:
        if file.content is not None:
            _note(root.at(package), file.content, file.text.splitlines())
    return root


def _note(place: Place, node: yaml.MappingNode, lines: Sequence[str]) -> None:
    """Note a mapping, and what is below it, at a place."""
    entries = {
        key: value for key, value in pairs(node) if key != "defaults" or not isinstance(value, yaml.SequenceNode)
    }
    target = entries.get("_target_")
    if target is None:
        place.plain.append({key: _is_node(value) for key, value in entries.items()})
    elif "${" in str(target.value):
        place.is_variable = True
    elif str(target.value) not in place.targets:
        place.targets.append(str(target.value))
    for key_node, value in node.value:
        if key_node.value in entries and not key_node.value.startswith("_"):
            inner = place.child(key_node.value)
            inner.comment = inner.comment or _comment(lines, key_node.start_mark.line, value)
            if isinstance(value, yaml.MappingNode):
                _note(inner, value, lines)


def pairs(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    """Yield the keys and values of a mapping."""
    if isinstance(node, yaml.MappingNode):
        yield from ((str(key.value), value) for key, value in node.value)


def _is_node(value: yaml.Node) -> bool:
    return any(key == "_target_" for key, _ in pairs(value))


def _comment(lines: Sequence[str], line: int, value: yaml.Node) -> str:
    """Return the comment above a key, without the header of its file, or else the one behind a scalar."""
    start = line
    while start and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    above = " ".join(text.lstrip("# ") for text in lines[start:line])
    if above and start:
        return above
    end = value.end_mark
    is_scalar = isinstance(value, yaml.ScalarNode) and end.line == line
    behind = COMMENT.search(f" {lines[line][end.column :]}") if is_scalar else None
    return behind[1].strip() if behind else ""
