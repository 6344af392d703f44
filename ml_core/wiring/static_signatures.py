"""What does the target of a YAML node take? Told from its source: nothing is imported, no library is needed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from ml_core.wiring.source import Sources
from ml_core.wiring.static.absence import absence
from ml_core.wiring.static.answer_cache import AnswerCache
from ml_core.wiring.static.callables import Callables
from ml_core.wiring.static.found import Found
from ml_core.wiring.static.literals import Reference, decode, encode, literal_of
from ml_core.wiring.static.module import Unresolved
from ml_core.wiring.static.names import Names
from ml_core.wiring.static.parameters import Parameter, StaticSignature, union

__all__ = ["Parameter", "Reference", "Resolver", "StaticSignature", "Unresolved"]

T = TypeVar("T")


class Resolver:
    """Answers questions about dotted targets.

    What it says is no guess: a name that it leaves out is refused at run time too, or does nothing there. Where that
    cannot be told, the signature is open or the target is `Unresolved`. It sees the disk as it was when first looked
    at; make a new one after an edit.

    Args:
        paths: Where modules are looked for, in this order; by default `sys.path`.
        cache: File that keeps answers from run to run, written by `save`; by default none.
    """

    def __init__(self, paths: Sequence[str] | None = None, cache: Path | None = None) -> None:
        self._sources = Sources(sys.path if paths is None else paths)
        self._names = Names(self._sources)
        self._callables = Callables(self._names)
        self._cache = AnswerCache(cache, self._sources) if cache else None
        self._answers: dict[tuple[str, ...], Any] = {}

    def signature(self, target: str) -> StaticSignature:
        """Return what a class, function or method takes.

        A method that is named through its class takes `self` too, as it does in Python.

        Raises:
            Unresolved: If it does not exist, or its source does not tell.
        """
        return self._answer(
            ("signature", target), lambda: self._signature(target), StaticSignature.as_json, StaticSignature.from_json
        )

    def method(self, target: str, name: str) -> StaticSignature:
        """Return what a method of a class's instances takes, without `self`: `forward` of a network, inherited or not.

        A class whose `__new__` makes instances of others, such as `torchmetrics.Accuracy`, has their methods.

        Raises:
            Unresolved: If there is none, or its source does not tell.
        """
        return self._answer(
            ("method", target, name),
            lambda: self._method(target, name),
            StaticSignature.as_json,
            StaticSignature.from_json,
        )

    def bases(self, target: str) -> frozenset[str]:
        """Return the dotted names of a class, by its definition, and of its ancestors; none of a function.

        Raises:
            Unresolved: If the target does not exist, or its source does not tell.
        """
        return self._answer(("bases", target), lambda: self._bases(target), sorted, frozenset)

    def class_attribute(self, target: str, name: str) -> object | None:
        """Return a class attribute that is written as a literal, inherited or not; None where there is none.

        Classes and functions that the literal names are `Reference`s.

        Raises:
            Unresolved: If the target does not exist, or its source does not tell.
        """
        return self._answer(("attribute", target, name), lambda: self._attribute(target, name), encode, decode)

    def save(self) -> None:
        """Write the answers to the cache file, if there is one; a file that cannot be written is left as it is."""
        if self._cache is not None:
            self._cache.save()

    def _answer(
        self, question: tuple[str, ...], compute: Callable[[], T], encode: Callable[[T], Any], load: Callable[[Any], T]
    ) -> T:
        if question not in self._answers:
            kept = self._cache.get(" ".join(question)) if self._cache else None
            self._answers[question] = self._fresh(question, compute, encode) if kept is None else _loaded(kept, load)
        answer = self._answers[question]
        if isinstance(answer, Unresolved):
            raise answer.with_traceback(None)
        return answer

    def _fresh(self, question: tuple[str, ...], compute: Callable[[], T], encode: Callable[[T], Any]) -> T | Unresolved:
        self._sources.asked = set()
        try:
            answer = compute()
        except RecursionError:
            return Unresolved("dynamic", f"{question[1]} is nested too deeply")
        except Unresolved as failure:
            if not failure.is_mistake:  # a mistake is mended next, so it is not kept
                self._keep(question, {"unresolved": [failure.kind, failure.message]})
            return failure
        self._keep(question, {"is": encode(answer)})
        return answer

    def _keep(self, question: tuple[str, ...], answer: dict[str, Any]) -> None:
        if self._cache is not None and self._sources.asked:
            self._cache.put(" ".join(question), answer, self._sources.asked)

    def _signature(self, target: str) -> StaticSignature:
        found = self._resolved(target)
        kind: Literal["class", "function", "method"] = "method" if found[0].owner else "function"
        if found[0].kind == "class":
            kind = "class"
        return _signature_of(target, kind, found, [self._callables.parameters(one) for one in found])

    def _method(self, target: str, name: str) -> StaticSignature:
        classes = [one for one in self._resolved(target) if one.kind == "class"]
        if not classes:
            raise Unresolved("dynamic", f"{target} is no class, so what it returns is known only when it runs")
        classes = [made for cls in classes for made in self._callables.made_by(cls) or [cls]]
        found = [method for cls in classes for method in self._names.attribute(cls, name)]
        if not found:
            raise absence(self._names, classes[0], name, is_last=True)
        parameters = [self._callables.parameters(one, is_bound=True) for one in found]
        return _signature_of(f"{target}.{name}", "method", found, parameters)

    def _bases(self, target: str) -> frozenset[str]:
        classes = [one for one in self._resolved(target) if one.kind == "class"]
        return frozenset(ancestor.path for cls in classes for ancestor in self._names.ancestry(cls))

    def _attribute(self, target: str, name: str) -> object | None:
        classes = [one for one in self._resolved(target) if one.kind == "class"]
        members = [member for cls in classes for member in self._names.attribute(cls, name)]
        return literal_of(self._names, members[0]) if members else None

    def _resolved(self, target: str) -> list[Found]:
        """Return what a dotted target stands for."""
        parts = target.split(".")
        if not all(part.isidentifier() for part in parts):
            raise Unresolved("name", f"'{target}' is no dotted name", target)
        found = [self._module(parts[0])]
        for depth, part in enumerate(parts[1:], start=2):
            deeper = [inner for one in found for inner in self._names.attribute(one, part)]
            if not deeper:
                raise absence(self._names, found[0], part, is_last=depth == len(parts))
            found = deeper
        return [one for one in found if one.kind != "module"] or found

    def _module(self, name: str) -> Found:
        module = self._sources.find(name)
        if module is not None:
            return Found("compiled" if module.is_compiled else "module", module)
        if name in sys.modules:  # `__main__`, or made by a program that runs already
            self._sources.asked = set()
            raise Unresolved("dynamic", f"the module {name} has no file")
        if self._sources.has_archives:
            raise Unresolved("dynamic", f"the package '{name}' may lie in an archive on the search path")
        raise Unresolved("package", f"the package '{name}' is not installed", name)


def _loaded(kept: dict[str, Any], load: Callable[[Any], T]) -> T | Unresolved:
    return load(kept["is"]) if "is" in kept else Unresolved(*kept["unresolved"])


def _signature_of(
    target: str,
    kind: Literal["class", "function", "method"],
    found: Sequence[Found],
    alternatives: Sequence[Sequence[Parameter]],
) -> StaticSignature:
    first = found[0]
    node = first.node or (first.overloads[0] if first.overloads else None)
    line = getattr(node, "lineno", 1)
    return StaticSignature(target, kind, first.module.path, line, tuple(union(alternatives)))
