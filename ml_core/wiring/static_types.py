"""Can a value of a YAML file be what an annotation asks for? Judged only where the annotation says it plainly."""

from __future__ import annotations

import ast
import functools
import json
from collections.abc import Iterable
from typing import Any

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
CONTAINERS = {
    **dict.fromkeys(("list", "List", "tuple", "Tuple", "Sequence", "Iterable", "Collection", "set", "Set"), "list"),
    **dict.fromkeys(("dict", "Dict", "Mapping", "MutableMapping", "OrderedDict"), "mapping"),
}
OBJECTS = frozenset({"Callable", "Metric", "Module", "Optimizer", "Tensor"})


def misfit(value: Any, annotation: str | None, default: str | None = None) -> str | None:
    """Return what is wrong with a plain value, as a sentence; None where it fits or cannot be judged.

    Args:
        value: Plain data, as YAML gives it.
        annotation: Source text of the parameter's annotation.
        default: Source text of its default; a parameter whose default is None takes null whatever it says.
    """
    kinds = None if annotation is None else kinds_of(annotation)
    is_node = isinstance(value, dict) and "_target_" in value
    if kinds is None or is_node or (value is None and default == "None"):
        return None
    choices = [kind for kind in kinds if not isinstance(kind, str)]
    names = [kind for kind in kinds if isinstance(kind, str)]
    if any(value == choice[0] and type(value) is type(choice[0]) for choice in choices):
        return None
    if _kind_of(value) in accepted_kinds(names, default):
        return None
    words = [WORDS[name] for name in names if not (name == "int" and "float" in names)]
    wanted = [*dict.fromkeys(words), *([_listed(choices)] if choices else [])]
    return f"is {shown(value)}, but must be {' or '.join(wanted)}."


def accepted_kinds(names: Iterable[str], default: str | None) -> set[str]:
    """Return the kinds of value that fit: a whole number is a number, and 0 and 1 are read as false and true."""
    widened = {"float": {"int"}, "complex": {"int", "float"}, "bool": {"int"}}
    by_default = {"bool"} if default in ("True", "False") else set()
    names = set(names)
    return by_default.union(names, *(widened.get(name, set()) for name in names))


def _kind_of(value: Any) -> str:
    if value is None:
        return "None"
    names = {bool: "bool", int: "int", float: "float", str: "str", list: "list", dict: "mapping"}
    return names.get(type(value), "object")


def shown(value: Any) -> str:
    """Return a value as a user would write it."""
    if isinstance(value, str):
        return f"{value!r} (text)"
    return json.dumps(value) if value is None or isinstance(value, bool) else repr(value)


def _listed(choices: list[Any]) -> str:
    return " or ".join(repr(choice[0]) for choice in choices)


@functools.cache
def kinds_of(annotation: str) -> tuple[Any, ...] | None:
    """Return kinds (`int`, `mapping` ...) and choices (one-tuples); None where some part is not understood."""
    try:
        return _of(ast.parse(annotation, mode="eval").body)
    except SyntaxError:
        return None


def _of(node: ast.expr) -> tuple[Any, ...] | None:
    if isinstance(node, ast.Constant):
        return _of_constant(node.value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _together([node.left, node.right])
    if isinstance(node, ast.Subscript):
        return _of_subscript(node)
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)
    if name in ("int", "float", "complex", "bool", "str"):
        return (name,)
    if name in OBJECTS:
        return ("object",)
    return (CONTAINERS[name],) if name in CONTAINERS else None


def _of_constant(value: Any) -> tuple[Any, ...] | None:
    if value is None:
        return ("None",)
    return kinds_of(value) if isinstance(value, str) else None  # an annotation in quotes


def _of_subscript(node: ast.Subscript) -> tuple[Any, ...] | None:
    outer = node.value
    name = outer.attr if isinstance(outer, ast.Attribute) else getattr(outer, "id", "")
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name == "Optional":
        inner = _of(node.slice)
        return None if inner is None else (*inner, "None")
    if name == "Union":
        return _together(parts)
    if name == "Annotated":
        return _of(parts[0])
    if name == "Literal":
        values = [part.value for part in parts if isinstance(part, ast.Constant)]
        return tuple("None" if value is None else (value,) for value in values) if len(values) == len(parts) else None
    if name in CONTAINERS:
        return (CONTAINERS[name],)
    return ("object",) if name in OBJECTS else None


def _together(parts: list[ast.expr]) -> tuple[Any, ...] | None:
    kinds: list[Any] = []
    for part in parts:
        inner = _of(part)
        if inner is None:
            return None
        kinds.extend(kind for kind in inner if kind not in kinds)
    return tuple(kinds)
