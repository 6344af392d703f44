"""Which plain values may a key have, as JSON schema?

Every schema here also lets an interpolation (`${...}`) and `???` pass, and a node, which may become anything.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from ml_core.annotations import Choice, Kind, kinds_of
from ml_core.value_ranges import Ge, Gt, Le, Limit, Lt
from ml_core.value_types import accepted_kinds

Schema: TypeAlias = dict[str, Any]

INTERPOLATION = r"^\?\?\?$|\$\{"
JSON_TYPES = {
    "bool": "boolean",
    "int": "integer",
    "float": "number",
    "complex": "number",
    "str": "string",
    "None": "null",
    "list": "array",
    "mapping": "object",
    "object": "object",
}


def schema_of(annotation: str | None, default: str | None = None) -> Schema:
    """Return the schema of a parameter's value; one that refuses nothing where the annotation is not understood.

    Args:
        annotation: Source text of the annotation.
        default: Source text of the default.
    """
    kinds = None if annotation is None else kinds_of(annotation)
    if kinds is None:
        return {}
    named = [kind for kind in kinds if isinstance(kind, Kind)]
    choices = [kind.value for kind in kinds if isinstance(kind, Choice)]
    others = _of_kinds(named, default, choices)
    return {"anyOf": [{"enum": choices}, others]} if choices else others


def default_of(source: str | None) -> Schema:
    """Return `{"default": value}` where a default is written out and JSON can say it, else nothing."""
    try:
        value = ast.literal_eval(source or "?")
        return {"default": json.loads(json.dumps(value, allow_nan=False))}
    except (ValueError, SyntaxError, TypeError):
        return {}


def interpolation() -> Schema:
    """Return the schema of text that stands for a value."""
    return {"type": "string", "pattern": INTERPOLATION}


def _of_kinds(kinds: Sequence[Kind], default: str | None, choices: list[Any]) -> Schema:
    """Return the schema of what one of the kinds lets pass; an editor inserts a value of the first type."""
    names = [kind.name for kind in kinds]
    accepted = accepted_kinds(names, default) | ({"None"} if default == "None" else set())
    ordered = [*names, *sorted(accepted - set(names))]
    types = [*dict.fromkeys([*(JSON_TYPES[name] for name in ordered), "string", "object"])]
    types = [one for one in types if one != "integer" or "number" not in types]
    limits = _limits(kinds)
    if "str" in accepted:
        return {"type": types, **limits}
    wanted = [*dict.fromkeys(kind.words for kind in kinds), *map(repr, choices)]
    message = f"Must be {' or '.join(wanted)} (or an interpolation, ${{...}})."
    return {"type": types, **limits, "pattern": INTERPOLATION, "patternErrorMessage": message}


def _limits(kinds: Sequence[Kind]) -> Schema:
    """Return the limits of numbers; none where only some kinds of number have them."""
    numbers = [kind for kind in kinds if kind.name in ("int", "float", "complex")]
    if len(numbers) != 1 or any(kind.name == "bool" for kind in kinds):
        return {}
    return dict(word for limit in numbers[0].limits for word in _limit(limit))


def _limit(limit: Limit) -> Iterator[tuple[str, Any]]:
    match limit:
        case Ge(ge=bound):
            yield "minimum", bound
        case Gt(gt=bound):
            yield "exclusiveMinimum", bound
        case Le(le=bound):
            yield "maximum", bound
        case Lt(lt=bound):
            yield "exclusiveMaximum", bound
