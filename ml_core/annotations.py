"""Which kinds of value does an annotation ask for? Read from its text; what it does not say plainly stays unknown."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ml_core.value_ranges import Limit, MinLen, OneOf, limit_of, worded

WORDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "complex": "a number",
    "str": "text",
    "None": "null",
    "list": "a list",
    "mapping": "a mapping",
    "object": "an object (a node with `_target_`)",
}
SIMPLE = frozenset({"int", "float", "complex", "bool", "str"})
CONTAINERS = {
    **dict.fromkeys(("list", "List", "tuple", "Tuple", "Sequence", "Iterable", "Collection", "set", "Set"), "list"),
    **dict.fromkeys(("dict", "Dict", "Mapping", "MutableMapping", "OrderedDict"), "mapping"),
}
OBJECTS = frozenset({"Callable", "Metric", "Module", "Optimizer", "Tensor"})
SHARE = re.compile(r" (from|above) 0 (and )?((up )?to|to below|below) 1")
ORDERED, SIZED = frozenset({"int", "float"}), frozenset({"str", "list", "mapping"})


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Attributes:
        name: A key of `WORDS`.
        limits: What the value keeps to.
        of: What a container holds, where that has limits.
    """

    name: str
    limits: tuple[Limit, ...] = ()
    of: tuple[Wanted, ...] = ()

    @property
    def words(self) -> str:
        """The kind as a message tells it."""
        limits = worded(self.limits)
        is_share = self.name == "float" and SHARE.fullmatch(limits)
        return f"{'a share' if is_share else WORDS[self.name]}{limits}"


@dataclass(frozen=True)
class Choice:
    """A value that an annotation names itself."""

    value: Any


Wanted: TypeAlias = Kind | Choice


@functools.cache
def kinds_of(annotation: str) -> tuple[Wanted, ...] | None:
    """Return what an annotation asks for; None where some part is not understood."""
    try:
        return _of(ast.parse(annotation, mode="eval").body)
    except SyntaxError:
        return None


def has_limits(annotation: str | None) -> bool:
    """Whether an annotation asks for more than a type."""
    kinds = kinds_of(annotation or "") or ()
    return any(isinstance(kind, Choice) or kind.limits or kind.of for kind in kinds)


def _of(node: ast.expr) -> tuple[Wanted, ...] | None:
    if isinstance(node, ast.Constant):
        return _of_constant(node.value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _together([node.left, node.right])
    if isinstance(node, ast.Subscript):
        return _of_subscript(node)
    name = _name(node)
    if name in SIMPLE:
        return (Kind(name),)
    if name in OBJECTS:
        return (Kind("object"),)
    return (Kind(CONTAINERS[name]),) if name in CONTAINERS else None


def _of_constant(value: Any) -> tuple[Wanted, ...] | None:
    if value is None:
        return (Kind("None"),)
    return kinds_of(value) if isinstance(value, str) else None  # an annotation in quotes


def _of_subscript(node: ast.Subscript) -> tuple[Wanted, ...] | None:
    name = _name(node.value)
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    match name:
        case "Optional":
            return _together([node.slice, ast.Constant(None)])
        case "Union":
            return _together(parts)
        case "Annotated":
            return _limited(_of(parts[0]), [limit for part in parts[1:] if (limit := limit_of(part))])
        case "Literal":
            values = [part.value for part in parts if isinstance(part, ast.Constant)]
            kinds = tuple(Kind("None") if value is None else Choice(value) for value in values)
            return kinds if len(kinds) == len(parts) else None
    if name in CONTAINERS:
        return (Kind(CONTAINERS[name], of=_inside(_of(parts[-1]) or ())),)
    return (Kind("object"),) if name in OBJECTS else None


def _limited(kinds: Iterable[Wanted] | None, limits: Sequence[Limit]) -> tuple[Wanted, ...] | None:
    """Return kinds with limits; limits by choice stand in the place of the kinds, but for null."""
    if kinds is None:
        return None
    choices = [Choice(value) for limit in limits if isinstance(limit, OneOf) for value in limit.choices]
    if choices:
        return (*choices, *(kind for kind in kinds if kind == Kind("None")))
    return tuple(_with(kind, limits) if isinstance(kind, Kind) else kind for kind in kinds)


def _with(kind: Kind, limits: Iterable[Limit]) -> Kind:
    """Return a kind with those of the limits that are for it: of order for numbers, of length for what has one."""
    fitting = [limit for limit in limits if kind.name in (SIZED if isinstance(limit, MinLen) else ORDERED)]
    return replace(kind, limits=(*kind.limits, *fitting))


def _inside(kinds: tuple[Wanted, ...]) -> tuple[Wanted, ...]:
    return kinds if any(isinstance(kind, Kind) and kind.limits for kind in kinds) else ()


def _together(parts: Iterable[ast.expr]) -> tuple[Wanted, ...] | None:
    kinds: list[Wanted] = []
    for part in parts:
        inner = _of(part)
        if inner is None:
            return None
        kinds.extend(kind for kind in inner if kind not in kinds)
    return tuple(kinds)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
