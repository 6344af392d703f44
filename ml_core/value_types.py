"""Can a value be what an annotation asks for? Judged only where the annotation says it plainly."""

from __future__ import annotations

import inspect
import json
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ml_core.annotations import Choice, Kind, Wanted, kinds_of
from ml_core.errors import ConfigError, nearest
from ml_core.value_ranges import OneOf, holds

WIDENED = {"float": {"int"}, "complex": {"int", "float"}, "bool": {"int"}}
"""A whole number is a number, and 0 and 1 are read as false and true."""
FEW = 3
"""Choices that are told in the sentence itself; of more, the nearest one."""
TYPES: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (str, "str"),
    (numbers.Integral, "int"),
    (numbers.Real, "float"),
    (Mapping, "mapping"),
    (Sequence, "list"),
    (type(None), "None"),
)


def require(owner: Callable[..., Any] | type, **values: Any) -> None:
    """Hold values to the annotations that a function, or the body of a class, has for their names.

    Raises:
        ConfigError: Names the first that does not fit, and what would.

    Example:
        >>> from typing import Annotated
        >>> from ml_core.value_ranges import Ge, Lt
        >>> def split(share: Annotated[float, Ge(0), Lt(1)]) -> None:
        ...     require(split, share=share)
        >>> split(1)
        Traceback (most recent call last):
        ...
        ml_core.errors.ConfigError: share: is 1, but must be a share from 0 to below 1.
    """
    annotations = inspect.get_annotations(owner)
    for name, value in values.items():
        annotation = annotations[name]
        text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        if wrong := misfit(value, text):
            raise ConfigError(name, wrong, choices_of(text))


def misfit(value: Any, annotation: str | None, default: str | None = None) -> str | None:
    """Return what is wrong with a value, as a sentence; None where it fits or cannot be judged.

    Args:
        value: Plain data, as YAML gives it, or what a constructor was given.
        annotation: Source text of the parameter's annotation.
        default: Source text of its default; a parameter whose default is None takes null whatever it says.
    """
    kinds = None if annotation is None else kinds_of(annotation)
    is_node = isinstance(value, dict) and "_target_" in value
    if kinds is None or is_node or (value is None and default == "None"):
        return None
    return _misfit(value, kinds, default)


def choices_of(annotation: str | None) -> str:
    """Return `Choices: ...` where an annotation names more than a few; else nothing."""
    wanted = kinds_of(annotation or "") or ()
    choices = [str(one.value) for one in wanted if isinstance(one, Choice)]
    others = [one.words for one in wanted if isinstance(one, Kind)]
    return f"Choices: {', '.join(dict.fromkeys([*choices, *others]))}." if len(choices) > FEW else ""


def accepted_kinds(names: Iterable[str], default: str | None) -> set[str]:
    """Return the kinds of value that fit kinds of these names, or the kind of a default."""
    by_default = {"bool"} if default in ("True", "False") else set()
    names = set(names)
    return by_default.union(names, *(WIDENED.get(name, set()) for name in names))


def shown(value: Any) -> str:
    """Return a value as a user would write it."""
    if isinstance(value, str):
        return f"{value!r} (text)"
    return json.dumps(value) if value is None or isinstance(value, bool) else repr(value)


def _misfit(value: Any, wanted: Sequence[Wanted], default: str | None = None) -> str | None:
    choices = [one.value for one in wanted if isinstance(one, Choice)]
    kinds = [one for one in wanted if isinstance(one, Kind)]
    if choices and holds(value, [OneOf(*choices)]):
        return None
    name = _kind_of(value)
    exact = [kind for kind in kinds if kind.name == name]
    fitting = exact or [kind for kind in kinds if name in accepted_kinds([kind.name], None)]
    if not fitting and name in accepted_kinds([], default):
        return None
    if within := [kind for kind in fitting if holds(value, kind.limits)]:
        return _misfit_inside(value, within[0])
    if len(choices) > FEW:
        return f"is {shown(value)}, which is none of its choices.{_nearest(value, choices)}"
    return f"is {shown(value)}, but must be {_words(kinds, choices)}."


def _misfit_inside(value: Any, kind: Kind) -> str | None:
    """Return what is wrong with one of a container's values."""
    if not kind.of:
        return None
    found = ((key, _misfit(item, kind.of)) for key, item in _items(value))
    return next((f"{wrong.removesuffix('.')}, at {key!r}." for key, wrong in found if wrong), None)


def _items(value: Any) -> Iterable[tuple[Any, Any]]:
    return value.items() if isinstance(value, Mapping) else enumerate(value)


def _words(kinds: Sequence[Kind], choices: Sequence[Any]) -> str:
    has_any_number = any(kind == Kind("float") for kind in kinds)
    words = [kind.words for kind in kinds if not (kind.name == "int" and has_any_number)]
    return " or ".join([*dict.fromkeys(words), *map(repr, choices)])


def _nearest(value: Any, choices: Sequence[Any]) -> str:
    return nearest(value, [choice for choice in choices if isinstance(choice, str)]) if isinstance(value, str) else ""


def _kind_of(value: Any) -> str:
    return next((name for kind, name in TYPES if isinstance(value, kind)), "object")
