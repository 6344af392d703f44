"""Which plain values may a key have, as JSON schema?

Every schema here also lets an interpolation (`${...}`) and `???` pass, and a node, which may become anything.
"""

from __future__ import annotations

import ast
import json
from typing import Any, TypeAlias

from ml_core.wiring.static_types import WORDS, accepted_kinds, kinds_of

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
    names = [kind for kind in kinds if isinstance(kind, str)]
    choices = [kind[0] for kind in kinds if not isinstance(kind, str)]
    others = _of_kinds(names, default, choices)
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


def _of_kinds(names: list[str], default: str | None, choices: list[Any]) -> Schema:
    """Return the schema of what one of the kinds lets pass; an editor inserts a value of the first type."""
    accepted = accepted_kinds(names, default) | ({"None"} if default == "None" else set())
    ordered = [*names, *sorted(accepted - set(names))]
    types = [*dict.fromkeys([*(JSON_TYPES[name] for name in ordered), "string", "object"])]
    types = [one for one in types if one != "integer" or "number" not in types]
    if "str" in accepted:
        return {"type": types}
    wanted = [*dict.fromkeys(WORDS[name] for name in names), *map(repr, choices)]
    message = f"Must be {' or '.join(wanted)} (or an interpolation, ${{...}})."
    return {"type": types, "pattern": INTERPOLATION, "patternErrorMessage": message}
