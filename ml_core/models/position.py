"""Where is a training: which step, epoch and batch, and which rows of the data?"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from lightning.pytorch import Trainer
from torch.utils.data import DataLoader, DistributedSampler


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


def rows_of(trainer: Trainer, batch: int) -> list[int]:
    """Return which rows of the train split are in a batch of this epoch; empty where the order cannot be known.

    The order is known where it follows from seed and epoch alone, as with our `EpochSampler`.
    """
    loader = trainer.train_dataloader
    if not isinstance(loader, DataLoader) or not isinstance(loader.sampler, DistributedSampler):
        return []
    return list(next(itertools.islice(loader.batch_sampler or (), batch, None), []))
