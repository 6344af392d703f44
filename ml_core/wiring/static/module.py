"""What does the file of a module say? Read and parsed where that is needed, and never run."""

from __future__ import annotations

import ast
import re
import time
import warnings
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from ml_core.wiring.static.scopes import Scope, absolute, index

Kind = Literal["package", "module", "name", "builtin", "dynamic"]

SOURCE_SUFFIXES = (".py", ".pyi")
SETTLED_SECONDS = 2.0  # coarser than the clock of any file system: a file this old shows its next edit in its time

STAR_IMPORT = re.compile(rb"^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+\*", re.MULTILINE)
BINDING = rb"""(?x)
    ^\s* (?:class|def|async[ ]def) \s+ %(name)s \b          # a definition
    | ^\s* (?:from|import|for|with)\b [^\n]* \b%(name)s\b    # an import on one line, a loop, an alias
    | ^[ \t(]* (?:\w+ (?:[ \t]+as[ \t]+\w+)? [ \t]*,[ \t]*)* # a line of a longer import
      (?:\w+[ \t]+as[ \t]+)? %(name)s [ \t]* (?:[,)\\\#]|$)
    | ^ (?:[^\n=]*=(?!=))* [^\n=]* \b%(name)s\b [^\n=]* =(?!=) # an assignment
"""
DEFINITION = re.compile(rb"^(?:class|def|async def) ([^\W_]\w*)", re.MULTILINE)
LISTED = re.compile(rb"^__all__[^=\n]*=\s*[\[(](?:\s*[\"'][\w.]+[\"']\s*,?)*\s*[\])][ \t]*(?:#.*)?$", re.MULTILINE)
RUN_TIME_NAMES = re.compile(
    rb"""(?x)
    \bdef\ __getattr__\( \s*\w+\s* (?::[^,)]+)? \) | \b__getattr__\b[^\n]*=   # of a module, so without self
    | \bglobals\(\) | \bsys\.modules\[__name__\] | \bsetattr\(sys\.modules
    | \bexec\( | \b(?:vars|locals)\(\)\[ | \b__path__\b
    """
)


class Unresolved(Exception):
    """A dotted target whose signature cannot be told from source.

    Attributes:
        kind: `package`, its first part is not installed; `module`, a package has no such submodule, or its file cannot
            be parsed; `name`, a module or class has no such name. These three are mistakes. `builtin`, it is compiled;
            `dynamic`, only running it would tell. These two are not: the target is just not checked.
        message: One sentence part, `torch.optim has no 'Adamm'`.
        asked: The package, module or name that was looked for where the search failed, `Adamm`.
        known: Names that exist there.
    """

    def __init__(self, kind: Kind, message: str, asked: str = "", known: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message
        self.asked = asked
        self.known = tuple(known)

    @property
    def is_mistake(self) -> bool:
        """Whether the target cannot exist, rather than not be read."""
        return self.kind in ("package", "module", "name")


class Module:
    """A module on disk.

    Args:
        name: Dotted name.
        path: Its file; empty for a namespace package, which has none.
        folders: Where its submodules lie; empty for a plain module.
        stub: The `.pyi` file beside a `.py` file; it is asked for what the `.py` file makes at run time.
        is_built_in: Whether it is part of the interpreter.

    Raises:
        Unresolved: When it is read, if that fails; says where.
    """

    def __init__(
        self,
        name: str,
        path: str,
        folders: Sequence[str] = (),
        stub: Module | None = None,
        *,
        is_built_in: bool = False,
    ) -> None:
        self.name = name
        self.path = path
        self.folders = tuple(folders)
        self.stub = stub
        self.is_stub = path.endswith(".pyi")
        self.is_compiled = is_built_in or (bool(path) and not path.endswith(SOURCE_SUFFIXES))
        self.fingerprint, self.is_settled = _look_at(path)
        if stub is not None:
            self.fingerprint, self.is_settled = self.fingerprint + stub.fingerprint, self.is_settled and stub.is_settled

    @property
    def package(self) -> str:
        """The package that its relative imports count from."""
        return self.name if self.folders else self.name.rpartition(".")[0]

    @cached_property
    def text(self) -> bytes:
        """Its bytes; none of a namespace package or a compiled module."""
        if not self.path or self.is_compiled:
            return b""
        try:
            with open(self.path, "rb") as file:
                return file.read()
        except OSError as error:
            raise Unresolved("module", f"{self.path}: {error.strerror}") from None

    @cached_property
    def tree(self) -> ast.Module:
        """Its parsed source."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self.text)
        except SyntaxError as error:
            raise Unresolved("module", f"{self.path}:{error.lineno}: {error.msg}") from None
        except ValueError as error:  # a null byte
            raise Unresolved("module", f"{self.path}:1: {error}") from None

    @cached_property
    def scope(self) -> Scope:
        """The names that it binds."""
        return index(self.tree.body, self.package)

    @cached_property
    def star_modules(self) -> list[str]:
        """Modules that it imports by `*`, read off its text, which is quicker than parsing it."""
        found = STAR_IMPORT.findall(self.text)
        return [absolute(self.package, name.decode() or None, len(dots)) for dots, name in found]

    @cached_property
    def makes_names(self) -> bool:
        """Whether it may have names that its source does not show."""
        return self.is_compiled or self.is_stub or bool(RUN_TIME_NAMES.search(self.text))

    @cached_property
    def definitions(self) -> list[str]:
        """Public classes and functions, read off its text."""
        return [name.decode() for name in DEFINITION.findall(self.text)]

    def may_bind(self, name: str) -> bool:
        """Whether a line of its text looks as if it gave the name a value; parses nothing."""
        encoded = name.encode()
        return encoded in self.text and bool(re.search(BINDING % {b"name": encoded}, self.text, re.MULTILINE))

    @cached_property
    def _is_listed_once(self) -> bool:
        return self.text.count(b"__all__") == 1 and bool(LISTED.search(self.text))

    def may_export(self, name: str) -> bool:
        """Whether its text leaves it open that `from module import *` brings the name; parses nothing."""
        return self.mentions(name) if self._is_listed_once else True

    def mentions(self, name: str) -> bool:
        """Whether a string literal of the source is that name, or has it between dots."""
        return bool(re.search(rb"""["'.]%s["'.]""" % re.escape(name.encode()), self.text))

    def exports(self, name: str) -> bool:
        """Whether `from module import *` brings the name; in doubt it does."""
        if "__all__" not in self.scope.names:
            return not name.startswith("_")
        return self._listed is None or name in self._listed

    @cached_property
    def _listed(self) -> frozenset[str] | None:
        """The names in `__all__`, where it is written out once."""
        values = [bound.value for bound in self.scope.names["__all__"]]
        only = values[0] if len(values) == 1 and b"__all__." not in self.text else None
        return frozenset(literal_names(only)) if isinstance(only, ast.List | ast.Tuple) else None


def literal_names(node: ast.AST) -> list[str]:
    """Return the string literals in an expression, in their order."""
    return [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def _look_at(path: str) -> tuple[list[Any], bool]:
    """Return what shows an edit of the file, and whether the file is old enough for that."""
    if not path:
        return [path], True
    try:
        status = Path(path).stat()
    except OSError:  # a broken link: told when it is read
        return [path], False
    changed = max(status.st_mtime, status.st_ctime)
    return [path, status.st_mtime_ns, status.st_ctime_ns, status.st_size], time.time() - changed > SETTLED_SECONDS
