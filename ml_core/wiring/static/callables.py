"""Which parameters does a definition take: a function, a method, the constructor of a class?"""

from __future__ import annotations

import ast
import collections.abc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ml_core.wiring.static.decorators import change_by
from ml_core.wiring.static.forwarding import Forwarding
from ml_core.wiring.static.found import Found, UnknownClass
from ml_core.wiring.static.literals import literal_of
from ml_core.wiring.static.module import Module, Unresolved
from ml_core.wiring.static.names import Names
from ml_core.wiring.static.parameters import (
    BY_KEYWORD,
    UNKNOWN_DEFAULT,
    Parameter,
    fields_of,
    merge_fields,
    optional,
    parameters_of,
    union,
)
from ml_core.wiring.static.scopes import FunctionNode, dotted, last_name

WITHOUT_CONSTRUCTOR = frozenset(
    {
        "builtins.object",
        "abc.ABC",
        "typing.Generic",
        "typing.Protocol",
        *(f"typing.{n}" for n in collections.abc.__all__),
    }
)
DATACLASSES = frozenset({"dataclasses.dataclass", "pydantic.dataclasses.dataclass"})


class Callables:
    """Reads parameters, with those that `**kwargs` hands on in place of it where they can be told."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._in_progress: set[tuple[int, str]] = set()

    def parameters(self, found: Found, *, is_bound: bool = False) -> list[Parameter]:
        """Return the parameters of what a name stands for.

        Args:
            found: The definition.
            is_bound: Whether a method is called on an instance, so that `self` is not given.

        Raises:
            Unresolved: If it is built in, made at run time, or no callable.
        """
        if found.wrappers or (found.owner and found.owner.wrappers):
            return self._wrapped(found, is_bound=is_bound)
        match found.kind:
            case "class":
                return self.constructor(found)
            case "function":
                return self._function(found, is_bound=is_bound)
            case "value":
                made = f": {ast.unparse(found.node)[:60]}" if found.node else ""
                raise Unresolved("dynamic", f"{found.path} is made when its module runs{made}")
            case "compiled":
                raise Unresolved("builtin", f"{found.path} is compiled")
        raise self._no_callable(found.module)

    def constructor(self, cls: Found) -> list[Parameter]:
        """Return what a class takes: by the first `__init__` or `__new__` of its ancestry, or as a dataclass."""
        self._check_metaclasses(cls)
        added: list[Parameter] = []
        for ancestor in self.names.ancestry(cls):
            if isinstance(ancestor, UnknownClass):
                if self.has_constructor(ancestor):
                    raise Unresolved("dynamic", f"{cls.path} has the base {ancestor.path}, which cannot be read")
                continue
            added += self._added_by(ancestor, ancestor.module, ancestor.class_node.decorator_list)
            own = self.own_constructor(cls, ancestor)
            if own is not None:
                return _with(own, added)
        return added

    def has_constructor(self, ancestor: UnknownClass) -> bool:
        """Whether a class that cannot be read may define a constructor."""
        return ancestor.path not in WITHOUT_CONSTRUCTOR

    def own_constructor(
        self, owner: Found, cls: Found, special: Sequence[str] = ("__init__", "__new__")
    ) -> list[Parameter] | None:
        """Return the parameters of the constructor that a class itself defines, for instances of `owner`."""
        for name in special:
            if members := self.names.member(cls, name):
                return union([self.parameters(replace(m, owner=owner), is_bound=True) for m in members])
        if self._is_dataclass(cls):
            ancestry = [a for a in self.names.ancestry(cls) if isinstance(a, Found) and self._is_dataclass(a)]
            return merge_fields(self._fields(ancestor) for ancestor in reversed(ancestry))
        return None

    def made_by(self, cls: Found) -> list[Found]:
        """Return the classes whose instances a class's own `__new__` returns in place of its own."""
        members = self.names.attribute(cls, "__new__")
        calls = [
            node.value.func
            for member in members
            if member.definer and isinstance(member.node, FunctionNode)
            for node in ast.walk(member.node)
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Call)
        ]
        named = [(members[0].module, name) for call in calls if (name := dotted(call))]
        return [f for module, name in named for f in self.names.dereference(module, name) if f.kind == "class"]

    def _function(self, found: Found, *, is_bound: bool) -> list[Parameter]:
        nodes = [found.node] if isinstance(found.node, FunctionNode) else list(found.overloads)
        added = self._added_by(found, found.module, nodes[0].decorator_list)
        parameters = union([self._expanded(found, node) for node in nodes])
        if found.node is not None and found.overloads and _is_open(parameters):
            declared = union([parameters_of(node, is_stub=found.module.is_stub) for node in found.overloads])
            parameters = parameters if _is_open(declared) else declared
        parameters = _with(parameters, added)
        if found.owner is not None and _drops_first(nodes[0], is_bound=is_bound):
            first = next((p for p in parameters if p.kind in ("positional_only", "positional_or_keyword")), None)
            parameters = [p for p in parameters if p is not first]
        return parameters

    def _no_callable(self, module: Module) -> Unresolved:
        """Return why a module is no target; by `*` it may have put something of its own name in its package."""
        package = self.names.sources.find(module.name.rpartition(".")[0])
        if package is not None and module.name in package.star_modules:
            return Unresolved("dynamic", f"{module.name} is a module, or what it gives its package under its name")
        last = module.name.rpartition(".")[2]
        return Unresolved("name", f"{module.name} is a module, which cannot be called", last, module.scope.names)

    def _expanded(self, found: Found, function: FunctionNode) -> list[Parameter]:
        own = parameters_of(function, is_stub=found.module.is_stub)
        key = (id(function), found.owner.path if found.owner else "")
        if not _is_open(own) or key in self._in_progress:
            return own
        declared = self._declared(found)
        if declared is not None:
            return _with([p for p in own if p.kind != "var_keyword"], declared)
        self._in_progress.add(key)
        try:
            return Forwarding(self, found, function).expanded(own)
        finally:
            self._in_progress.discard(key)

    def _declared(self, found: Found) -> list[Parameter] | None:
        """Return the parameters of the target that a class says its constructor's `**kwargs` are for.

        Read are the class attributes `keywords_of`, a dotted target, and `keywords_not`, names that it does not take.
        """
        cls = found.definer
        if cls is None or not found.name.endswith(".__init__"):
            return None
        target = self._literal(cls, "keywords_of")
        if not isinstance(target, str):
            return None
        without = self._literal(cls, "keywords_not")
        excluded = without if isinstance(without, frozenset | set | tuple | list) else ()
        head, *rest = target.split(".")
        module = self.names.sources.find(head)
        named = self.names.dereference(module, ".".join(rest)) if module else []
        if not named:
            return None
        taken = [p for p in union([self.parameters(one) for one in named]) if p.kind != "var_positional"]
        return [_by_keyword(p, target) for p in taken if p.name not in excluded]

    def _literal(self, cls: Found, name: str) -> object | None:
        return next((literal_of(self.names, m) for m in self.names.member(cls, name) if m.kind == "value"), None)

    def _wrapped(self, found: Found, *, is_bound: bool) -> list[Parameter]:
        """Return what `X = wrapper(Y)`, or a method of it, takes: `wrapper` is looked at as a decorator is."""
        owner = replace(found.owner, wrappers=()) if found.owner else None
        inner = self.parameters(replace(found, wrappers=(), owner=owner), is_bound=is_bound)
        of_owner = found.owner.wrappers if found.owner else ()
        added = [self._added_by(found, module, [by]) for module, by in (*found.wrappers, *of_owner)]
        return _with(inner, [p for parameters in added[: len(found.wrappers)] for p in parameters])

    def _added_by(self, found: Found, module: Module, decorators: Sequence[ast.expr]) -> list[Parameter]:
        change = change_by(self.names, module, decorators)
        if not change.is_known:
            written = ", ".join(f"@{ast.unparse(decorator)[:40]}" for decorator in decorators)
            raise Unresolved("dynamic", f"{found.path} is decorated by {written}, which may change what it takes")
        added = [Parameter(name, "keyword_only", UNKNOWN_DEFAULT, via="decorator") for name in sorted(change.added)]
        return [*added, Parameter("kwargs", "var_keyword", via="decorator")] if change.is_open else added

    def _check_metaclasses(self, cls: Found) -> None:
        """Refuse to tell where a metaclass may give the constructor's arguments another meaning."""
        for module, node in self._metaclasses(cls):
            name = dotted(node)
            if name and self.names.qualified(module, name) in ("abc.ABCMeta", "builtins.type"):
                continue
            found = [f for f in self.names.dereference(module, name) if f.kind == "class"] if name else []
            calls = [member for one in found for member in self.names.attribute(one, "__call__")]
            if not found or not all(isinstance(c.node, FunctionNode) and _hands_all_on(c.node) for c in calls):
                raise Unresolved("dynamic", f"{cls.path} has the metaclass {ast.unparse(node)}")

    def _metaclasses(self, cls: Found) -> Iterator[tuple[Module, ast.expr]]:
        for ancestor in self.names.ancestry(cls):
            if isinstance(ancestor, Found):
                yield from ((ancestor.module, k.value) for k in ancestor.class_node.keywords if k.arg == "metaclass")

    def _is_dataclass(self, cls: Found) -> bool:
        return self._dataclass_options(cls) is not None

    def _dataclass_options(self, cls: Found) -> dict[str, Any] | None:
        """Return the arguments of a class's `@dataclass`; None where it has none, or is told to make no constructor."""
        for decorator in cls.class_node.decorator_list:
            name = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
            if name and self.names.qualified(cls.module, name) in DATACLASSES:
                keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
                options = {k.arg: k.value.value for k in keywords if k.arg and isinstance(k.value, ast.Constant)}
                return None if options.get("init") is False else options
        return None

    def _fields(self, cls: Found) -> list[Parameter]:
        return fields_of(cls.class_node, keyword_only=bool((self._dataclass_options(cls) or {}).get("kw_only")))


def _is_open(parameters: Sequence[Parameter]) -> bool:
    return any(p.kind == "var_keyword" for p in parameters)


def _with(parameters: Sequence[Parameter], added: Sequence[Parameter]) -> list[Parameter]:
    known = {p.name for p in parameters if p.kind != "var_keyword"}
    return [*parameters, *(p for p in added if p.name not in known)]


def _by_keyword(parameter: Parameter, via: str) -> Parameter:
    kind = "keyword_only" if parameter.kind in BY_KEYWORD else parameter.kind
    return optional(replace(parameter, kind=kind, via=via))


def _drops_first(function: FunctionNode, *, is_bound: bool) -> bool:
    decorators = {last_name(decorator) for decorator in function.decorator_list}
    if "staticmethod" in decorators and function.name != "__new__":
        return False
    return is_bound or "classmethod" in decorators


def _hands_all_on(function: FunctionNode) -> bool:
    """Whether a metaclass's `__call__` takes anything, and takes nothing out."""
    arguments = function.args
    is_plain = len(arguments.posonlyargs) + len(arguments.args) == 1 and not arguments.kwonlyargs
    return is_plain and arguments.vararg is not None and arguments.kwarg is not None
