"""What does a function do with its `**kwargs`: which names does it take out, and what does it hand the rest to?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from ml_core.wiring.static.scopes import FunctionNode

LOOKS = frozenset({"len", "bool", "isinstance", "str", "repr", "type"})
CONDITIONAL = (
    ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.ExceptHandler, ast.IfExp, ast.BoolOp, ast.Match,
    ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef, ast.comprehension,
)  # fmt: skip


@dataclass(frozen=True)
class Forward:
    """A call that is given `**kwargs`.

    Attributes:
        call: The call.
        is_certain: Whether it is made whenever the function runs.
    """

    call: ast.Call
    is_certain: bool


@dataclass
class Uses:
    """What happens to the names in a mapping of keyword arguments.

    Attributes:
        forwards: Calls that get all that is left.
        handed: Calls that get the mapping itself.
        removed: Names that are taken out.
        read: Names that are looked up.
        added: Names that the function itself puts in.
        reads_any: Whether names are looked up that the source does not spell.
        is_lost: Whether anything may happen: stored, replaced, names taken out that the source does not spell.
    """

    forwards: list[Forward] = field(default_factory=list)
    handed: list[ast.Call] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    added: set[str] = field(default_factory=set)
    reads_any: bool = False
    is_lost: bool = False


def uses_of(function: FunctionNode, mapping: str) -> Uses:
    """Return what the body of a function does with one of its parameters, a mapping of keyword arguments."""
    parents = {child: node for node in ast.walk(function) for child in ast.iter_child_nodes(node)}
    uses = Uses()
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id == mapping and not _is_only_shown(node, parents):
            _note(node, parents, uses)
    uses.forwards.sort(key=lambda forward: (forward.call.lineno, forward.call.col_offset))
    return uses


def _note(node: ast.Name, parents: dict[ast.AST, ast.AST], uses: Uses) -> None:
    parent = parents[node]
    outer = parents.get(parent)
    match parent:
        case ast.keyword(arg=None) if isinstance(outer, ast.Call):
            uses.forwards.append(Forward(outer, _is_certain(outer, parents)))
        case ast.keyword() if isinstance(outer, ast.Call):
            uses.handed.append(outer)
        case ast.Attribute() if isinstance(outer, ast.Call) and outer.func is parent:
            _note_method(parent.attr, outer, uses)
        case ast.Subscript() if parent.value is node:
            _note_item(parent, uses)
        case ast.Compare(ops=[ast.In() | ast.NotIn()], left=left):
            _note_name(left, uses.read, uses)
        case ast.Call() if node in parent.args:
            if not (isinstance(parent.func, ast.Name) and parent.func.id in LOOKS):
                uses.handed.append(parent)
        case _:
            uses.is_lost = True


def _note_method(method: str, call: ast.Call, uses: Uses) -> None:
    first = call.args[0] if call.args else None
    match method:
        case "pop" if isinstance(first, ast.Constant):
            uses.removed.add(str(first.value))
        case "get":
            _note_name(first, uses.read, uses)
        case "setdefault" if isinstance(first, ast.Constant):
            uses.read.add(str(first.value))
            uses.added.add(str(first.value))
        case "update":
            keys = first.keys if isinstance(first, ast.Dict) else []
            uses.added |= {str(key.value) for key in keys if isinstance(key, ast.Constant)}
            uses.added |= {keyword.arg for keyword in call.keywords if keyword.arg}
        case _:
            uses.is_lost = True


def _note_item(item: ast.Subscript, uses: Uses) -> None:
    match item.ctx:
        case ast.Load():
            _note_name(item.slice, uses.read, uses)
        case ast.Store():
            if isinstance(item.slice, ast.Constant):
                uses.added.add(str(item.slice.value))
        case ast.Del():
            if isinstance(item.slice, ast.Constant):
                uses.removed.add(str(item.slice.value))
            else:
                uses.is_lost = True


def _note_name(name: ast.AST | None, names: set[str], uses: Uses) -> None:
    if isinstance(name, ast.Constant):
        names.add(str(name.value))
    else:
        uses.reads_any = True


def _is_only_shown(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Whether the mapping is only tested for being empty, or told in a message, or looked at before an error."""
    parent, is_bare = parents[node], True
    if isinstance(parent, ast.Attribute) and parent.attr == "pop":
        return False
    for ancestor, child in _upwards(node, parents):
        if isinstance(ancestor, ast.Raise | ast.Assert | ast.FormattedValue):
            return True
        if isinstance(ancestor, ast.If | ast.IfExp | ast.While) and child is ancestor.test and is_bare:
            return True
        if isinstance(ancestor, ast.If) and isinstance(ancestor.body[-1], ast.Raise) and child not in ancestor.orelse:
            return True
        is_bare = is_bare and isinstance(ancestor, ast.BoolOp | ast.UnaryOp)
    return False


def _is_certain(call: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    for ancestor, _ in _upwards(call, parents):
        if isinstance(ancestor, ast.FunctionDef | ast.AsyncFunctionDef) and ancestor not in parents:
            return True
        if isinstance(ancestor, CONDITIONAL):
            return False
    return True


def _upwards(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Yield each ancestor together with its child on the way."""
    while node in parents:
        yield parents[node], node
        node = parents[node]
