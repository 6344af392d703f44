"""Which other classes may stand where a target stands? Those beside it in its package that share its base class."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from ml_core.wiring.source import Sources
from ml_core.wiring.static_signatures import Resolver, Unresolved

TOO_GENERAL = frozenset({"torch.nn.modules.module.Module", "abc.ABC", "typing.Generic", "typing.Protocol"})


def families(resolver: Resolver, targets: Iterable[str]) -> dict[str, list[str]]:
    """Return for every target the others of its family: for `torch.optim.Adam` the other optimizers of `torch.optim`.

    Functions, and classes that share no base but `torch.nn.Module`, have none.
    """
    sources = Sources(sys.path)
    classes: dict[str, list[str]] = {}
    found = {}
    for target in targets:
        package = target.rpartition(".")[0]
        own = _bases(resolver, target) - TOO_GENERAL
        if package and own:
            if package not in classes:
                classes[package] = _classes(sources, package)
            found[target] = [one for one in classes[package] if one != target and _is_sibling(resolver, one, own)]
    return found


def _classes(sources: Sources, package: str) -> list[str]:
    """Return what looks like the public classes of a module."""
    return [f"{package}.{name}" for name in sorted(_public(sources, package, set())) if name[:1].isupper()]


def _public(sources: Sources, name: str, seen: set[str]) -> set[str]:
    """Return the public names of a module, those of `from other import *` included."""
    module = sources.find(name)
    if module is None or module.is_compiled or name in seen:
        return set()
    seen.add(name)
    starred = {n for star in module.scope.stars for n in _public(sources, star, seen) if _exports(sources, star, n)}
    return {one for one in module.scope.names if not one.startswith("_")} | starred


def _exports(sources: Sources, module: str, name: str) -> bool:
    found = sources.find(module)
    return found is not None and found.exports(name)


def _is_sibling(resolver: Resolver, other: str, bases: frozenset[str]) -> bool:
    """Whether a class is defined in the package that it is named by, shares a base, and is not such a base itself."""
    package, _, name = other.rpartition(".")
    theirs = _bases(resolver, other)
    definitions = {base for base in theirs if base.startswith(f"{package}.") and base.endswith(f".{name}")}
    return bool(definitions) and not definitions & bases and bool(bases & theirs)


def _bases(resolver: Resolver, target: str) -> frozenset[str]:
    try:
        return resolver.bases(target)
    except Unresolved:
        return frozenset()
