"""In which file and line was a key of the configuration written?

While Hydra composes, the files come by here in the order in which they are merged, and then the overrides. Nothing is
parsed until somebody asks, which is when a mistake is told.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True, order=True)
class Origin:
    """Where a key was written.

    Attributes:
        place: A file, relative to the working folder where it lies in it, or `command line: <override>`.
        line: Line in the file, from 1; 0 where there is none.
    """

    place: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.place}:{self.line}" if self.line else self.place


class Origins:
    """The sources of one composition, the last word last."""

    def __init__(self) -> None:
        self._files: list[tuple[str, str, str]] = []
        self._overrides: list[tuple[str, str]] = []
        self._index: dict[str, Origin] | None = None

    def add_file(self, path: str | Path, package: str) -> None:
        """Note a YAML file whose keys land under `package`, a dotted path; empty for the top level."""
        self._files.append((shown(path), package, Path(path).read_text(encoding="utf-8")))
        self._index = None

    def add_source(self, name: str, package: str) -> None:
        """Note something that is no YAML file, such as a checkpoint, as the source of all under `package`."""
        self._files.append((name, package, ""))
        self._index = None

    def add_override(self, key: str, text: str) -> None:
        """Note an override as it was typed."""
        self._overrides.append((key.lstrip("+~").replace("/", "."), text))
        self._index = None

    def of(self, path: str) -> Origin | None:
        """Return where a key, or else the nearest node around it, was written; None where nothing was."""
        index = self._indexed()
        while path:
            if path in index:
                return index[path]
            path = path.rpartition("[")[0] if path.endswith("]") else path.rpartition(".")[0]
        return None

    def keys_under(self, parent: str) -> list[str]:
        """Return the names of the keys that files, not overrides, have directly under a node; at the top for none."""
        start = f"{parent}." if parent else ""
        paths = (path for _, package, text in self._files for path, _ in marks(text, package))
        inner = (path.removeprefix(start) for path in paths if path.startswith(start))
        return sorted({name for name in inner if not name.startswith("_") and "." not in name and "[" not in name})

    def paths(self) -> set[str]:
        """Return the paths of all keys and list items that files have."""
        return {path for _, package, text in self._files for path, _ in marks(text, package)}

    def keys_ending_in(self, end: str) -> list[str]:
        """Return the keys that files have whose path ends in these names, the shortest first."""
        return sorted((path for path in self.paths() if path.endswith(f".{end}")), key=lambda path: (len(path), path))

    def _indexed(self) -> dict[str, Origin]:
        if self._index is None:
            self._index = index = {}
            for name, package, text in self._files:
                if package:
                    index[package] = Origin(name, 1 if text else 0)
                for path, line in marks(text, package):
                    index[path] = Origin(name, line)
            for key, text in self._overrides:
                for stale in [path for path in index if path.startswith((f"{key}.", f"{key}["))]:
                    del index[stale]
                index[key] = origin = Origin(f"command line: {text}")
                while "." in key:
                    key = key.rpartition(".")[0]
                    index.setdefault(key, origin)
        return self._index


def marks(text: str, package: str = "") -> Iterator[tuple[str, int]]:
    """Yield the dotted path and line of every key and list item of a YAML text, its defaults list left out."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        root = yaml.compose(text, Loader=loader)
    except yaml.YAMLError:
        return
    if isinstance(root, yaml.MappingNode):
        root.value = [(key, value) for key, value in root.value if key.value != "defaults"]
    if root is not None:
        yield from _marks(root, package)


def _marks(node: yaml.Node, path: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = f"{path}.{key.value}" if path else str(key.value)
            yield inner, key.start_mark.line + 1
            yield from _marks(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield f"{path}[{index}]", item.start_mark.line + 1
            yield from _marks(item, f"{path}[{index}]")


def shown(path: str | Path) -> str:
    """Return a path as it is shown: relative where it lies in the working folder."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


_current = Origins()


def current() -> Origins:
    """Return the sources of the last composition of this process."""
    return _current


def start() -> Origins:
    """Begin those of a new composition."""
    global _current
    _current = Origins()
    return _current
