"""Why is a name not found: is it a mistake, or is it made in a way that source does not show?"""

from __future__ import annotations

from collections.abc import Iterator

from ml_core.wiring.static.found import Found, UnknownClass
from ml_core.wiring.static.module import Module, Unresolved
from ml_core.wiring.static.names import Names
from ml_core.wiring.static.scopes import Import

FILLED_BY_EXTENSIONS = frozenset({"torch.cuda", "torch.sparse", "torch.xpu"})  # `torch.cuda.FloatTensor`


def absence(names: Names, found: Found, part: str, *, is_last: bool) -> Unresolved:
    """Return the failure to find an attribute.

    Args:
        names: The names that were followed.
        found: What lacks the attribute.
        part: The attribute.
        is_last: Whether the target ends there; if not, a package would have to have a submodule of that name.
    """
    if found.kind == "module":
        return _absent_from_module(names, found.module, part, is_last=is_last)
    message = f"{found.path} has no '{part}'"
    if found.kind != "class" or _may_have_more(names, found):
        return Unresolved("dynamic", f"{message} in its source")
    return Unresolved("name", message, part, _members(names, found))


def _absent_from_module(names: Names, module: Module, part: str, *, is_last: bool) -> Unresolved:
    failed = _failed_import(names, module, part)
    if failed is not None:
        return failed
    if _is_made_at_run_time(names, module, part, is_last=is_last):
        return Unresolved("dynamic", f"{module.name} has no '{part}' in its source")
    submodules = names.sources.submodules(module)
    if module.folders and not is_last:
        known = {*submodules, *_own(module)}
        return Unresolved("module", f"{module.name} has no module '{part}'", part, sorted(known))
    known = {*submodules, *_own(module), *_known(names, module, set())}
    return Unresolved("name", f"{module.name} has no '{part}'", part, sorted(known))


def _failed_import(names: Names, module: Module, part: str) -> Unresolved | None:
    """Return why an import that would give the name fails."""
    for bound in module.scope.candidates(part):
        if isinstance(bound.value, Import):
            source = bound.value.module
            head = source.partition(".")[0]
            if names.sources.find(head) is None:
                message = f"{module.name}.{part} needs the package '{head}', which is not installed"
                return Unresolved("package", message, head)
            return Unresolved("dynamic", f"{module.name}.{part} comes from {source}, which does not show it")
    return Unresolved("dynamic", f"{module.name}.{part} is made when it runs") if part in module.scope.names else None


def _is_made_at_run_time(names: Names, module: Module, part: str, *, is_last: bool) -> bool:
    """Whether a module may have a name that its source does not show.

    A package that makes names at run time has no further submodules than those on disk, unless it spells one.
    """
    if module.name in FILLED_BY_EXTENSIONS:
        return is_last
    if module.makes_names and (is_last or not module.folders or module.mentions(part)):
        return True
    return _is_given_by_star(names, module, part, {module.name}, is_last=is_last)


def _is_given_by_star(names: Names, module: Module, part: str, visited: set[str], *, is_last: bool) -> bool:
    for star in module.star_modules:
        other = names.sources.find(star)
        if other is None:  # it gives nothing then, if it is more than the example of a docstring
            continue
        if other.is_compiled or ((is_last or other.mentions(part)) and other.makes_names):
            return True
        if star not in visited:
            visited.add(star)
            if _is_given_by_star(names, other, part, visited, is_last=is_last):
                return True
    return False


def _may_have_more(names: Names, cls: Found) -> bool:
    """Whether a class may have attributes that its source does not show."""
    for ancestor in names.ancestry(cls):
        if isinstance(ancestor, UnknownClass) or cls.wrappers:
            return True
        is_changed = bool(ancestor.class_node.decorator_list or ancestor.class_node.keywords)
        is_set = b"setattr(%s," % ancestor.name.encode() in ancestor.module.text
        if is_changed or is_set or ancestor.module.path.endswith(".pyi"):
            return True
    return False


def _members(names: Names, cls: Found) -> Iterator[str]:
    for ancestor in names.ancestry(cls):
        if isinstance(ancestor, Found):
            yield from (name for name in ancestor.scope.names if not name.startswith("_"))


def _own(module: Module) -> list[str]:
    return [name for name in module.scope.names if "." not in name]


def _known(names: Names, module: Module, visited: set[str]) -> Iterator[str]:
    """Yield the names that a module defines and those of the modules that it imports by `*`."""
    if module.name in visited:
        return
    visited.add(module.name)
    yield from module.definitions or _own(module)
    for star in module.star_modules:
        other = names.sources.find(star)
        if other is not None:
            yield from _known(names, other, visited)
