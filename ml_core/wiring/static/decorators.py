"""Does a decorator leave the signature of what it decorates as it is?"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeGuard

from ml_core.wiring.static.found import Found
from ml_core.wiring.static.keyword_uses import uses_of
from ml_core.wiring.static.module import Module, literal_names
from ml_core.wiring.static.names import Names
from ml_core.wiring.static.scopes import FunctionNode, dotted, last_name

TYPING = ("dataclass_transform", "deprecated", "final", "no_type_check", "overload", "override", "runtime_checkable")
HARMLESS = frozenset(
    {
        *(f"{module}.{name}" for module in ("typing", "typing_extensions") for name in TYPING),
        "abc.abstractmethod",
        "builtins.staticmethod",
        "builtins.classmethod",
        "contextlib.asynccontextmanager",
        "contextlib.contextmanager",
        "dataclasses.dataclass",
        "pydantic.dataclasses.dataclass",
        "functools.cache",
        "functools.lru_cache",
        "functools.singledispatch",
        "functools.total_ordering",
        "functools.wraps",
        "torch._C._add_docstr",
        "torch.compile",
        "torch.enable_grad",
        "torch.inference_mode",
        "torch.no_grad",
        "torch.jit.export",
        "torch.jit.ignore",
        "torch.jit.unused",
        "torch.jit._overload_method",
        "torch.jit.script_if_tracing",
        "warnings.deprecated",
    }
)
MAX_DEPTH = 4
HARMLESS_CLASSES = frozenset({"contextlib.ContextDecorator", "torch.utils._contextlib._DecoratorContextManager"})


@dataclass(frozen=True)
class Change:
    """What a decorator does to a signature.

    Attributes:
        is_known: Whether that can be told; if not, anything may be.
        added: Names that are taken besides those of the decorated function.
        is_open: Whether there may be others.
    """

    is_known: bool = True
    added: frozenset[str] = frozenset()
    is_open: bool = False


NONE = Change()
UNKNOWN = Change(is_known=False)


def change_by(names: Names, module: Module, decorators: Iterable[ast.expr]) -> Change:
    """Return what decorators, written in `module`, change together."""
    added: frozenset[str] = frozenset()
    is_open = False
    for decorator in decorators:
        change = _change(names, module, decorator)
        if not change.is_known:
            return UNKNOWN
        added, is_open = added | change.added, is_open or change.is_open
    return Change(added=added, is_open=is_open)


def _change(names: Names, module: Module, decorator: ast.expr) -> Change:
    name = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
    if name is None:
        return UNKNOWN
    path = names.qualified(module, name)
    if path in HARMLESS:
        return NONE
    changes = [_change_by(names, found, decorator) for found in names.dereference(module, name)]
    return next((change for change in changes if change != NONE), NONE) if changes else UNKNOWN


def _change_by(names: Names, found: Found, decorator: ast.expr) -> Change:
    if found.path in HARMLESS:
        return NONE
    if found.kind == "class":
        paths = {ancestor.path for ancestor in names.ancestry(found)}
        return NONE if paths & HARMLESS_CLASSES else UNKNOWN
    if found.kind != "function" or not isinstance(found.node, FunctionNode):
        return UNKNOWN
    wrappers = _wrappers(found.node)
    if wrappers:
        return _change_by_wrappers(wrappers, decorator)
    return NONE if _gives_back(names, found.module, found.node, is_called=isinstance(decorator, ast.Call)) else UNKNOWN


def _wrappers(decorator: FunctionNode) -> list[FunctionNode]:
    """Return the functions inside a decorator that stand in for the decorated one, and say so by `functools`."""
    calls = [n for n in ast.walk(decorator) if isinstance(n, ast.Call) and last_name(n) == "update_wrapper" and n.args]
    updated = {dotted(call.args[0]) for call in calls}
    inner = [node for node in ast.walk(decorator) if isinstance(node, FunctionNode)]
    return [f for f in inner if f.name in updated or any(last_name(d) == "wraps" for d in f.decorator_list)]


def _change_by_wrappers(wrappers: list[FunctionNode], decorator: ast.expr) -> Change:
    """Return what functions that stand in for the decorated one add to its signature.

    Names that a wrapper takes out of its `**kwargs` without spelling them are those that the decorator was given.
    """
    added: set[str] = set()
    for wrapper in wrappers:
        arguments = wrapper.args
        if arguments.kwarg is None:
            return UNKNOWN
        added |= {argument.arg for argument in arguments.kwonlyargs}
        uses = uses_of(wrapper, arguments.kwarg.arg)
        added |= uses.removed
        if _takes_out(wrapper, arguments.kwarg.arg):
            given = literal_names(decorator)
            if not given:
                return Change(is_open=True)
            added |= set(given)
    return Change(added=frozenset(added))


def _takes_out(function: FunctionNode, mapping: str) -> bool:
    """Whether a function takes names out of a mapping that its source does not spell, or replaces the mapping."""
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="pop"), args=[first, *_]) if name == mapping:
                if not isinstance(first, ast.Constant):
                    return True
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Del()) if name == mapping:
                if not isinstance(node.slice, ast.Constant):
                    return True
            case ast.Assign(targets=[ast.Name(id=name)]) if name == mapping:
                if last_name(node.value) != "dict":
                    return True
    return False


def _gives_back(names: Names, module: Module, function: FunctionNode, *, is_called: bool, depth: int = 0) -> bool:
    """Whether a decorator returns what it decorates, as those that only register or document do.

    Args:
        names: Follows the names of functions that it calls.
        module: Where it is defined.
        function: The decorator.
        is_called: Whether it is written with arguments, so that a function inside it gets what is decorated.
        depth: How many calls it is away from the decorator that was asked about.
    """
    first = next((argument.arg for argument in [*function.args.posonlyargs, *function.args.args]), None)
    if depth > MAX_DEPTH or any(_alters(node, first) for node in ast.walk(function)):
        return False
    returned, inner = _returned(function)

    def gives_back(name: str | None) -> bool:
        if name is None:
            return False
        nodes = [(module, inner[name])] if name in inner else _functions(names, module, name)
        return bool(nodes) and all(_gives_back(names, *node, is_called=False, depth=depth + 1) for node in nodes)

    handed_in = [dotted(v) == first or (_is_call_with(v, first) and gives_back(dotted(v.func))) for v in returned]
    made = [(name := dotted(v)) in inner and gives_back(name) for v in returned]
    return any(made if is_called else handed_in) and all(a or b for a, b in zip(handed_in, made, strict=True))


def _uncast(node: ast.expr | None) -> ast.expr | None:
    return node.args[1] if isinstance(node, ast.Call) and last_name(node) == "cast" and len(node.args) == 2 else node


def _functions(names: Names, module: Module, name: str) -> list[tuple[Module, FunctionNode]]:
    found = names.dereference(module, name)
    return [(f.module, f.node) for f in found if isinstance(f.node, FunctionNode)]


def _is_call_with(node: ast.expr | None, name: str | None) -> TypeGuard[ast.Call]:
    """Whether an expression is a call whose first argument is a name."""
    return isinstance(node, ast.Call) and bool(node.args) and dotted(node.args[0]) == name


def _alters(node: ast.AST, name: str | None) -> bool:
    """Whether a step replaces what a name stands for, or its constructor."""
    match node:
        case ast.Name(id=other, ctx=ast.Store()) if other == name:
            return True
        case ast.Attribute(value=ast.Name(id=other), attr="__init__" | "__new__", ctx=ast.Store()) if other == name:
            return True
        case ast.Call(func=ast.Name(id="setattr"), args=[ast.Name(id=other), *_]) if other == name:
            return True
    return False


def _returned(function: FunctionNode) -> tuple[list[ast.expr | None], dict[str, FunctionNode]]:
    """Return the expressions that a function returns itself, and the functions inside it."""
    returned: list[ast.expr | None] = []
    inner: dict[str, FunctionNode] = {}
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, FunctionNode):
            inner[node.name] = node
        elif isinstance(node, ast.Return):
            returned.append(_uncast(node.value))
        elif not isinstance(node, ast.Lambda | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(node))
    return returned, inner
