"""Do data and transforms still mean what they meant? A digest of their contents, and of the code behind them."""

from __future__ import annotations

import enum
import functools
import hashlib
import importlib.metadata
import sys
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ml_core.errors import ConfigError

PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...))


def fingerprint(*values: Any) -> str:
    """Return 32 hexadecimal digits that change when any of the values means something else.

    Numbers, arrays and tensors count by content; Hugging Face data sets by their own fingerprint and by size and time
    of the files that their rows name; objects by their class and state; functions and classes of installed packages
    by name and version; those of the user by their code, with what that uses of the user's other code. The same in
    every process and on every machine.

    Raises:
        ConfigError: If a value holds something that cannot be compared, such as an open file.
    """
    digest = _Digest()
    for value in values:
        digest.add(value)
    return digest.hexdigest()


class _Digest:
    """Adds one value after another to a hash, each as a hash of its own, so that copies count as the same."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._done: dict[int, str] = {}
        self._under_way: list[int] = []
        self._kept: list[Any] = []  # so that no id is used twice
        self._modules: dict[str, str] = {}

    def hexdigest(self) -> str:
        for name in sorted(self._modules):
            self._word("source", self._modules[name])
        return self._hash.hexdigest()

    def add(self, value: Any) -> None:
        if type(value) in PLAIN:
            self._word(type(value).__name__, repr(value))
        elif id(value) in self._under_way:  # it holds itself
            self._word("outer", self._under_way.index(id(value)))
        else:
            if id(value) not in self._done:
                self._done[id(value)] = self._alone(value)
            self._word(self._done[id(value)])

    def _alone(self, value: Any) -> str:
        outer, self._hash = self._hash, hashlib.blake2b(digest_size=16)
        self._kept.append(value)
        self._under_way.append(id(value))
        self._add(value)
        self._under_way.pop()
        inner, self._hash = self._hash, outer
        return inner.hexdigest()

    def _word(self, *words: object) -> None:
        text = "\0".join(map(str, words)).encode(errors="surrogatepass")
        self._hash.update(len(text).to_bytes(8, "little") + text)

    def _all(self, kind: str, values: Iterable[Any]) -> None:
        values = list(values)
        self._word(kind, len(values))
        for value in values:
            self.add(value)

    def _add(self, value: Any) -> None:
        if isinstance(value, type):
            self._class(value)
        elif isinstance(value, np.ndarray):
            self._array(value)
        elif isinstance(value, torch.Tensor):
            self._tensor(value)
        elif isinstance(value, enum.Enum):
            self._word("enum", type(value).__qualname__, value.name)
        elif type(value) in (list, tuple, dict, set, frozenset):
            self._container(value)
        elif callable(getattr(value, "with_format", None)) and hasattr(value, "_fingerprint"):
            self._data_set(value)
        elif isinstance(value, (types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.CodeType)):
            self._function(value)
        elif isinstance(value, types.ModuleType):
            self._module(value)
        else:
            self._object(value)

    def _container(self, value: Any) -> None:
        kind = type(value).__name__
        if isinstance(value, dict):
            self._all(kind, (part for pair in value.items() for part in pair))
        elif isinstance(value, (set, frozenset)):
            self._all(kind, sorted(fingerprint(part) for part in value))
        else:
            self._all(kind, value)

    def _array(self, value: np.ndarray) -> None:
        if value.dtype.hasobject:
            self._all("objects", [value.shape, value.tolist()])
        else:
            self._word("array", value.dtype.str, value.shape)
            self._hash.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)

    def _tensor(self, value: torch.Tensor) -> None:
        self._word("tensor", value.dtype, tuple(value.shape))
        self._hash.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)

    def _data_set(self, rows: Any) -> None:
        self._word("data set", rows._fingerprint, len(rows))
        for path in _files(rows):
            state = Path(path).stat() if Path(path).exists() else None
            self._word(path, state and state.st_size, state and state.st_mtime_ns)

    def _class(self, value: type) -> None:
        self._word("class", *_name(value))
        if not _is_installed(value) and not self._source(value.__module__):
            functions = {name: part for name, part in vars(value).items() if isinstance(part, types.FunctionType)}
            self._all("bases", value.__bases__)
            self._all("members", (part for pair in functions.items() for part in pair))

    def _function(self, value: Any) -> None:
        if isinstance(value, types.MethodType):
            self._all("method", [value.__self__, value.__func__])
        elif isinstance(value, types.BuiltinFunctionType):
            owner = value.__self__ if not isinstance(value.__self__, types.ModuleType) else None
            self._all("builtin", [*_name(value), owner])
        elif isinstance(value, types.CodeType):
            self._word("code", value.co_code.hex(), value.co_names, value.co_varnames, value.co_freevars)
            self._all("constants", value.co_consts)
        else:
            self._word("function", *_name(value))
            if not _is_installed(value):
                self._written(value)

    def _written(self, function: types.FunctionType) -> None:
        """Add a function of the user: its code, what it holds, and the modules that its code stands in and uses."""
        closure = [cell.cell_contents for cell in function.__closure__ or ()]
        self._all("body", [function.__code__, function.__defaults__, function.__kwdefaults__, closure])
        if not self._source(function.__module__):
            used = {n: function.__globals__[n] for n in _names(function.__code__) if n in function.__globals__}
            self._all("globals", (part for pair in used.items() for part in pair))

    def _source(self, name: str | None) -> bool:
        """Add the text of a module, and of those of the user that it imports; tell whether there is such a text."""
        module = sys.modules.get(name or "")
        file = Path(getattr(module, "__file__", None) or "")
        if name is None or module is None or file.suffix != ".py" or not file.is_file():
            return False
        if name not in self._modules:
            self._modules[name] = file.read_text(encoding="utf-8")
            for other in _imported(module):
                self._source(other)
        return True

    def _module(self, value: types.ModuleType) -> None:
        self._word("module", value.__name__, _version(value.__name__) if _is_installed(value) else "")
        if not _is_installed(value):
            self._source(value.__name__)

    def _object(self, value: Any) -> None:
        if isinstance(value, functools.partial):
            self._all("partial", [value.func, value.args, value.keywords])
        else:
            self._reduced(value)

    def _reduced(self, value: Any) -> None:
        """Add an object as what pickle would make it of: its class or a function, arguments and state."""
        try:
            reduced = value.__reduce_ex__(4)
        except Exception as error:  # whatever a library raises for what cannot be pickled
            raise ConfigError(
                "data.cache",
                f"a {type(value).__name__} cannot be compared from run to run ({error}), so a cache that depends on "
                "it could be out of date.",
                "Keep it out of the data set and of data.transform, or set data.cache=false.",
            ) from error
        self._word("object", *_name(type(value)))
        if isinstance(reduced, str):
            self._word(reduced)
        else:
            maker, arguments, *state = reduced
            self._all("made", [maker, arguments])
            self._all("state", (list(part) if hasattr(part, "__next__") else part for part in state))


def _name(value: Any) -> tuple[str, str, str]:
    """Return module and name of a function or class, and the version of the package that it is installed with."""
    module = getattr(value, "__module__", None) or ""
    is_main = module == "__main__"  # the same file, however it was started
    name = getattr(value, "__qualname__", getattr(value, "__name__", ""))
    return "" if is_main else module, name, _version(module) if _is_installed(value) else ""


def _is_installed(value: Any) -> bool:
    """Whether something comes from the standard library or an installed package, whose version tells its code."""
    name = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None) or "builtins"
    if name.partition(".")[0] in sys.stdlib_module_names:
        return name != "__main__"
    file = getattr(sys.modules.get(name), "__file__", None)
    return (file is None and name in sys.modules) or "site-packages" in str(file) or "dist-packages" in str(file)


def _imported(module: types.ModuleType) -> set[str]:
    """Return the names of the user's own modules that a module takes something from."""
    owners = {v.__name__ if isinstance(v, types.ModuleType) else getattr(v, "__module__", None)
              for v in vars(module).values()}  # fmt: skip
    return {n for n in owners if isinstance(n, str) and n in sys.modules and not _is_installed(sys.modules[n])}


def _names(code: types.CodeType) -> list[str]:
    """Return the global names that a piece of code uses, those in functions inside it included."""
    inner = [name for constant in code.co_consts if isinstance(constant, types.CodeType) for name in _names(constant)]
    return sorted({*code.co_names, *inner})


@functools.cache
def _version(module: str) -> str:
    package = module.partition(".")[0]
    if package in sys.stdlib_module_names or not package:
        return sys.version.partition(" ")[0]
    found = getattr(sys.modules.get(package), "__version__", None)
    try:
        return str(found or importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:
        return ""


def _files(rows: Any) -> list[str]:
    """Return the files outside of a Hugging Face data set that its rows name, for images, sounds and the like."""
    import pyarrow as pa
    import pyarrow.compute as pc

    files: set[str] = set()
    for name, feature in (getattr(rows, "features", None) or {}).items():
        stored = rows.data.column(name) if getattr(feature, "decode", False) else None
        if stored is not None and pa.types.is_struct(stored.type) and len(stored):
            is_outside = pc.is_null(pc.struct_field(stored, "bytes"))
            if pc.any(is_outside).as_py():
                paths = pc.struct_field(stored.filter(is_outside), "path").unique().to_pylist()
                files |= {path for path in paths if path}
    return sorted(files)
