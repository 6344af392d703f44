"""From the sampler to the data set: what stands between them, without workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler

from ml_core.data.batches import identity
from ml_core.data.epoch_batches import EpochBatches
from ml_core.data.epoch_loader import EpochLoader
from ml_core.data.sampling import Shuffled
from scripts.data_benchmarks.row import Row, in_turns

BATCH, FEATURES = 64, 784
LARGEST = 100_000
"""Rows of the largest table that fits; larger ones differ in the order alone."""

SMALL, EXTRA_MS = 10_000, 0.05
"""Below so many rows the limit is not a ratio but so many milliseconds more a batch."""


class Picked(Dataset[Any]):
    """Rows of a tensor in RAM, taken by one `index_select` a batch."""

    def __init__(self, table: Tensor) -> None:
        self.table = table

    def __len__(self) -> int:
        return len(self.table)

    def __getitems__(self, rows: np.ndarray | list[int]) -> dict[str, Tensor]:
        index = torch.from_numpy(rows) if isinstance(rows, np.ndarray) else torch.tensor(rows)
        return {"x": self.table.index_select(0, index)}


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Yield a pass over float32 rows at each size: a bare loop, torch's loader and ours."""
    for size in sizes:
        if size > LARGEST:
            continue
        table = torch.rand(size, FEATURES)
        data = Picked(table)
        bare = _bare(table)
        theirs: DataLoader[Any] = DataLoader(
            data,
            batch_sampler=BatchSampler(RandomSampler(data), BATCH, drop_last=False),
            collate_fn=cast(Any, identity),
        )
        ours = _loader(data, is_random=False)
        seeded = _loader(data, is_random=True)
        first, plain, torchs, random = (
            ms / len(ours) * 1000
            for ms in in_turns(bare, _pass(ours), _pass(theirs), _pass(seeded), rounds=5, clock=time.thread_time)
        )
        name = f"loader: a pass over {size:,} rows of {FEATURES} floats, per batch of {BATCH}"
        baseline = f"randperm.split and index_select, {first:.1f} us"
        limit = "<= 1.5" if size >= SMALL else f"<= {1 + EXTRA_MS * 1000 / first:.1f}"
        yield Row(name, baseline, f"{plain:.1f} us", plain / first, limit)
        yield Row(f"{name}, with random steps", baseline, f"{random:.1f} us", random / first)
        yield Row(f"{name}, torch's DataLoader", baseline, f"{torchs:.1f} us", torchs / first)
    yield from _orders(max(sizes))


def _orders(size: int) -> Iterator[Row]:
    """Yield the order of an epoch of the largest size, alone and as the share of one rank of two."""

    def bare() -> list[Any]:
        return [rows.tolist() for rows in torch.randperm(size).split(BATCH)]

    for ranks in (1, 2):
        batches = EpochBatches(Shuffled(size), BATCH, num_replicas=ranks)
        first, ours = in_turns(bare, partial(list, batches), rounds=5, clock=time.thread_time)
        name = f"loader: the order of {size:,} rows, one rank of {ranks}"
        yield Row(name, f"randperm.split as lists, {first:.0f} ms", f"{ours:.0f} ms", ours / first, "<= 1.5")


def _bare(table: Tensor) -> Callable[[], Any]:
    def run() -> None:
        for rows in torch.randperm(len(table)).split(BATCH):
            table.index_select(0, rows)

    return run


def _loader(data: Picked, is_random: bool) -> EpochLoader:
    return EpochLoader(data, EpochBatches(Shuffled(len(data)), BATCH, is_random=is_random))


def _pass(loader: DataLoader[Any]) -> Callable[[], Any]:
    def run() -> None:
        for _ in loader:
            pass

    return run
