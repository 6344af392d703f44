"""Which names does a block of source bind, and to what?"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
STAR = "*"


@dataclass(frozen=True)
class Import:
    """What another module gives: `import a.b as x` has no name, `from a.b import c as x` has one."""

    module: str
    name: str | None = None


Binding: TypeAlias = FunctionNode | ast.ClassDef | ast.expr | Import | None  # None: something that is not looked into


@dataclass(frozen=True)
class Bound:
    """One place that gives a name its value.

    Attributes:
        value: The definition, the expression or the import.
        is_certain: Whether it runs in any case; not in a branch.
        is_fallback: Whether it counts only where nothing else gives the name (`except ImportError`, `X = None`).
    """

    value: Binding
    is_certain: bool = True
    is_fallback: bool = False


@dataclass
class Scope:
    """Names of a module, a class body or a function, each with the places that bind it, in their order.

    Attributes:
        names: The places, by name.
        stars: Modules that are imported by `*`.
        stars_before: How many of them stand before the last place that binds a name.
    """

    names: dict[str, list[Bound]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    stars_before: dict[str, int] = field(default_factory=dict)

    def candidates(self, name: str, before: Bound | None = None) -> list[Bound]:
        """Return the places that may give the name its value in the end, or the one that it has `before` a place.

        These are the last certain one and the branches after it.
        """
        bounds = self.names.get(name, [])
        bounds = bounds if before is None else bounds[: bounds.index(before)]
        last = max((i for i, bound in enumerate(bounds) if bound.is_certain), default=0)
        return bounds[last:]

    def overloads(self, name: str) -> tuple[FunctionNode, ...]:
        """Return the alternatives that `@overload` declares for a function."""
        values = [bound.value for bound in self.names.get(name, [])]
        return tuple(v for v in values if isinstance(v, FunctionNode) and is_overload(v))


def index(body: Iterable[ast.stmt], package: str = "") -> Scope:
    """Index a block; relative imports count from `package`."""
    scope = Scope()
    for name, bound in _bindings(body, package):
        if name == STAR and isinstance(bound.value, Import):
            scope.stars.append(bound.value.module)
        else:
            scope.names.setdefault(name, []).append(bound)
            scope.stars_before[name] = len(scope.stars)
    return scope


def at_run_time(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a block without those that are only for type checkers."""
    for statement in body:
        if isinstance(statement, ast.If) and last_name(statement.test) == "TYPE_CHECKING":
            yield from statement.orelse
        else:
            yield statement


def absolute(package: str, module: str | None, level: int) -> str:
    """Return the whole name of a module that is imported from inside `package`."""
    if not level:
        return module or ""
    parents = package.split(".")
    kept = parents[: len(parents) - level + 1]
    return ".".join([*kept, module] if module else kept)


def dotted(node: ast.AST | None) -> str | None:
    """Return `a.b.c` for the expression `a.b.c`, None for any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        value = dotted(node.value)
        return value and f"{value}.{node.attr}"
    return None


def last_name(node: ast.AST) -> str:
    """Return the last part of what is named or called: `overload` of `typing.overload`."""
    node = node.func if isinstance(node, ast.Call) else node
    return (dotted(node) or "").rpartition(".")[2]


def is_overload(function: FunctionNode) -> bool:
    """Whether a function only declares one of several signatures."""
    return any(last_name(decorator) == "overload" for decorator in function.decorator_list)


def _bindings(body: Iterable[ast.stmt], package: str) -> Iterator[tuple[str, Bound]]:
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield statement.name, Bound(statement)
            case ast.Import():
                yield from _imports(statement)
            case ast.ImportFrom():
                base = absolute(package, statement.module, statement.level)
                for alias in statement.names:
                    yield alias.asname or alias.name, Bound(Import(base, alias.name))
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                yield from _assignments(statement)
            case _:
                yield from _blocks(statement, package)


def _imports(statement: ast.Import) -> Iterator[tuple[str, Bound]]:
    for alias in statement.names:
        head = alias.name.partition(".")[0]
        yield alias.asname or head, Bound(Import(alias.name if alias.asname else head))


def _assignments(statement: ast.Assign | ast.AnnAssign | ast.AugAssign) -> Iterator[tuple[str, Bound]]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
    if isinstance(statement, ast.AnnAssign) and value is None:
        return
    for target in targets:
        if name := dotted(target):  # `Class.__init__ = other` too
            yield name, Bound(value, is_fallback=isinstance(value, ast.Constant))
        elif isinstance(target, ast.Tuple | ast.List):
            yield from ((name, Bound(None)) for element in target.elts if (name := dotted(element)))


def _blocks(statement: ast.stmt, package: str) -> Iterator[tuple[str, Bound]]:
    """Yield what the blocks inside a statement bind."""
    match statement:
        case ast.If():
            yield from _branches(statement, package)
        case ast.Try() | ast.TryStar():
            handlers = (inner for handler in statement.handlers for inner in handler.body)
            yield from _uncertain([*statement.body, *statement.orelse], package)
            yield from _uncertain(handlers, package, is_fallback=True)
            yield from _bindings(statement.finalbody, package)
        case ast.With() | ast.AsyncWith():
            yield from _bindings(statement.body, package)
        case ast.For() | ast.AsyncFor() | ast.While():
            targets = [] if isinstance(statement, ast.While) else [statement.target]
            yield from ((node.id, Bound(None)) for t in targets for node in ast.walk(t) if isinstance(node, ast.Name))
            yield from _uncertain([*statement.body, *statement.orelse], package)
        case ast.Match():
            yield from _uncertain((inner for case in statement.cases for inner in case.body), package)


def _branches(statement: ast.If, package: str) -> Iterator[tuple[str, Bound]]:
    """Yield the branch that is taken, or both; what is only for type checkers goes before what is not."""
    if last_name(statement.test) == "TYPE_CHECKING":
        yield from _uncertain(statement.body, package)
        yield from _uncertain(statement.orelse, package, is_fallback=True)
        return
    holds = _holds(statement.test)
    for branch, taken in ((statement.body, holds), (statement.orelse, None if holds is None else not holds)):
        if taken is None:
            yield from _uncertain(branch, package)
        elif taken:
            yield from _bindings(branch, package)


def _uncertain(body: Iterable[ast.stmt], package: str, *, is_fallback: bool = False) -> Iterator[tuple[str, Bound]]:
    for name, bound in _bindings(body, package):
        yield name, replace(bound, is_certain=False, is_fallback=bound.is_fallback or is_fallback)


def _holds(test: ast.expr) -> bool | None:
    """Evaluate a test of the Python version or the platform, None for any other."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _holds(test.operand)
        return None if inner is None else not inner
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    known = {"sys.version_info": tuple(sys.version_info[:3]), "sys.platform": sys.platform}.get(dotted(test.left) or "")
    try:
        other = ast.literal_eval(test.comparators[0])
    except ValueError:
        return None
    return _compare(test.ops[0], known, other) if type(known) is type(other) else None


def _compare(operator: ast.cmpop, left: object, right: object) -> bool | None:
    match operator:
        case ast.Eq():
            return left == right
        case ast.NotEq():
            return left != right
        case ast.GtE():
            return left >= right  # type: ignore[operator]
        case ast.Lt():
            return left < right  # type: ignore[operator]
        case ast.Gt():
            return left > right  # type: ignore[operator]
        case ast.LtE():
            return left <= right  # type: ignore[operator]
    return None
