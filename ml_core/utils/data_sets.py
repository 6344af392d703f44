"""Which data sets does a stage go through, and under which names do their values stand in the log?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

Sets: TypeAlias = Mapping[str, Sequence[str]]
"""`{stage: names}` of the stages that have data sets with names."""

NO_SETS: Sets = {}
EVALUATED = ("val", "test")
"""The stages that may go through several data sets."""


@runtime_checkable
class NamesSets(Protocol):
    """A data module that may have several data sets for a stage."""

    def set_names(self, stage: str) -> Sequence[str]:
        """Return their names; none where the stage has one data set without a name."""
        ...


def sets_of(datamodule: object) -> Sets:
    """Return the names of the data sets that a data module has."""
    if not isinstance(datamodule, NamesSets):
        return NO_SETS
    return {stage: names for stage in EVALUATED if (names := datamodule.set_names(stage))}


def sets_to_come(trainer: Trainer) -> Sets:
    """Return the names of the data sets of a fit before its loaders are made."""
    datamodule: Any = getattr(trainer, "datamodule", None)
    if datamodule is not None:
        return sets_of(datamodule)
    names = _names(trainer.fit_loop.epoch_loop.val_loop._data_source.instance)
    return {"val": names} if names else NO_SETS


def sets_now(trainer: Trainer) -> tuple[str, ...]:
    """Return the names of the data sets of the evaluation that runs now.

    Those are the keys where loaders came as a dict, and numbers where several came as a list.
    """
    loaders = trainer._evaluation_loop._combined_loader
    return _names(None if loaders is None else loaders.iterables)


def prefixes(stage: str, names: Sequence[str]) -> list[str]:
    """Return what log keys begin with: `val`, or `val/<name>` for each of several data sets."""
    return [f"{stage}/{name}" for name in names] or [stage]


def _names(loaders: Any) -> tuple[str, ...]:
    if isinstance(loaders, Mapping):
        return tuple(str(name) for name in loaders)
    return tuple(map(str, range(len(loaders)))) if isinstance(loaders, (list, tuple)) and len(loaders) > 1 else ()
