"""Which rows are of similar length, so that a batch of them needs little padding?"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from ml_core.data.batch_sizes import for_all_ranks
from ml_core.data.column_values import lengths_of
from ml_core.errors import ConfigError, DataError


class LengthBucketSampler:
    """Batches of rows of similar length, in random order; every row once in an epoch.

    The rows of all ranks in one step are of similar length too, so that no rank waits for another one's long batch.

    Args:
        dataset: Given by the data module.
        by: Column whose lengths count: one of lists or strings, or whole numbers that are the lengths.
        spread: Rows whose lengths differ by at most this share of the longest are shuffled among each other: the
            share of padding in a batch stays about below it. With 0 only rows of equal length are.
        max_tokens: Length of the longest row times number of rows that a batch on one device may have; null for no
            limit but `data.batch_size`.

    Raises:
        ConfigError: If there is no such column, or an argument is out of range.
        DataError: If the column has no lengths, or a row is longer than `max_tokens`.
    """

    def __init__(self, dataset: Any, by: str, spread: float = 0.1, max_tokens: int | None = None) -> None:
        if isinstance(spread, bool) or not isinstance(spread, (int, float)) or not 0 <= spread < 1:
            raise ConfigError("spread", f"is {spread!r}, but must be a share from 0 to below 1.")
        lengths = lengths_of(dataset, by)
        self.num_samples, self.max_tokens = len(lengths), max_tokens
        if max_tokens is not None:
            _check_longest(lengths, max_tokens, by)
        self._buckets = _buckets(lengths, spread)  # from the longest to the shortest
        longest = np.zeros(int(self._buckets.max(initial=0)) + 1, dtype=np.int64)
        np.maximum.at(longest, self._buckets, lengths)
        self._longest = longest[np.sort(self._buckets)]  # at each place of any epoch before its batches are shuffled

    def batch_sizes(self, batch_size: int, num_replicas: int, drop_last: bool) -> list[int]:
        """Return the number of rows of each batch over all ranks, from the longest rows to the shortest."""
        sizes, place = [], 0
        while place < self.num_samples:
            size = self._most(place, batch_size) * num_replicas
            if place + size > self.num_samples and drop_last:
                break
            sizes.append(min(size, self.num_samples - place))
            place += size
        return for_all_ranks(sizes, num_replicas)

    def draw_batches(self, sizes: list[int], generator: Generator) -> tuple[Tensor, Tensor]:
        """Return row numbers, batch after batch, and the sizes of the batches in that order."""
        shuffled = torch.randperm(self.num_samples, generator=generator).numpy()
        rows = shuffled[np.argsort(self._buckets[shuffled], kind="stable")]
        order = torch.randperm(len(sizes), generator=generator)
        each = torch.tensor(sizes, dtype=torch.int64)
        moved = each[order]
        shifts = (each.cumsum(0) - each)[order] - (moved.cumsum(0) - moved)
        places = torch.arange(int(each.sum())) + shifts.repeat_interleave(moved)
        return torch.from_numpy(rows)[places], moved

    def _most(self, place: int, batch_size: int) -> int:
        longest = max(int(self._longest[place]), 1)
        return batch_size if self.max_tokens is None else min(batch_size, self.max_tokens // longest)


def _buckets(lengths: np.ndarray, spread: float) -> np.ndarray:
    """Return a number for each row: the same for lengths that are alike, smaller for longer ones."""
    values, where = np.unique(-lengths.astype(np.int64), return_inverse=True)
    numbers, limit, number = np.zeros(len(values), dtype=np.int64), np.inf, -1
    for i, value in enumerate((-values).tolist()):
        if value < limit:
            limit, number = value * (1 - spread), number + 1
        numbers[i] = number
    kind = np.int16 if number < np.iinfo(np.int16).max else np.int64  # NumPy sorts short ones in linear time
    return numbers.astype(kind)[where]


def _check_longest(lengths: np.ndarray, max_tokens: Any, by: str) -> None:
    if isinstance(max_tokens, bool) or not isinstance(max_tokens, int) or max_tokens < 1:
        raise ConfigError("max_tokens", f"is {max_tokens!r}, but must be a whole number from 1.")
    if len(lengths) and lengths.max() > max_tokens:
        row = int(lengths.argmax())
        raise DataError(
            "max_tokens", f"is {max_tokens}, but row {row} has {lengths[row]} in '{by}'.",
            "Raise it, or cut or leave out rows that are that long.",
        )  # fmt: skip
