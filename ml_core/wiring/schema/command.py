"""How does an editor know which keys a YAML file may have? `check.py schema` writes JSON schemas for it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ml_core.errors import UserError
from ml_core.utils.composition import CONFIGS_OF_CHECKPOINTS, FROM_CHECKPOINT, STORED_SECTIONS
from ml_core.utils.project_root import config_folder, find_project_root, own_config_folder
from ml_core.utils.report import together, told
from ml_core.utils.search_path import make_importable
from ml_core.wiring.check import resolver
from ml_core.wiring.schema.defaults import defaults_schema
from ml_core.wiring.schema.families import families
from ml_core.wiring.schema.knowledge import Knowledge
from ml_core.wiring.schema.nodes import Nodes, used
from ml_core.wiring.schema.places import ConfigFile, config_files, pairs, places
from ml_core.wiring.schema.targets import Targets
from ml_core.wiring.schema.types import Schema
from ml_core.wiring.static_signatures import Resolver

DRAFT = "http://json-schema.org/draft-07/schema#"
FOLDER = "schemas"
GROUPS_OF_CHECKPOINTS = (*STORED_SECTIONS, "trainer", "run")

HOW_TO = """\
Wrote {count} schemas to {into}. Write them anew when a group, an option or a class of yours has changed.

Tell the editor which file has which schema, with a comment in the file (below `# @package`, which Hydra reads only
from the first line):

    {header}

or once for all files, in VS Code (extension "YAML") in .vscode/settings.json:

{settings}
"""


def main(arguments: Sequence[str]) -> int:
    """Run `check.py schema`; return the exit code."""
    parser = argparse.ArgumentParser(prog="check.py schema", description="Write JSON schemas of the configuration.")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help=f"default: {FOLDER}/ beside the configurations")
    parser.add_argument("--config-dir", metavar="FOLDER", help="configurations of your own; default: ./configs")
    options = parser.parse_args(arguments)
    try:
        own, root = own_config_folder(options.config_dir), find_project_root()
        make_importable([*([own.parent] if own else []), Path.cwd(), root])
        folders = [*([own] if own else []), config_folder()]
        into = options.into or (own.parent if own else root) / FOLDER
        reader = resolver()
        broken: list[UserError] = []
        written = write_schemas(folders, into, reader, broken)
        reader.save()
    except (UserError, OSError) as error:
        text, code = told(error)
        sys.stderr.write(f"{text}\n")
        return code
    sys.stdout.write(how_to(written, into, folders))
    if broken:
        text, code = told(together(broken))
        sys.stderr.write(f"{text}\n")
        return code
    return 0


def write_schemas(
    config_folders: Sequence[Path], into: Path, resolver: Resolver, broken: list[UserError] | None = None
) -> list[Path]:
    """Write a schema for every group and every primary configuration.

    Args:
        config_folders: Where configurations are; one in an earlier folder hides its namesake in a later one.
        into: Folder for the schemas; where there is none it is made, as one that git ignores.
        resolver: Reads signatures.
        broken: Gets what is wrong with configurations that are no YAML, which are passed over; None raises the first.

    Returns:
        The schemas' files; each stands alone.

    Raises:
        ConfigError: If a configuration is no YAML.
    """
    files = sorted(_readable(config_files(config_folders), broken), key=_authority)
    root = places(files)
    written = {target for place in root.walk() for target in place.targets}
    nodes = Nodes(Knowledge(root, Targets(resolver), families(resolver, sorted(written))))
    definitions = nodes.definitions()
    schemas = {into / f"{group or name}.json": _schema(nodes, files, group, name) for group, name in _subjects(files)}
    if not into.exists():
        into.mkdir(parents=True)
        (into / ".gitignore").write_text("*\n")
    for path, schema in schemas.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**schema, "definitions": used(schema, definitions)}) + "\n", encoding="utf-8")
    return list(schemas)


def _readable(files: Iterable[ConfigFile], broken: list[UserError] | None) -> Iterator[ConfigFile]:
    for file in files:
        try:
            _ = file.content
        except UserError as error:
            if broken is None:
                raise
            broken.append(error)
        else:
            yield file


def how_to(written: Sequence[Path], into: Path, config_folders: Sequence[Path]) -> str:
    """Return what to tell an editor about the schemas that were written.

    Args:
        written: The schemas.
        into: The folder that they are in.
        config_folders: Where configurations are; the first is the one that is edited.
    """
    here, configs = Path.cwd(), config_folders[0]
    settings = {}
    for schema in written:
        name = schema.relative_to(into).with_suffix("")
        is_group = any((folder / name).is_dir() for folder in config_folders)
        glob = configs / (f"{name}/*.yaml" if is_group else f"{name}.yaml")
        settings[_relative(schema, here)] = _relative(glob, here)
    header = f"# yaml-language-server: $schema={_relative(into / 'experiment.json', configs / 'experiment')}"
    text = json.dumps({"yaml.schemas": settings}, indent=2)
    return HOW_TO.format(count=len(written), into=_relative(into, here), header=header, settings=text)


def _subjects(files: Sequence[ConfigFile]) -> list[tuple[str, str]]:
    """Return what gets a schema: `(group, "")`, or `("", name)` of a primary configuration."""
    return sorted({(file.group, "" if file.group else file.name.stem) for file in files})


def _authority(file: ConfigFile) -> tuple[bool, bool, str]:
    """Order files so that those that tell best what a key is come first: groups and training before experiments."""
    is_selection = bool(file.group) and not file.package
    return is_selection, not file.group and file.name.stem != "train", file.name.as_posix()


def _schema(nodes: Nodes, files: Sequence[ConfigFile], group: str, name: str) -> Schema:
    """Return the schema of the files of a group, or of a primary configuration; without definitions."""
    own = [file for file in files if file.group == group and name in ("", file.name.stem)]
    keys = {"defaults": defaults_schema(group, _options(files, name))}
    by_default = tuple(group.split("/"))
    packages = sorted({file.package for file in own}, key=lambda package: (package != by_default, package))
    own_keys = () if group else (key for file in own for key, _ in pairs(file.content))
    shape = nodes.file(packages, keys, own_keys)
    return {"$schema": DRAFT, "type": ["object", "null"], **shape}


def _options(files: Sequence[ConfigFile], primary: str) -> dict[str, dict[str, str]]:
    """Return every group's options, with what each is."""
    options: dict[str, dict[str, str]] = {}
    for file in sorted(files, key=lambda file: file.name.as_posix()):
        options.setdefault(file.group, {})[file.name.stem] = file.about
    if primary in CONFIGS_OF_CHECKPOINTS:
        for group in GROUPS_OF_CHECKPOINTS:
            options.setdefault(group, {})[FROM_CHECKPOINT] = "What the checkpoint's configuration says."
    return options


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()
