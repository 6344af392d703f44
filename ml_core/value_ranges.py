"""Which values may a parameter have, beyond its type? Said in its annotation, and judged and worded here alone.

`Annotated[float, Ge(0), Lt(1)]` is a share, `Annotated[str, NotEmpty]` text that says something. The check reads this
from source, before anything is imported, and `ml_core.value_types.require` lets a constructor hold to it. The limits
are those of the library annotated-types; `NotEmpty`, `OneOf` and `Equal` come beside them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, TypeAlias

from annotated_types import BaseMetadata, Ge, Gt, Le, Lt, MinLen

__all__ = ["Equal", "Ge", "Gt", "Le", "Limit", "Lt", "MinLen", "NotEmpty", "OneOf", "holds", "limit_of", "worded"]


class OneOf(BaseMetadata):
    """The value is one of these.

    Args:
        *choices: Plain values.
    """

    __slots__ = ("choices",)

    def __init__(self, *choices: Any) -> None:
        self.choices = choices

    def __repr__(self) -> str:
        return f"OneOf({', '.join(map(repr, self.choices))})"


def Equal(value: Any) -> OneOf:
    """Return the limit that a value is this one."""
    return OneOf(value)


NotEmpty = MinLen(1)
"""Text or a container that holds something."""

Limit: TypeAlias = Ge | Gt | Le | Lt | MinLen | OneOf
MADE_BY: dict[str, Callable[..., Limit]] = {
    "Ge": Ge,
    "Gt": Gt,
    "Le": Le,
    "Lt": Lt,
    "MinLen": MinLen,
    "OneOf": OneOf,
    "Equal": Equal,
}


def limit_of(node: ast.expr) -> Limit | None:
    """Return the limit that an expression inside of `Annotated[...]` stands for; None for anything else."""
    name = _name(node.func if isinstance(node, ast.Call) else node)
    if not isinstance(node, ast.Call):
        return NotEmpty if name == "NotEmpty" else None
    try:
        arguments = [ast.literal_eval(argument) for argument in (*node.args, *(k.value for k in node.keywords))]
    except ValueError:  # a name, whose value only running it would tell
        return None
    return MADE_BY[name](*arguments) if name in MADE_BY else None


def holds(value: Any, limits: Iterable[Limit]) -> bool:
    """Whether a value keeps to limits; what has no order or length keeps to those of order and length."""
    return all(_holds(value, limit) for limit in limits)


def worded(limits: Iterable[Limit]) -> str:
    """Return limits as they follow a kind of value: ` from 0 to below 1`, ` that is not empty`."""
    words = dict(part for limit in limits for part in _words(limit))
    lower, upper, most = words.get("lower", ""), words.get("upper", ""), words.get("most", "")
    if most:
        upper = f"to {most}" if lower.startswith("from") else f"up to {most}"
    elif upper and lower.startswith("from"):
        upper = f"to {upper}"
    joint = " and " if lower.startswith("above") and upper else " "
    return f" {joint.join(filter(None, (lower, upper)))}".rstrip() + words.get("length", "")


def _words(limit: Limit) -> Iterator[tuple[str, str]]:
    match limit:
        case Ge(ge=bound):
            yield "lower", f"from {bound}"
        case Gt(gt=bound):
            yield "lower", f"above {bound}"
        case Le(le=bound):
            yield "most", str(bound)
        case Lt(lt=bound):
            yield "upper", f"below {bound}"
        case MinLen(min_length=least):
            yield "length", " that is not empty" if least == 1 else f" with {least} entries or more"


def _holds(value: Any, limit: Limit) -> bool:
    if isinstance(limit, OneOf):
        return any(value == choice and type(value) is type(choice) for choice in limit.choices)
    if isinstance(limit, MinLen):
        return not isinstance(value, Sized) or len(value) >= limit.min_length
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return not is_number or _is_within(value, limit)


def _is_within(number: Any, limit: Ge | Gt | Le | Lt) -> bool:
    match limit:
        case Ge(ge=bound):
            return bool(number >= bound)
        case Gt(gt=bound):
            return bool(number > bound)
        case Le(le=bound):
            return bool(number <= bound)
    return bool(number < limit.lt)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
