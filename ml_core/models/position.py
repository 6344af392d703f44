"""Where is a training: which step, epoch and batch, and which rows of the data?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from lightning.pytorch import Trainer


@dataclass(frozen=True)
class Position:
    """Where a training is.

    Attributes:
        step: Optimizer steps taken before.
        epoch: Number of the epoch.
        batch: Number of the batch in the epoch.
    """

    step: int
    epoch: int
    batch: int

    @classmethod
    def of(cls, trainer: Trainer) -> Position:
        """Return where a trainer is that trains right now."""
        return cls(trainer.global_step, trainer.current_epoch, trainer.fit_loop.epoch_loop.batch_idx)

    def __str__(self) -> str:
        return f"at step {self.step} (epoch {self.epoch}, batch {self.batch})"


@runtime_checkable
class KnowsRows(Protocol):
    """An order that follows from seed and epoch alone, as that of our data module."""

    def rows_of(self, batch: int) -> list[int]:
        """Return the rows of one batch of this epoch; none past its end."""
        ...


def rows_of(trainer: Trainer, batch: int) -> list[int]:
    """Return which rows of the train split are in a batch of this epoch; empty where the order cannot be known."""
    order = getattr(trainer.train_dataloader, "batch_sampler", None)
    return order.rows_of(batch) if isinstance(order, KnowsRows) else []
