"""How are the batches of an epoch loaded, so that a pass can go on in the middle?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader, Dataset

from ml_core.batch import Batch
from ml_core.data.batches import identity
from ml_core.data.epoch_batches import EpochBatches, SeededRows
from ml_core.data.position import Position
from ml_core.data.random_numbers import RandomNumbers
from ml_core.errors import ConfigError


class FetchesBatches(Protocol):
    """A map-style data set that makes a batch of row numbers."""

    def __len__(self) -> int:
        """Return the number of rows."""
        ...

    def __getitems__(self, indices: Any) -> Batch:
        """Return the batch of these rows."""
        ...


class SeededDataset(Dataset[Batch]):
    """A data set whose random steps draw from the seeds that come with the rows.

    Args:
        dataset: Makes the batches.
    """

    def __init__(self, dataset: FetchesBatches) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.dataset)

    def __getitems__(self, chosen: SeededRows) -> Batch:
        """Return the batch of these rows."""
        with RandomNumbers(chosen.seeds):
            return self.dataset.__getitems__(chosen.rows)


class EpochLoader(DataLoader[Batch]):
    """A `DataLoader` of whole batches that goes on after the last one that was trained on.

    Batches that were trained on are not fetched again, and it makes no difference how many workers fetch the others.
    Without workers nothing stands between sampler and data set. The order is known when the first batch is asked for:
    Lightning makes an iterator before it tells the epoch. A pass whose epoch nobody tells is the one after the last.

    Args:
        dataset: Makes a batch of row numbers.
        batches: The rows of each batch.
        trainer: Trains on the batches.
        **options: Other arguments of `torch.utils.data.DataLoader`.
    """

    def __init__(
        self,
        dataset: FetchesBatches,
        batches: EpochBatches,
        trainer: Trainer | None = None,
        **options: Any,
    ) -> None:
        made: Any = SeededDataset(dataset) if batches.is_random else dataset
        generator = torch.Generator().manual_seed(batches.seed)  # else torch draws a seed from the global one
        super().__init__(made, batch_sampler=batches, collate_fn=identity, generator=generator, **options)  # type: ignore[arg-type]
        # torch leaves these to the batch sampler; Lightning looks here whether ranks share the data already.
        vars(self).update(sampler=batches, batch_size=batches.batch_size, drop_last=batches.drop_last)
        self.batches = batches
        self.position = Position(trainer)

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        """Yield the batches of one pass."""
        counted = self.batches.next_epoch
        self.batches.next_epoch = counted + 1
        self.batches.epoch, self.batches.first = self.position.begin(counted)
        try:
            for batch in self._fetched():
                self.position.handed_out += 1
                yield batch
        finally:
            self.batches.first = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the position as plain data, the same on every rank."""
        return {**self.position.state_dict(), **self._terms()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next pass go on behind the batches that were trained on.

        Raises:
            ConfigError: If it is in the middle of an epoch whose batches were other ones.
        """
        own = self._terms()
        changed = [name for name in ("batch_size", "num_samples") if state[name] != own[name]]
        if changed and 0 < state["batch"] < state["num_batches"]:
            raise _other_batches(state, own, changed[0])
        self.batches.seed = state["seed"]
        self.position.load_state_dict(state)

    def _terms(self) -> dict[str, int]:
        """Return what a number of batches means."""
        return {
            "batch_size": self.batches.batch_size * self.batches.num_replicas,
            "num_samples": self.batches.sampler.num_samples,
            "num_batches": len(self.batches),
            "seed": self.batches.seed,
        }

    def _fetched(self) -> Iterator[Batch]:
        if self.num_workers or self.pin_memory:
            return super().__iter__()
        return map(self.dataset.__getitems__, self.batches)  # type: ignore[attr-defined]


def _other_batches(state: dict[str, Any], own: dict[str, int], name: str) -> ConfigError:
    place = f"the checkpoint was written after batch {state['batch']} of {state['num_batches']} of an epoch"
    if name == "batch_size":
        return ConfigError(
            "data.batch_size",
            f"is {own[name]}, but {place} with batches of {state[name]}, so it is not known which rows are left.",
            f"Set data.batch_size={state[name]}, or go on from a checkpoint at the end of an epoch.",
        )
    return ConfigError(
        "data",
        f"an epoch has {own[name]} samples, but {place} of {state[name]}, so it is not known which are left.",
        "Go on with the same data, or from a checkpoint at the end of an epoch.",
    )
