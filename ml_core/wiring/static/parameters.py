"""What is a signature, and how is it read off a definition?"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from ml_core.wiring.static.scopes import FunctionNode, last_name

ParameterKind = Literal["positional_only", "positional_or_keyword", "keyword_only", "var_positional", "var_keyword"]
UNKNOWN_DEFAULT = "?"
BY_KEYWORD = ("positional_or_keyword", "keyword_only")


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Attributes:
        name: Its name; that of `**kwargs` too.
        kind: As `inspect.Parameter.kind`.
        default: Source text; `?` where it may be left out and the default is not known; None where it is required.
        annotation: Source text.
        via: The callable that `**kwargs` hands it to, where it comes from there.
    """

    name: str
    kind: ParameterKind
    default: str | None = None
    annotation: str | None = None
    via: str | None = None


@dataclass(frozen=True)
class StaticSignature:
    """What a callable takes, read off its source.

    Attributes:
        target: The dotted name that was asked for.
        kind: What it is.
        file: Where it is defined.
        line: First line of the definition there.
        parameters: In their order; those that `**kwargs` hands on stand at the end, in place of it.
    """

    target: str
    kind: Literal["class", "function", "method"]
    file: str
    line: int
    parameters: tuple[Parameter, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names that may be given by keyword."""
        return tuple(p.name for p in self.parameters if p.kind in BY_KEYWORD)

    @cached_property
    def required(self) -> frozenset[str]:
        """Those of the names without a default."""
        return frozenset(p.name for p in self.parameters if p.kind in BY_KEYWORD and p.default is None)

    @cached_property
    def is_open(self) -> bool:
        """Whether further names may be given that are not known."""
        return any(p.kind == "var_keyword" for p in self.parameters)

    @cached_property
    def takes_args(self) -> bool:
        """Whether it takes any number of positional arguments."""
        return any(p.kind == "var_positional" for p in self.parameters)

    def as_json(self) -> list[Any]:
        """Return it as plain lists."""
        parameters = [[p.name, p.kind, p.default, p.annotation, p.via] for p in self.parameters]
        return [self.target, self.kind, self.file, self.line, parameters]

    @classmethod
    def from_json(cls, content: list[Any]) -> StaticSignature:
        """Return the signature that `as_json` made lists of."""
        target, kind, file, line, parameters = content
        return cls(target, kind, file, line, tuple(Parameter(*parameter) for parameter in parameters))


def parameters_of(function: FunctionNode, *, is_stub: bool = False) -> list[Parameter]:
    """Return the parameters of a definition, `self` included; in a stub, `__x` is positional only."""
    arguments = function.args
    hidden = len(arguments.posonlyargs)
    if is_stub:
        hidden = max([hidden, *(i for i, a in enumerate(arguments.args, start=hidden + 1) if _is_hidden(a))])
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + [*arguments.defaults]
    found = [
        _parameter(a, "positional_only" if i < hidden else "positional_or_keyword", d)
        for i, (a, d) in enumerate(zip(positional, defaults, strict=True))
    ]
    if arguments.vararg:
        found.append(_parameter(arguments.vararg, "var_positional"))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found.append(_parameter(argument, "keyword_only", default))
    if arguments.kwarg:
        found.append(_parameter(arguments.kwarg, "var_keyword"))
    return found


def union(alternatives: Sequence[Sequence[Parameter]]) -> list[Parameter]:
    """Return the parameters that at least one alternative takes; required are those that all of them require."""
    if len(alternatives) == 1:
        return list(alternatives[0])
    merged: dict[str, Parameter] = {}
    for parameter in (p for alternative in alternatives for p in alternative):
        key = parameter.kind if parameter.kind.startswith("var_") else parameter.name
        merged.setdefault(key, parameter)
    required = [{p.name for p in alternative if p.default is None} for alternative in alternatives]
    always = set.intersection(*required) if required else set()
    return [p if p.name in always or p.kind.startswith("var_") else optional(p) for p in merged.values()]


def optional(parameter: Parameter) -> Parameter:
    """Return the parameter as one that may be left out."""
    return replace(parameter, default=UNKNOWN_DEFAULT) if parameter.default is None else parameter


def fields_of(cls: ast.ClassDef, *, keyword_only: bool) -> list[Parameter]:
    """Return the constructor parameters that a dataclass's own body declares."""
    found: list[Parameter] = []
    for statement in cls.body:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        annotation = _text(statement.annotation) or ""
        if last_name(statement.annotation) == "KW_ONLY":
            keyword_only = True
        elif "ClassVar" not in annotation and (field := _field(statement, annotation, keyword_only)):
            found.append(field)
    return found


def _field(statement: ast.AnnAssign, annotation: str, keyword_only: bool) -> Parameter | None:
    assert isinstance(statement.target, ast.Name)
    default = _text(statement.value)
    if isinstance(statement.value, ast.Call) and last_name(statement.value) in ("field", "Field"):
        options = {k.arg: k.value for k in statement.value.keywords}
        if _is_false(options.get("init")):
            return None
        keyword_only = not _is_false(options["kw_only"]) if "kw_only" in options else keyword_only
        default = _text(options.get("default")) or (UNKNOWN_DEFAULT if "default_factory" in options else None)
    kind: ParameterKind = "keyword_only" if keyword_only else "positional_or_keyword"
    return Parameter(statement.target.id, kind, default, annotation)


def merge_fields(chain: Iterable[Sequence[Parameter]]) -> list[Parameter]:
    """Return the fields of dataclasses that inherit from each other, the first ancestor's first."""
    merged = {field.name: field for fields in chain for field in fields}
    return sorted(merged.values(), key=lambda field: field.kind == "keyword_only")


def _is_hidden(argument: ast.arg) -> bool:
    return argument.arg.startswith("__") and not argument.arg.endswith("__")


def _parameter(argument: ast.arg, kind: ParameterKind, default: ast.expr | None = None) -> Parameter:
    return Parameter(argument.arg, kind, _text(default), _text(argument.annotation))


def _text(node: ast.expr | None) -> str | None:
    return None if node is None else ast.unparse(node)


def _is_false(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False
