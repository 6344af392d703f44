"""What is the value of a class attribute that is written out?"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from ml_core.wiring.static.found import Found
from ml_core.wiring.static.module import Module
from ml_core.wiring.static.names import Names
from ml_core.wiring.static.scopes import dotted

CONTAINERS: dict[str, Callable[[Any], Any]] = {
    "frozenset": frozenset,
    "set": set,
    "tuple": tuple,
    "list": list,
    "dict": dict,
}
MAX_STEPS = 10


class Reference(str):
    """The dotted path of a class or function that a literal names."""

    __slots__ = ()


class NoLiteralError(Exception):
    """An expression that only running it would tell."""


def literal_of(names: Names, found: Found) -> object | None:
    """Return the value that a name is bound to, None where it is no literal: a method, a nested class.

    Numbers, text, None, lists, tuples, sets, dicts, unions by `|` and calls of the containers' names are read. A name
    of a literal counts as that literal; any other name is a `Reference`.
    """
    if found.kind != "value":
        return None if "." in found.name else Reference(found.path)
    try:
        return _value(names, found.module, found.node, 0)
    except NoLiteralError:
        return None


def _value(names: Names, module: Module, node: ast.AST | None, step: int) -> Any:
    def inner(one: ast.AST | None) -> Any:
        return _value(names, module, one, step + 1)

    if step > MAX_STEPS:
        raise NoLiteralError
    match node:
        case ast.Constant(value=str() | int() | float() | None):
            return node.value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Tuple() | ast.List() | ast.Set():
            kind = {ast.Tuple: tuple, ast.List: list, ast.Set: set}[type(node)]
            return kind(_elements(node.elts, inner))
        case ast.Dict():
            return _mapping(node, inner)
        case ast.BinOp(op=ast.BitOr()):
            return inner(node.left) | inner(node.right)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in CONTAINERS and len(args) <= 1:
            return CONTAINERS[name](*map(inner, args))
        case ast.Name() | ast.Attribute():
            return _named(names, module, node, step)
    raise NoLiteralError


def _elements(nodes: list[ast.expr], inner: Callable[[ast.AST], Any]) -> list[Any]:
    values: list[Any] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            values.extend(inner(node.value))
        else:
            values.append(inner(node))
    return values


def _mapping(node: ast.Dict, inner: Callable[[ast.AST], Any]) -> dict[Any, Any]:
    values: dict[Any, Any] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        values |= inner(value) if key is None else {inner(key): inner(value)}
    return values


def _named(names: Names, module: Module, node: ast.expr, step: int) -> Any:
    name = dotted(node)
    if name is None:
        raise NoLiteralError
    found = names.dereference(module, name)
    if found and found[0].kind == "value":
        return _value(names, found[0].module, found[0].node, step + 1)
    return Reference(found[0].path if found else names.qualified(module, name))


def encode(value: Any) -> Any:
    """Return a literal as plain JSON."""
    match value:
        case Reference():
            return {"reference": str(value)}
        case tuple() | set() | frozenset():
            return {type(value).__name__: [encode(element) for element in value]}
        case list():
            return [encode(element) for element in value]
        case dict():
            return {"dict": [[encode(k), encode(v)] for k, v in value.items()]}
    return value


def decode(value: Any) -> Any:
    """Return the literal that `encode` made JSON of."""
    if isinstance(value, list):
        return [decode(element) for element in value]
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "reference":
        return Reference(inner)
    return CONTAINERS[kind](decode(inner)) if kind != "dict" else {decode(k): decode(v) for k, v in inner}
