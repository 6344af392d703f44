"""What does a name stand for: a module, a class, a function, or something that only running it would tell?"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from ml_core.wiring.static.module import Module
from ml_core.wiring.static.scopes import FunctionNode, Scope, at_run_time, index


@dataclass(frozen=True)
class Found:
    """What a name stands for.

    Attributes:
        kind: A `value` is anything that is made when the module runs; of what is `compiled` only the name is known.
        module: Where it is defined.
        name: Its name inside the module, `Outer.method`; empty for the module itself.
        node: Its definition or expression.
        overloads: Alternatives that `@overload` declares for a function.
        owner: The class that a method or class attribute was asked of.
        definer: The class in the owner's ancestry whose body holds it.
        wrappers: Calls that it was put through, `X = wrapper(X)`, each with the module that it is written in.
    """

    kind: Literal["module", "class", "function", "value", "compiled"]
    module: Module
    name: str = ""
    node: ast.AST | None = None
    overloads: tuple[FunctionNode, ...] = ()
    owner: Found | None = None
    definer: Found | None = None
    wrappers: tuple[tuple[Module, ast.expr], ...] = ()

    @property
    def path(self) -> str:
        """The dotted name of the definition."""
        return f"{self.module.name}.{self.name}" if self.name else self.module.name

    @property
    def class_node(self) -> ast.ClassDef:
        """The definition of a class."""
        assert isinstance(self.node, ast.ClassDef)
        return self.node

    @cached_property
    def scope(self) -> Scope:
        """The names in the body of a class."""
        return index(at_run_time(self.class_node.body), self.module.package)


@dataclass(frozen=True)
class UnknownClass:
    """A base class that cannot be read: built in, compiled, or made by a call."""

    path: str


Ancestor: TypeAlias = Found | UnknownClass
