"""Which names does a function's `**kwargs` accept? Those that it takes out, and those of what it hands the rest to."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ml_core.wiring.static.found import Found, UnknownClass
from ml_core.wiring.static.keyword_uses import Uses, uses_of
from ml_core.wiring.static.module import Unresolved
from ml_core.wiring.static.names import Names
from ml_core.wiring.static.parameters import BY_KEYWORD, UNKNOWN_DEFAULT, Parameter, optional, parameters_of, union
from ml_core.wiring.static.scopes import FunctionNode, Import, dotted, index, last_name

POSITIONAL = ("positional_only", "positional_or_keyword")


class Reader(Protocol):
    """Reads the parameters of definitions."""

    names: Names

    def parameters(self, found: Found, *, is_bound: bool = False) -> list[Parameter]:
        """Return the parameters of what a name stands for."""

    def own_constructor(self, owner: Found, cls: Found, special: Sequence[str] = ...) -> list[Parameter] | None:
        """Return the parameters of the constructor that a class itself defines."""

    def has_constructor(self, ancestor: UnknownClass) -> bool:
        """Whether a class that cannot be read may define a constructor."""


@dataclass(frozen=True)
class Callee:
    """What a call reaches.

    Attributes:
        path: Its dotted name.
        parameters: What it takes besides `self`.
        node: Its definition, where it is one function.
    """

    path: str
    parameters: Sequence[Parameter]
    node: FunctionNode | None = None


class Forwarding:
    """Follows the `**kwargs` of one function.

    Args:
        reader: Reads the parameters of what is called.
        found: The function; its owner is the class of the instance, whose ancestry `super()` goes along.
        function: Its definition.
    """

    def __init__(self, reader: Reader, found: Found, function: FunctionNode) -> None:
        self.reader = reader
        self.names = reader.names
        self.found = found
        self.function = function
        self.local = index(function.body, found.module.package)
        nodes = list(ast.walk(function))
        self.stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        self.stored |= {n.arg for n in nodes if isinstance(n, ast.arg)}

    def expanded(self, own: Sequence[Parameter]) -> list[Parameter]:
        """Return the parameters with those that `**kwargs` accepts in place of it; as they are if that is unknown."""
        mapping = next(p for p in own if p.kind == "var_keyword")
        uses = uses_of(self.function, mapping.name)
        if uses.is_lost or not all(self._only_looks(call, mapping.name, uses) for call in uses.handed):
            return list(own)
        spelled = uses.removed if uses.forwards else uses.removed | uses.read
        if not uses.forwards and (uses.reads_any or not spelled):
            return list(own)
        taken, takes_over = self._handed_on(uses, own)
        if taken is None:
            return list(own)
        kept = [p for p in own if p is not mapping and not (takes_over and p.kind == "var_positional")]
        taken += [Parameter(name, "keyword_only", UNKNOWN_DEFAULT, via=mapping.name) for name in sorted(spelled)]
        known = {p.name for p in kept}
        return [*kept, *(p for p in _unique(taken) if p.name not in known)]

    def _handed_on(self, uses: Uses, own: Sequence[Parameter]) -> tuple[list[Parameter] | None, bool]:
        """Return what the calls that get `**kwargs` take by it, and whether they take the `*args` too."""
        alternatives: list[list[Parameter]] = []
        takes_over = False
        for forward in uses.forwards:
            callees = self._callees(forward.call)
            if callees is None:
                return None, False
            has_args = _hands_args_on(forward.call, own)
            takes_over = has_args and forward.is_certain
            alternatives += [_left_over(callee, forward.call, has_args=has_args) for callee in callees]
        if not alternatives:
            return [], False
        is_sure = len(uses.forwards) == 1 and uses.forwards[0].is_certain
        taken = [p if is_sure and p.name not in uses.added else _optional(p) for p in union(alternatives)]
        return taken, takes_over and is_sure

    def _only_looks(self, call: ast.Call, mapping: str, uses: Uses) -> bool:
        """Whether a function that gets the mapping itself takes nothing out that its source does not spell."""
        for callee in self._callees(call) or [Callee("", ())]:
            name = _parameter_for(call, mapping, callee.parameters)
            if callee.node is None or name is None:
                return False
            inner = uses_of(callee.node, name)
            if inner.is_lost or inner.forwards or inner.handed:
                return False
            uses.removed |= inner.removed
            uses.read |= inner.read
            uses.reads_any |= inner.reads_any
        return True

    def _callees(self, call: ast.Call) -> list[Callee] | None:
        """Return what a call reaches, None where that cannot be told."""
        try:
            match call.func:
                case ast.Attribute(value=ast.Call() as inner, attr=name) if last_name(inner) == "super":
                    return self._above(inner, name)
            found = self._called(call.func)
            return [self._callee(one, is_bound=is_bound) for one, is_bound in found] or None
        except Unresolved:
            return None

    def _called(self, function: ast.expr) -> list[tuple[Found, bool]]:
        """Return what an expression that is called stands for, and whether it is a method of the same instance."""
        name = dotted(function)
        if name is None:
            return []
        head, *rest = name.split(".")
        if self.found.owner is not None and head == self._first():
            if not rest:
                return [(self.found.owner, False)] if self._is_given_the_class() else []
            return [(f, True) for f in self.names.attribute(self.found.owner, rest[0])] if len(rest) == 1 else []
        imports = [bound.value for bound in self.local.candidates(head)]
        if imports and all(isinstance(value, Import) for value in imports):
            found = [f for value in imports if isinstance(value, Import) for f in self.names.imported(value)]
            for part in rest:
                found = [deeper for one in found for deeper in self.names.attribute(one, part)]
            return [(f, False) for f in found]
        return (
            []
            if head in self.stored or head in self.local.names
            else [(f, False) for f in self.names.dereference(self.found.module, name)]
        )

    def _is_given_the_class(self) -> bool:
        decorators = {last_name(decorator) for decorator in self.function.decorator_list}
        return "classmethod" in decorators or self.function.name == "__new__"

    def _first(self) -> str | None:
        """Return the name of `self` or `cls`."""
        if any(last_name(decorator) == "staticmethod" for decorator in self.function.decorator_list):
            return None
        return next((p.name for p in parameters_of(self.function) if p.kind in POSITIONAL), None)

    def _above(self, call: ast.Call, name: str) -> list[Callee] | None:
        """Return what `super().name` reaches, for an instance of the owner."""
        owner, start = self.found.owner, self.found.definer
        if call.args and (named := dotted(call.args[0])):
            classes = [f for f in self.names.dereference(self.found.module, named) if f.kind == "class"]
            start = classes[0] if classes else None
        if owner is None or start is None:
            return None
        ancestry = self.names.ancestry(owner)
        places = [i for i, ancestor in enumerate(ancestry) if ancestor.path == start.path]
        for ancestor in ancestry[places[0] + 1 :] if places else [UnknownClass("")]:
            if isinstance(ancestor, UnknownClass):
                if self.reader.has_constructor(ancestor):
                    return None
            elif (parameters := self._own(owner, ancestor, name)) is not None:
                return [Callee(ancestor.path, parameters)]
        return [Callee("builtins.object", ())] if name in ("__init__", "__new__") else None

    def _own(self, owner: Found, cls: Found, name: str) -> list[Parameter] | None:
        if name == "__init__":
            return self.reader.own_constructor(owner, cls, ("__init__",))
        members = self.names.member(cls, name)
        is_bound = name != "__new__"
        found = [self.reader.parameters(replace(m, owner=owner), is_bound=is_bound) for m in members]
        return union(found) if found else None

    def _callee(self, found: Found, *, is_bound: bool) -> Callee:
        node = found.node if isinstance(found.node, FunctionNode) else None
        return Callee(found.path, self.reader.parameters(found, is_bound=is_bound), node)


def _optional(parameter: Parameter) -> Parameter:
    """Return the parameter as one that may be left out; `*args` and `**kwargs` may be anyway."""
    return parameter if parameter.kind.startswith("var_") else optional(parameter)


def _unique(parameters: Sequence[Parameter]) -> list[Parameter]:
    return list({p.name: p for p in reversed(parameters)}.values())[::-1]


def _hands_args_on(call: ast.Call, own: Sequence[Parameter]) -> bool:
    """Whether a call is given the function's own `*args`."""
    name = next((p.name for p in own if p.kind == "var_positional"), None)
    return any(isinstance(a, ast.Starred) and dotted(a.value) == name for a in call.args) if name else False


def _left_over(callee: Callee, call: ast.Call, *, has_args: bool) -> list[Parameter]:
    """Return the parameters of a callee that the call itself does not give."""
    given = {keyword.arg for keyword in call.keywords}
    starred = next((i for i, argument in enumerate(call.args) if isinstance(argument, ast.Starred)), len(call.args))
    positional = [p for p in callee.parameters if p.kind in POSITIONAL][:starred]
    left = [p for p in callee.parameters if p not in positional and p.name not in given]
    if not has_args:
        left = [replace(p, kind="keyword_only") if p.kind in BY_KEYWORD else p for p in left]
        left = [p for p in left if p.kind in ("keyword_only", "var_keyword")]
    return [p if p.via else replace(p, via=callee.path) for p in left]


def _parameter_for(call: ast.Call, mapping: str, parameters: Sequence[Parameter]) -> str | None:
    """Return the name of the parameter that a call gives the mapping to."""
    for keyword in call.keywords:
        if keyword.arg and dotted(keyword.value) == mapping:
            return keyword.arg
    positional = [p for p in parameters if p.kind in POSITIONAL]
    places = [i for i, argument in enumerate(call.args) if dotted(argument) == mapping]
    return positional[places[0]].name if places and places[0] < len(positional) else None
