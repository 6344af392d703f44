"""Which rows are in each batch of a rank, and with which random numbers is it made?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor
from torch.utils.data import DistributedSampler

from ml_core.data.batch_sizes import even_sizes
from ml_core.data.sampling import BatchwiseSampler, RowSampler

ORDER, NUMBERS = 0, 1
"""What a seed is for: each purpose has random numbers of its own."""


class SeededRows(NamedTuple):
    """The rows of a batch, and the seeds of the random steps that make it."""

    rows: np.ndarray
    seeds: list[int]


class EpochBatches(DistributedSampler[Any]):
    """The batches of one rank: they follow from seed and epoch alone.

    Every rank draws the same rows and takes its share of each batch, so that all have equally many batches and no row
    is in two. The rows of the first batches are the same ones on any number of ranks.

    It is a `DistributedSampler` because Lightning would replace anything else on several devices.

    Args:
        sampler: Draws the rows of an epoch.
        batch_size: Rows of a batch on this rank.
        num_replicas: Number of ranks.
        rank: Number of this one.
        seed: Seed of the order and of the random steps.
        drop_last: Whether a last batch that is not full is left out.
        is_random: Whether random steps make the batches: each then comes with seeds, as `SeededRows`.

    Attributes:
        next_epoch: Number of the epoch of the next pass, unless `set_epoch` tells another one.
        first: Number of the batch that the next pass begins with.

    Raises:
        DataError: If there are fewer rows than ranks.
    """

    def __init__(
        self,
        sampler: RowSampler | BatchwiseSampler,
        batch_size: int,
        *,
        num_replicas: int = 1,
        rank: int = 0,
        seed: int = 0,
        drop_last: bool = False,
        is_random: bool = False,
    ) -> None:
        super().__init__(range(sampler.num_samples), num_replicas, rank, shuffle=False, seed=seed, drop_last=drop_last)  # type: ignore[arg-type]
        self.sampler, self.batch_size, self.is_random = sampler, batch_size, is_random
        self.next_epoch, self.first = 0, 0
        if isinstance(sampler, BatchwiseSampler):
            self.sizes = sampler.batch_sizes(batch_size, num_replicas, drop_last)
        else:
            self.sizes = even_sizes(sampler.num_samples, batch_size * num_replicas, num_replicas, drop_last)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches come next."""
        self.epoch = self.next_epoch = epoch

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return len(self.sizes)

    def __iter__(self) -> Iterator[np.ndarray | SeededRows]:
        """Yield the rows of each batch of the epoch, from `first` on."""
        rows, ends = self._shares()
        starts = [0, *ends]
        seeds = self._seeds() if self.is_random else None
        for number in range(self.first, len(ends)):
            chosen = rows[starts[number] : ends[number]]
            yield chosen if seeds is None else SeededRows(chosen, seeds[number].tolist())

    def rows_of(self, batch: int) -> list[int]:
        """Return the rows of one batch of this epoch; none past its end."""
        rows, ends = self._shares()
        return [] if batch >= len(ends) else rows[[0, *ends][batch] : ends[batch]].tolist()

    def _shares(self) -> tuple[np.ndarray, list[int]]:
        """Return the rows of this rank, batch after batch, and where each batch ends."""
        generator = Generator().manual_seed(int(self._source(ORDER).integers(2**63)))
        if isinstance(self.sampler, BatchwiseSampler):
            drawn, sizes = self.sampler.draw_batches(self.sizes, generator)
        else:
            drawn, sizes = self.sampler.draw(generator), torch.tensor(self.sizes, dtype=torch.int64)
            drawn = drawn[: sizes.sum()]
        if self.num_replicas > 1:
            drawn, sizes = self._share(drawn, sizes)
        return drawn.numpy(), sizes.cumsum(0).tolist()

    def _share(self, rows: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
        starts = sizes.cumsum(0) - sizes
        places = torch.arange(len(rows)) - starts.repeat_interleave(sizes)  # of each row in its batch
        own_sizes = (sizes - self.rank + self.num_replicas - 1) // self.num_replicas
        return rows[places % self.num_replicas == self.rank], own_sizes

    def _seeds(self) -> np.ndarray:
        """Return three seeds for each batch of this rank."""
        return self._source(NUMBERS, self.rank).integers(2**32, size=(len(self), 3), dtype=np.uint32)

    def _source(self, *purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.epoch, *purpose])
