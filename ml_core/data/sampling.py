"""Which rows is an epoch made of, and in which order?

A sampler knows nothing of ranks, workers and epochs: it draws the rows of one epoch from a generator that
`EpochBatches` has seeded, so that every rank draws the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Generator, Tensor
from torch.utils.data import Sampler

from ml_core.data.column_values import values_of
from ml_core.data.length_buckets import LengthBucketSampler
from ml_core.data.random_numbers import RandomNumbers
from ml_core.data.split_columns import class_numbers
from ml_core.errors import ConfigError, DataError

__all__ = [
    "BalancedSampler",
    "BatchwiseSampler",
    "InOrder",
    "LengthBucketSampler",
    "RowSampler",
    "Sampling",
    "Shuffled",
    "TorchOrder",
    "WeightedSampler",
    "check_sampling",
    "make_sampler",
]


@runtime_checkable
class RowSampler(Protocol):
    """Draws the rows of an epoch; as many in every epoch."""

    num_samples: int

    def draw(self, generator: Generator) -> Tensor:
        """Return row numbers, int64 `[num_samples]`, in the order in which they are trained on."""
        ...


@runtime_checkable
class BatchwiseSampler(Protocol):
    """Draws whole batches, such as ones of similar length; as many in every epoch."""

    num_samples: int

    def batch_sizes(self, batch_size: int, num_replicas: int, drop_last: bool) -> list[int]:
        """Return the number of rows of each batch over all ranks."""
        ...

    def draw_batches(self, sizes: list[int], generator: Generator) -> tuple[Tensor, Tensor]:
        """Return row numbers, batch after batch, and the sizes of the batches in that order."""
        ...


Sampling = Callable[[Any], Any]
"""What makes a sampler from the rows of a split."""


class InOrder:
    """Every row once, in order.

    Args:
        num_rows: Rows of the data set.
    """

    def __init__(self, num_rows: int) -> None:
        self.num_samples = num_rows

    def draw(self, generator: Generator) -> Tensor:
        """Return all rows."""
        return torch.arange(self.num_samples)


class Shuffled(InOrder):
    """Every row once, in random order.

    Args:
        num_rows: Rows of the data set.
    """

    def draw(self, generator: Generator) -> Tensor:
        """Return all rows, shuffled."""
        return torch.randperm(self.num_samples, generator=generator)


class BalancedSampler:
    """Every class equally often, give or take one row, however rare it is.

    With replacement each row comes with the weight 1 / (rows of its class). Without, an epoch has as many rows of
    every class as the smallest one has, other ones in every epoch.

    Args:
        dataset: Given by the data module.
        by: Column of the class: numbers or strings.
        num_samples: Rows of an epoch; null for as many as the data set has, or, without replacement, as can be had.
        replacement: Whether a row may come several times in an epoch.

    Raises:
        ConfigError: If there is no such column, or it holds no classes, or `num_samples` is out of range.
        DataError: If a row has no class.
    """

    def __init__(self, dataset: Any, by: str, num_samples: int | None = None, replacement: bool = True) -> None:
        classes = class_numbers(dataset, by, "by")
        counts = np.bincount(classes)
        self.replacement = replacement
        self.most = None if replacement else len(counts) * int(counts.min())
        self.num_samples = _number(num_samples, len(classes) if replacement else self.most, self.most)
        self._rows = torch.from_numpy(np.argsort(classes, kind="stable"))  # class after class
        self._counts = torch.from_numpy(counts)
        self._starts = self._counts.cumsum(0) - self._counts

    def draw(self, generator: Generator) -> Tensor:
        """Return rows of all classes in random order."""
        num_classes = len(self._counts)
        which = torch.randperm(num_classes, generator=generator)  # the first ones have one row more
        quotas = torch.full_like(self._counts, self.num_samples // num_classes)
        quotas[which[: self.num_samples % num_classes]] += 1
        chosen = self._repeated(quotas, generator) if self.replacement else self._distinct(quotas, generator)
        return chosen[torch.randperm(len(chosen), generator=generator)]

    def _repeated(self, quotas: Tensor, generator: Generator) -> Tensor:
        classes = torch.arange(len(quotas)).repeat_interleave(quotas)
        fractions = torch.rand(len(classes), generator=generator, dtype=torch.float64)
        return self._rows[self._starts[classes] + (fractions * self._counts[classes]).long()]

    def _distinct(self, quotas: Tensor, generator: Generator) -> Tensor:
        parts = self._rows.split(self._counts.tolist())
        return torch.cat(
            [part[torch.randperm(len(part), generator=generator)[:quota]]
             for part, quota in zip(parts, quotas.tolist(), strict=True)]
        )  # fmt: skip


class WeightedSampler:
    """Rows as often as the weights in a column say.

    Args:
        dataset: Given by the data module.
        by: Column of the weights: numbers from 0, which need not sum up to anything.
        num_samples: Rows of an epoch; null for as many as the data set has, or, without replacement, as have a weight
            above 0.
        replacement: Whether a row may come several times in an epoch. Without, rows of higher weight come earlier,
            and are more often among the `num_samples`.

    Raises:
        ConfigError: If there is no such column, or `num_samples` is out of range.
        DataError: If a weight is negative or no finite number, or all are 0.
    """

    def __init__(self, dataset: Any, by: str, num_samples: int | None = None, replacement: bool = True) -> None:
        weights = torch.from_numpy(_numbers(values_of(dataset, by), by))
        wrong = (~torch.isfinite(weights) | (weights < 0)).nonzero().flatten()
        if len(wrong):
            row = int(wrong[0])
            raise DataError("by", f"row {row} has the weight {weights[row]:g}: weights are finite numbers from 0.")
        positive = int((weights > 0).sum())
        if not positive:
            raise DataError("by", f"no row has a weight above 0 in the column '{by}'.")
        self.weights, self.replacement = weights, replacement
        self.num_samples = _number(
            num_samples, len(weights) if replacement else positive, None if replacement else positive
        )

    def draw(self, generator: Generator) -> Tensor:
        """Return rows drawn by weight."""
        if self.replacement:
            ends = self.weights.cumsum(0)
            points = torch.rand(self.num_samples, generator=generator, dtype=torch.float64) * ends[-1]
            return torch.searchsorted(ends, points, right=True).clamp_max_(len(ends) - 1)
        # Efraimidis and Spirakis, Weighted random sampling with a reservoir (2006): the smallest waiting times win.
        waits = torch.empty_like(self.weights).exponential_(generator=generator) / self.weights
        return waits.argsort()[: self.num_samples]


class TorchOrder:
    """The order of any sampler of torch, with random numbers that follow from seed and epoch.

    Args:
        sampler: Yields row numbers.
    """

    def __init__(self, sampler: Sampler[int]) -> None:
        self.sampler = sampler
        self.num_samples = len(sampler)  # type: ignore[arg-type]

    def draw(self, generator: Generator) -> Tensor:
        """Return what the sampler yields."""
        with RandomNumbers(torch.randint(2**32, (3,), generator=generator).tolist()):
            return torch.tensor(list(self.sampler), dtype=torch.int64)


def check_sampling(sampling: Any, shuffle: bool | None) -> None:
    """Refuse a sampler that is none, or one beside an order that is asked for.

    Raises:
        ConfigError: Says which.
    """
    if sampling is None:
        return
    if not callable(sampling):
        raise ConfigError(
            "sampler", f"is a {type(sampling).__name__}, but must still be given the rows.",
            "Write a node with `_target_: ml_core.data.sampling.BalancedSampler` and `_partial_: true`.",
        )  # fmt: skip
    if shuffle is False:
        raise ConfigError("shuffle", "is false, but data.sampler chooses the order.", "Leave one of the two out.")


def make_sampler(sampling: Sampling, rows: Any) -> RowSampler | BatchwiseSampler:
    """Return the sampler of a training.

    Args:
        sampling: Makes it from the rows.
        rows: The train split.

    Raises:
        ConfigError: If it makes no sampler, or one that does not fit the data.
        DataError: If the data cannot be sampled by it.
    """
    if not hasattr(rows, "__len__"):
        raise ConfigError(
            "data.sampler", "needs to know all rows, but the train split streams.", "Leave it out, or do not stream."
        )
    try:
        sampler = sampling(rows)
    except (ConfigError, DataError) as error:
        error.within("data.sampler")
        raise
    if isinstance(sampler, (RowSampler, BatchwiseSampler)):
        return sampler
    if isinstance(sampler, Sampler) and hasattr(sampler, "__len__"):
        return TorchOrder(sampler)
    raise ConfigError("data.sampler", f"makes a {type(sampler).__name__}, but must make a sampler of row numbers.")


def _number(asked: int | None, default: int | None, most: int | None) -> int:
    number = default if asked is None else asked
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ConfigError("num_samples", f"is {asked!r}, but must be a whole number from 1.")
    if most is not None and number > most:
        raise ConfigError(
            "num_samples", f"is {number}, but without replacement there are {most} rows to draw.",
            "Lower it, or set replacement: true.",
        )  # fmt: skip
    return number


def _numbers(values: np.ndarray, name: str) -> np.ndarray:
    if values.dtype.kind not in "iufb":
        raise DataError("by", f"the column '{name}' holds {values.dtype}, but weights are numbers.")
    return values.astype(np.float64)
