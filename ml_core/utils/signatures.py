"""Which arguments does a callable take?"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ml_core.errors import ConfigError, listed, nearest


@dataclass(frozen=True)
class Accepted:
    """The keyword arguments of a callable.

    Attributes:
        names: Names that it takes.
        required: Those of them without a default.
        is_open: Whether further names may be given (`**kwargs`).
        takes_args: Whether it takes any number of positional arguments.
    """

    names: tuple[str, ...]
    required: frozenset[str]
    is_open: bool
    takes_args: bool = False


class UnknownArgumentError(ConfigError):
    """A key of a node is no argument of its target, whatever its value."""


def accepted(target: Callable[..., Any]) -> Accepted | None:
    """Return what `target` takes, or None where nothing tells (built-ins without a signature).

    A module instance is asked for its `forward`; a `functools.partial` no longer requires what it holds.
    """
    try:
        parameters = inspect.signature(_callable_of(target)).parameters.values()
    except (ValueError, TypeError):
        return None
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return Accepted(
        names=tuple(p.name for p in named),
        required=frozenset(p.name for p in named if p.default is p.empty),
        is_open=any(p.kind is p.VAR_KEYWORD for p in parameters),
        takes_args=any(p.kind is p.VAR_POSITIONAL for p in parameters),
    )


def _callable_of(target: Any) -> Any:
    forward = getattr(target, "forward", None)
    return target if inspect.isclass(target) or forward is None else forward


def reject_unknown(target: Callable[..., Any], name: str, keys: list[str], where: str) -> None:
    """Raise for the first of `keys` that `target`, known to the user as `name`, does not take.

    Raises:
        ConfigError: With the YAML path of the key, the nearest name and all that it takes.
    """
    takes = accepted(target)
    if takes is None or takes.is_open:
        return
    for key in keys:
        if key not in takes.names:
            raise unknown_argument(name, key, takes.names, where)


def unknown_argument(name: str, key: str, names: Sequence[str], where: str) -> ConfigError:
    """Word that a target does not take a key of its node."""
    return UnknownArgumentError(
        f"{where}.{key}" if where else key,
        f"{name} takes no '{key}'.{nearest(key, names)}",
        f"It takes: {listed(names)}.",
    )


def missing_arguments(name: str, missing: Sequence[str], where: str) -> ConfigError:
    """Word that a node lacks arguments which its target requires."""
    verb = "is" if len(missing) == 1 else "are"
    return ConfigError(where, f"{name} needs {listed(repr(key) for key in missing)}, which {verb} not given.")


def check_pairs(takes: Accepted, name: str, pairs: Sequence[tuple[str, str]], where: str) -> None:
    """Check that (batch key, parameter) pairs name parameters of a callable, and all that it needs.

    Raises:
        ConfigError: Names the parameters that it takes, and says so when the mapping is written the wrong way
            round.
    """
    for key, parameter in pairs:
        if parameter not in takes.names and not takes.is_open:
            turned = (
                f" A mapping reads {{batch_key: parameter}}, so turn it round: {{{parameter}: {key}}}."
                if key in takes.names
                else nearest(parameter, takes.names)
            )
            raise ConfigError(
                f"{where}.{key}",
                f"{name} has no parameter '{parameter}'.{turned}",
                f"It takes: {listed(takes.names) if takes.names else 'positional arguments only'}.",
            )
    fed = {parameter for _, parameter in pairs}
    missing = [required for required in takes.names if required in takes.required and required not in fed]
    if missing:
        raise ConfigError(
            where,
            f"{name} needs {listed(repr(required) for required in missing)}, which no key feeds.",
            f"It takes: {listed(takes.names)}.",
        )


def name_of(target: Any) -> str:
    """Return a name for messages: the dotted path of a class or function, the class of an instance."""
    if isinstance(target, functools.partial):
        return name_of(target.func)
    owner = target if hasattr(target, "__qualname__") else type(target)
    module = getattr(owner, "__module__", None)
    return owner.__qualname__ if module in (None, "builtins") else f"{module}.{owner.__qualname__}"
