"""Where is the source of a module? Found as `import` would find it; nothing is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES, BuiltinImporter, FrozenImporter, PathFinder
from typing import Any, TypeAlias, TypeVar

from ml_core.wiring.static.module import SOURCE_SUFFIXES, Module

Fingerprint: TypeAlias = list[Any] | None
T = TypeVar("T")

SUFFIXES = (*SOURCE_SUFFIXES, *EXTENSION_SUFFIXES, *BYTECODE_SUFFIXES)


class Sources:
    """The modules that a search path holds, as they were on disk when first looked at.

    Attributes:
        asked: Names of all modules that were looked for since it was last emptied, found or not.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = tuple(dict.fromkeys(os.path.join(os.getcwd(), path) for path in paths))
        self.asked: set[str] = set()
        self._modules: dict[str, Module | None] = {}
        self._listings: dict[str, frozenset[str]] = {}
        self._traced: dict[Any, tuple[Any, set[str]]] = {}

    def find(self, name: str) -> Module | None:
        """Return the module of a dotted name, None where there is none; the first on the path, as in an import."""
        self.asked.add(name)
        if name not in self._modules:
            self._modules[name] = self._locate(name)
        return self._modules[name]

    def fingerprint(self, name: str) -> Fingerprint:
        """Return what changes when the module is edited, replaced, hidden by another, removed or added."""
        module = self.find(name)
        return None if module is None else [*module.fingerprint, *module.folders]

    def traced(self, key: Any, compute: Callable[[], T]) -> T:
        """Return what `compute` gives, kept under `key` together with the modules that it asks for."""
        if key not in self._traced:
            outer, self.asked = self.asked, set()
            try:
                self._traced[key] = (compute(), self.asked)
            finally:
                self.asked = outer | self.asked
        value, asked = self._traced[key]
        self.asked |= asked
        return value

    @property
    def has_archives(self) -> bool:
        """Whether the search path holds files, such as `.zip` and `.egg`, which are not looked into."""
        return any(os.path.isfile(path) for path in self.paths)

    def submodules(self, module: Module) -> set[str]:
        """Return the names of the modules inside a package."""
        entries = {entry for folder in module.folders for entry in self._listing(folder)}
        return {entry.partition(".")[0] for entry in entries if entry.endswith(SUFFIXES) or "." not in entry} - {
            "__init__",
            "__pycache__",
        }

    def _locate(self, name: str) -> Module | None:
        if not name:  # a relative import from a module in no package
            return None
        if name in sys.builtin_module_names:
            return Module(name, "", is_built_in=True)
        parent, _, leaf = name.rpartition(".")
        package = self.find(parent) if parent else None
        folders = self.paths if not parent else package.folders if package else ()
        portions = []
        for folder in folders:
            module = self._inside(folder, leaf, name)
            if module is not None:
                return module
            inner = os.path.join(folder, leaf)
            if leaf in self._listing(folder) and self._listing(inner):
                portions.append(inner)
        if portions:
            return Module(name, "", portions)
        return None if parent else _by_import_hook(name)

    def _inside(self, folder: str, leaf: str, name: str) -> Module | None:
        """Return the package or module of that name in a folder."""
        entries, inner = self._listing(folder), os.path.join(folder, leaf)
        if leaf in entries and (found := self._module_file(inner, "__init__", name, (inner,))):
            return found
        return self._module_file(folder, leaf, name, ())

    def _module_file(self, folder: str, stem: str, name: str, folders: Sequence[str]) -> Module | None:
        entries = self._listing(folder)
        suffix = next((suffix for suffix in SUFFIXES if stem + suffix in entries), None)
        if suffix is None:
            return None
        path = os.path.join(folder, stem)
        has_stub = suffix == ".py" and f"{stem}.pyi" in entries
        return Module(name, path + suffix, folders, Module(name, f"{path}.pyi", folders) if has_stub else None)

    def _listing(self, folder: str) -> frozenset[str]:
        if folder not in self._listings:
            try:
                self._listings[folder] = frozenset(entry.name for entry in os.scandir(folder))
            except OSError:  # no such folder, a file, or not readable: `import` finds nothing there either
                self._listings[folder] = frozenset()
        return self._listings[folder]


def _by_import_hook(name: str) -> Module | None:
    """Return the top-level module that a finder of an editable installation knows; finders run no module of that name.

    Python's own finders are left out: the search path has been looked through, and the rest is built in.
    """
    for finder in sys.meta_path:
        if finder not in (BuiltinImporter, FrozenImporter, PathFinder):
            spec = finder.find_spec(name, None)
            if spec is not None and spec.origin and os.path.isfile(spec.origin):
                return Module(name, spec.origin, list(spec.submodule_search_locations or ()))
    return None
