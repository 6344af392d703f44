"""Which weights does a pattern in YAML mean?"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from ml_core.errors import ConfigError, listed

T = TypeVar("T")

SECTIONS = ("forward_fn.", "inference_fn.", "criterions.")
MOST_SHOWN = 6


def short_name(name: str) -> str:
    """Return how a user knows a weight: `forward_fn.network.transform.fc1.weight` is `network.fc1.weight`.

    The section is left out, and the `transform` under which a `WrapTransform` keeps what it wraps.
    """
    for section in SECTIONS:
        name = name.removeprefix(section)
    first, _, rest = name.partition(".")
    return rest if first == "transform" else f"{first}.{rest.removeprefix('transform.')}".removesuffix(".")


def matching(pattern: str, named: Mapping[str, T], where: str) -> dict[str, tuple[T, int]]:
    """Return the weights that a pattern matches, each with the number that `#` stands for (0 without one).

    Args:
        pattern: Shell-style: `*` for anything, `?` for one character, `[ab]` for a choice, `#` for a number, and `|`
            between alternatives. It must match the whole of the full or the short name.
        named: Full name to weight.
        where: YAML path of the pattern, for messages.

    Raises:
        ConfigError: If it is no text, or matches nothing; lists near names.
    """
    if not isinstance(pattern, str) or not pattern:
        raise ConfigError(where, f"is {pattern!r}, but must be a pattern such as '*.bias|*.norm*'.")
    expression = re.compile("|".join(_expression(part) for part in pattern.split("|")))
    found = {}
    for name, weight in named.items():
        match = expression.fullmatch(short_name(name)) or expression.fullmatch(name)
        if match:
            found[name] = (weight, next((int(number) for number in match.groups() if number), 0))
    if not found:
        raise ConfigError(where, f"'{pattern}' matches no weight.{_near(pattern, named)}", _some(named))
    return found


def _expression(pattern: str) -> str:
    """Return the regular expression of one alternative."""
    parts = {"*": ".*", "?": ".", "#": r"(\d+)"}
    pieces = re.split(r"(\*|\?|#|\[[^\]]*\])", pattern.strip())
    return "".join(p if p.startswith("[") and p.endswith("]") else parts.get(p, re.escape(p)) for p in pieces)


def _near(pattern: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(pattern, [short_name(name) for name in names], n=3, cutoff=0.5)
    return f" Near: {listed(close)}." if close else ""


def _some(names: Iterable[str]) -> str:
    shown = [short_name(name) for name in names]
    more = [f"{len(shown) - MOST_SHOWN} more"] if len(shown) > MOST_SHOWN else []
    return f"Weights: {listed([*shown[:MOST_SHOWN], *more])}."
