"""What may stand in the `defaults` list of a file, as JSON schema?"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ml_core.wiring.schema.types import Schema, interpolation

Options = Mapping[str, Mapping[str, str]]
"""`{group: {option: what it is}}`; the group of primary configurations is empty."""

PACKAGE = r"@[\w.]+"


def defaults_schema(group: str, options: Options) -> Schema:
    """Return the schema of the defaults list of a file.

    Args:
        group: Group of the file, from which names without a leading slash count; empty for a primary configuration.
        options: Every group with its options.
    """
    return {
        "description": "What is merged into this file, in this order; `_self_` is the file's own content.",
        "type": ["array", "null"],
        "items": {
            "type": ["object", "string"],
            "if": {"type": "object"},
            "then": _selections(group, options),
            "else": _names(group, options),
        },
    }


def _names(group: str, options: Options) -> Schema:
    """Return the schema of an entry that names a file: an option of the same group, or a path."""
    own = [*options.get(group, {}), "_self_"]
    absolute = [f"/{one}/{name}".replace("//", "/") for one in options for name in options[one]]
    relative = [f"{_relative(one, group)}/{name}" for one in options if _relative(one, group) for name in options[one]]
    paths = "|".join(re.escape(name) for name in [*own, *absolute, *relative])
    return {"anyOf": [{"enum": own}, {"pattern": rf"^(?:optional )?(?:{paths})(?:{PACKAGE})?$|\$\{{"}]}


def _selections(group: str, options: Options) -> Schema:
    """Return the schema of an entry that selects an option of a group, with all ways to write the group."""
    named: Schema = {}
    patterns: Schema = {"^optional ": {}, "^(?:override )?/?hydra/": {}}  # Hydra and its plugins have more options
    for one in (one for one in options if one and not one.startswith("hydra/")):
        relative = _relative(one, group)
        forms = [f"/{one}", *([relative] if relative else [])]
        choice = _choice(options[one])
        named |= {f"{prefix}{form}": choice for form in forms for prefix in ("", "override ")}
        patterns[f"^(?:override )?(?:{'|'.join(map(re.escape, forms))}){PACKAGE}$"] = choice
    shape = {"properties": named, "patternProperties": patterns, "additionalProperties": False}
    return {**shape, "minProperties": 1, "maxProperties": 1}


def _choice(options: Mapping[str, str]) -> Schema:
    names = list(options)
    described = "\n".join(f"- `{name}`: {text}" for name, text in options.items() if text)
    several = {"type": "array", "items": {"enum": names}}
    return {"description": described, "anyOf": [{"enum": [*names, None]}, several, interpolation()]}


def _relative(one: str, group: str) -> str:
    """Return the name of a group as a file of another one may write it; empty where it must write it with a slash."""
    return one if not group else one.removeprefix(f"{group}/") if one.startswith(f"{group}/") else ""
