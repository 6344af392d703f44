"""Which values will this run log? Asked before training by whatever waits for one of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from ml_core.errors import ConfigError, listed, nearest
from ml_core.utils.data_sets import NO_SETS, Sets

OWN, LIGHTNING = "ml_core.", ("lightning.", "pytorch_lightning.")
TEST = "test/"
STEP_COUNTERS = frozenset({"epoch", "step"})
"""What checkpoints may look at beside logged values."""
LEARNING_RATES = "lr-"
"""How the names begin under which Lightning's LearningRateMonitor logs."""


@runtime_checkable
class LogsValues(Protocol):
    """Something that tells which values it logs.

    Every module and callback of this package that calls `log` says so by this; of those that do not it is taken
    that they log nothing.
    """

    def logged_values(self) -> Collection[str] | None:
        """Return the names; None where they are not known before they are logged."""


@runtime_checkable
class LogsValuesOfSets(Protocol):
    """Something that logs values of its own for each data set of a stage that goes through several."""

    def logged_values_of(self, sets: Sets) -> Collection[str] | None:
        """Return the names; None where they are not known before they are logged."""


def loggable(sources: Iterable[object], sets: Sets = NO_SETS) -> set[str] | None:
    """Return the names of all values that modules and callbacks can log; None where one of them does not tell.

    A name stands for `name/0`, `name/1`, ... too, under which the numbers of a vector are logged.
    """
    names: set[str] = set()
    for source in sources:
        kind = f"{type(source).__module__}."
        if kind.startswith(LIGHTNING):
            names |= {LEARNING_RATES} if type(source).__name__ == "LearningRateMonitor" else set()
            continue
        own = _told(source, sets)
        if own is None or not kind.startswith(OWN):
            return None
        names |= set(own)
    return names


def _told(source: object, sets: Sets) -> Collection[str] | None:
    if isinstance(source, LogsValuesOfSets):
        return source.logged_values_of(sets)
    return source.logged_values() if isinstance(source, LogsValues) else ()


def require_logged(
    name: str | None, sources: Iterable[object], where: str, in_training: bool = True, sets: Sets = NO_SETS
) -> None:
    """Refuse to wait for a value that nothing in this run can log.

    Args:
        name: Log key, such as `val/best`.
        sources: The module and the callbacks of the run; where one of them is of another package it may log
            anything, and nothing is refused.
        where: YAML path for the message.
        in_training: Whether it is needed while training goes on, when nothing of the test stage is there.
        sets: Names of the data sets of the run.

    Raises:
        ConfigError: Names the nearest value and all that there are.
    """
    known = loggable(sources, sets)
    if name is None or known is None:
        return
    known = {value for value in known if not (in_training and value.startswith(TEST))}
    if _is_among(name, known):
        return
    raise ConfigError(
        where,
        f"nothing in this run logs '{name}'.{nearest(name, known)}{_hint(name)}",
        f"It logs: {listed(sorted(known - {LEARNING_RATES}))}.",
    )


def not_logged(name: str, logged: Mapping[str, Any], where: str) -> ConfigError:
    """Word that a value was not there when it was needed."""
    return ConfigError(
        where, f"'{name}' was not logged.{nearest(name, logged)}{_hint(name)}", f"Logged: {listed(sorted(logged))}."
    )


def _is_among(name: str, known: set[str]) -> bool:
    is_rate = LEARNING_RATES in known and name.startswith(LEARNING_RATES)
    return is_rate or name in known | STEP_COUNTERS or name.rpartition("/")[0] in known


def _hint(name: str) -> str:
    hints = {"val/best": " It comes from callbacks.metrics_callback, which is switched off."}
    return hints.get(name, "")
