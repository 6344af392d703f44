"""What does a dotted name stand for? Re-exports, star imports, aliases and inheritance are followed to the source."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from ml_core.wiring.source import Sources
from ml_core.wiring.static.found import Ancestor, Found, UnknownClass
from ml_core.wiring.static.lazy_names import lazy_homes
from ml_core.wiring.static.linearization import linearize
from ml_core.wiring.static.module import Module
from ml_core.wiring.static.scopes import Binding, Bound, FunctionNode, Import, Scope, dotted, is_overload

Decorated = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
Seen: TypeAlias = set[tuple[str, str]]


class Names:
    """Follows names through modules and classes.

    A name that is bound in several branches has several meanings: all that can be told are returned.
    """

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._in_progress: set[tuple[str, str, int]] = set()

    def dereference(self, module: Module, name: str, seen: Seen | None = None) -> list[Found]:
        """Return what a dotted name means inside a module."""
        head, *rest = name.split(".")
        found = self.lookup(module, head, seen)
        for part in rest:
            found = [deeper for one in found for deeper in self.attribute(one, part, seen)]
        return found

    def lookup(self, module: Module, name: str, seen: Seen | None = None) -> list[Found]:
        """Return what a name means in a module; nothing where it is absent, or only known to itself (a cycle)."""
        seen = set() if seen is None else seen
        if (module.name, name) in seen:
            return []
        seen.add((module.name, name))
        if module.is_compiled:
            return [Found("compiled", module, name)]
        stars, before = module.scope.stars, module.scope.stars_before.get(name, 0)
        found = (
            self._replaced(module, name, stars[before:])
            or self._starred(stars[before:], name, seen)
            or self._bound(module, module.scope, name, seen)
            or self._starred(stars[:before], name, seen)
        )
        if not found:
            found = self._defined_behind_star(module, name, seen) + self._made_at_run_time(module, name, seen)
        is_unsure = all(one.kind == "value" for one in found)
        return [*found, *self._submodule(module, name)] if is_unsure else found

    def attribute(self, found: Found, name: str, seen: Seen | None = None) -> list[Found]:
        """Return what an attribute of a module or a class means; inherited ones too."""
        if found.kind == "module":
            return self.lookup(found.module, name, seen)
        if found.kind == "compiled":
            return [replace(found, name=f"{found.name}.{name}" if found.name else name)]
        if found.kind == "class":
            for ancestor in self.ancestry(found):
                if isinstance(ancestor, Found) and (members := self.member(ancestor, name, seen)):
                    return [replace(member, owner=found) if member.owner else member for member in members]
        return []

    def member(self, cls: Found, name: str, seen: Seen | None = None) -> list[Found]:
        """Return what the body of a class itself, or an assignment to the class in its module, binds a name to."""
        path = f"{cls.name}.{name}"
        if patched := cls.module.scope.candidates(path):
            value = patched[-1].value
            members = [Found("value", cls.module, path, value if isinstance(value, ast.AST) else None)]
        else:
            members = self._bound(cls.module, cls.scope, name, set() if seen is None else seen, f"{cls.name}.")
        return [
            replace(m, owner=cls, definer=m.definer or cls) if m.kind in ("function", "value") else m for m in members
        ]

    def ancestry(self, cls: Found) -> list[Ancestor]:
        """Return the class and its ancestors in the order of Python's method resolution, `object` left out."""
        key = ("ancestry", cls.path, cls.class_node.lineno)
        if key in self._in_progress:  # a class that inherits from itself
            return []
        self._in_progress.add(key)
        try:
            return self.sources.traced(key, lambda: self._linearized(cls))
        finally:
            self._in_progress.discard(key)

    def _linearized(self, cls: Found) -> list[Ancestor]:
        bases = [base for node in cls.class_node.bases for base in self._base(cls.module, node)]
        chains = [self.ancestry(base) if isinstance(base, Found) else [base] for base in bases]
        return [cls, *linearize([*chains, bases], key=lambda ancestor: ancestor.path)]

    def qualified(self, module: Module, name: str) -> str:
        """Return a dotted name with its first part spelled out as the module imports or defines it."""
        head, _, rest = name.partition(".")
        for bound in module.scope.candidates(head):
            if isinstance(bound.value, Import):
                head = ".".join(filter(None, (bound.value.module, bound.value.name)))
                break
        else:
            is_builtin = head not in module.scope.names and hasattr(builtins, head)
            head = f"{'builtins' if is_builtin else module.name}.{head}"
        return f"{head}.{rest}" if rest else head

    def imported(self, value: Import, seen: Seen | None = None) -> list[Found]:
        """Return what an import gives."""
        module = self.sources.find(value.module)
        if value.name is None:
            return [_module(module)] if module else []
        found = self.lookup(module, value.name, seen) if module else []
        if not found and (inner := self.sources.find(f"{value.module}.{value.name}")):
            return [_module(inner)]
        return found

    def _base(self, module: Module, node: ast.expr) -> Iterator[Ancestor]:
        node = node.value if isinstance(node, ast.Subscript) else node
        name = dotted(node)
        if name is None:
            yield UnknownClass(ast.unparse(node))
            return
        classes = [found for found in self.dereference(module, name) if found.kind == "class"]
        if classes and not classes[0].wrappers:
            yield classes[0]
        elif (path := self.qualified(module, name)) != "builtins.object":
            yield UnknownClass(path)

    def _bound(
        self, module: Module, scope: Scope, name: str, seen: Seen, prefix: str = "", before: Bound | None = None
    ) -> list[Found]:
        candidates = scope.candidates(name, before)
        for wanted in (False, True):
            found: list[Found] = []
            for bound in candidates:
                if bound.is_fallback is wanted:
                    found.extend(self._follow(module, scope, name, bound, seen, prefix))
            if found:
                return list(dict.fromkeys(found))
        return []

    def _follow(
        self, module: Module, scope: Scope, name: str, bound: Bound, seen: Seen, prefix: str
    ) -> Iterable[Found]:
        value: Binding = bound.value
        path = prefix + name
        if isinstance(value, FunctionNode):
            alternatives = scope.overloads(name)
            return [Found("function", module, path, None if is_overload(value) else value, alternatives)]
        if isinstance(value, ast.ClassDef):
            return [Found("class", module, path, value)]
        if isinstance(value, Import):
            return self.imported(value, seen)
        if isinstance(value, ast.IfExp):
            branches = (Bound(value.body), Bound(value.orelse))
            return [f for branch in branches for f in self._follow(module, scope, name, branch, seen, prefix)]
        found = self._aliased(module, scope, value, seen, prefix)
        if isinstance(value, ast.Call):
            found = self._wrapped(module, scope, name, bound, seen, prefix)
        return found or [Found("value", module, path, value)]

    def _wrapped(self, module: Module, scope: Scope, name: str, bound: Bound, seen: Seen, prefix: str) -> list[Found]:
        """Return what `X = wrapper(Y)` wraps; `Y` may be what `X` was before."""
        assert isinstance(bound.value, ast.Call)
        inner = bound.value.args[0] if bound.value.args else None
        if dotted(inner) == name:
            found = self._bound(module, scope, name, seen, prefix, before=bound)
        else:
            found = self._aliased(module, scope, inner, seen, prefix)
        by = (module, bound.value.func)
        return [replace(f, wrappers=(*f.wrappers, by)) for f in found if f.kind in ("class", "function")]

    def _aliased(self, module: Module, scope: Scope, value: ast.expr | None, seen: Seen, prefix: str) -> list[Found]:
        """Return what `X = other.name` stands for; in a class body, names of that body come first."""
        name = dotted(value)
        if name is None:
            return []
        head = name.partition(".")[0]
        if prefix and head == name and head in scope.names:
            key = (f"{module.name}:{prefix}", name)
            if key in seen:
                return []
            seen.add(key)
            return self._bound(module, scope, name, seen, prefix)
        return self.dereference(module, name, seen)

    def _replaced(self, module: Module, name: str, stars: Sequence[str]) -> list[Found]:
        """Return the compiled module that may replace what was bound before it was imported by `*`."""
        if name not in module.scope.names:
            return []
        others = (self.sources.find(star) for star in stars)
        return [Found("compiled", other, name) for other in others if other is not None and other.is_compiled][:1]

    def _starred(self, stars: Sequence[str], name: str, seen: Seen) -> list[Found]:
        for star in reversed(stars):
            other = self.sources.find(star)
            if other is None or other.is_compiled or not self._may_give(other, name, set()):
                continue
            if other.exports(name) and (found := self.lookup(other, name, seen)):
                return found
        return []

    def _defined_behind_star(self, module: Module, name: str, seen: Seen) -> list[Found]:
        """Return what a star module defines without having it in `__all__`, where a decorator may add it."""
        others = (self.sources.find(star) for star in reversed(module.scope.stars))
        behind = (other for other in others if other is not None and name in other.definitions)
        found = (one for other in behind for one in self.lookup(other, name, seen))
        return [one for one in found if isinstance(one.node, Decorated) and one.node.decorator_list][:1]

    def _may_give(self, module: Module, name: str, visited: set[str]) -> bool:
        """Whether the text of a module, or of one that it imports by `*`, may bind the name; spares parsing others."""
        if module.name in visited:
            return False
        visited.add(module.name)
        if not module.may_export(name):
            return False
        if module.may_bind(name):
            return True
        others = (self.sources.find(star) for star in module.star_modules)
        return any(other is not None and self._may_give(other, name, visited) for other in others)

    def _made_at_run_time(self, module: Module, name: str, seen: Seen) -> list[Found]:
        """Return what the stub beside a module says, or the submodule that a table for lazy imports names."""
        if module.stub is not None and (found := self._bound(module.stub, module.stub.scope, name, seen)):
            return found
        if not (module.makes_names and module.mentions(name)):
            return []
        for home, attribute in lazy_homes(module.tree, name):
            for path in (f"{module.name}.{home.lstrip('.')}", home):
                other = self.sources.find(path) if path and not path.startswith(".") else None
                if other is not None and (found := self.lookup(other, attribute, seen)):
                    return found
        return []

    def _submodule(self, module: Module, name: str) -> list[Found]:
        inner = self.sources.find(f"{module.name}.{name}") if module.folders else None
        return [_module(inner)] if inner else []


def _module(module: Module) -> Found:
    return Found("compiled" if module.is_compiled else "module", module)
