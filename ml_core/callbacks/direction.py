"""Is a logged value better when lower or when higher?

Metrics know it of themselves and losses are better when lower, so no configuration has to repeat it: whatever
monitors a value asks here, with `mode: auto`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

from lightning.pytorch import LightningModule, Trainer

from ml_core.errors import ConfigError, listed, nearest
from ml_core.models.utils import Direction
from ml_core.utils.data_sets import NO_SETS, Sets, sets_to_come
from ml_core.utils.logged_values import TEST


@runtime_checkable
class KnowsDirections(Protocol):
    """Something that logs values and knows which way they are better."""

    def directions(self) -> Mapping[str, Direction]:
        """Return `{log key: "min" or "max"}`."""


@runtime_checkable
class KnowsDirectionsOfSets(Protocol):
    """Something that logs values of its own for each data set of a stage that goes through several."""

    def directions_of(self, sets: Sets) -> Mapping[str, Direction]:
        """Return `{log key: "min" or "max"}`."""


def known_directions(sources: Iterable[object], sets: Sets = NO_SETS) -> dict[str, Direction]:
    """Return `{log key: direction}` of all that modules and callbacks are known to log."""
    known: dict[str, Direction] = {}
    for source in sources:
        if isinstance(source, KnowsDirectionsOfSets):
            known |= source.directions_of(sets)
        elif isinstance(source, KnowsDirections):
            known |= source.directions()
    return known


def direction_of(monitor: str, trainer: Trainer, module: LightningModule, where: str) -> Direction:
    """Return the direction of a value that is logged while training goes on.

    Args:
        monitor: Log key, such as `val/best`.
        trainer: Its callbacks are asked.
        module: Is asked too.
        where: YAML path for the message.

    Raises:
        ConfigError: If nothing in this run is known to log that value.
    """
    everything = known_directions((module, *trainer.callbacks), sets_to_come(trainer))  # type: ignore[attr-defined]
    known = {name: direction for name, direction in everything.items() if not name.startswith(TEST)}
    if monitor not in known:
        raise ConfigError(
            where,
            f"'{monitor}' is not a value that this run is known to log.{nearest(monitor, known)}",
            f"Known: {listed(sorted(known))}. For any other value set `mode` to min or max.",
        )
    return known[monitor]


def with_auto_mode(base: type) -> inspect.Signature:
    """Return the constructor signature of `base` with `mode` defaulting to `auto`."""
    signature = inspect.signature(base)
    return signature.replace(
        parameters=[p.replace(default="auto") if p.name == "mode" else p for p in signature.parameters.values()]
    )
