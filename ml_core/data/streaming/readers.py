"""What does a reader of a stream do: which rows are its own, and what does it hand over?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import get_worker_info

from ml_core.data.batches import stack_column
from ml_core.errors import DataError, listed

Columns = dict[str, Any]
State = dict[str, Any]

SHARDS, WINDOW, ROUND, AUGMENT = range(4)
"""What random numbers are for; each has its own."""


@dataclass(frozen=True)
class Share:
    """Which part of a stream a reader has, and in which order.

    Attributes:
        part: Number of the reader, counted over all ranks and their workers.
        parts: Number of readers.
        seed: Seed of the order.
        epoch: Number of the pass.
        is_shuffled: Whether the order is a random one; else it is that in which the rows are stored.
        is_even: Whether all readers get as many rows, for which some may get one that another one has too.
    """

    part: int = 0
    parts: int = 1
    seed: int = 0
    epoch: int = 0
    is_shuffled: bool = False
    is_even: bool = False

    def generator(self, *key: int) -> np.random.Generator:
        """Return the random numbers of the epoch that belong to a key; without the reader in it, alike for all."""
        return np.random.default_rng([self.seed, self.epoch, *key])

    def span(self, size: int) -> tuple[int, int]:
        """Return first and last (exclusive) of this reader's rows; the spans of all differ by one row at most."""
        start, stop = self.part * size // self.parts, (self.part + 1) * size // self.parts
        if self.is_even and size:
            most = -(-size // self.parts)
            start = max(0, stop - most)
            stop = start + most
        return start, stop


class Taken:
    """Rows that a reader hands over.

    Args:
        columns: Tensors, or lists where a column cannot be stacked; no column where there are no rows.
        size: Number of rows.
        places: Returns what to call each row in messages.
    """

    __slots__ = ("columns", "places", "size")

    def __init__(self, columns: Columns | None = None, size: int = 0, places: Callable[[], list[Any]] = list) -> None:
        self.columns, self.size, self.places = columns or {}, size, places

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.size

    def part(self, start: int, stop: int) -> Taken:
        """Return some of the rows: views, but for a worker, which would hand over all the memory behind them."""
        stop = min(stop, self.size)
        columns = {name: values[start:stop] for name, values in self.columns.items()}
        if get_worker_info() is not None:
            columns = {n: v.clone() if isinstance(v, torch.Tensor) else v for n, v in columns.items()}
        return Taken(columns, max(stop - start, 0), lambda: self.places()[start:stop])


class Reader(Protocol):
    """Reads rows one after another and knows where it is."""

    def take(self, count: int) -> Taken:
        """Return the next rows: less than asked for at the end, none behind it."""
        ...

    def state_dict(self) -> State:
        """Return the position as plain data."""
        ...

    def load_state_dict(self, state: State) -> None:
        """Go to a position before the first row is taken."""
        ...


class Stream(Protocol):
    """Rows that are read one after another.

    Attributes:
        repeat: Whether it begins anew at its end.
        features: What its columns mean, in the terms of `datasets`; None where that is not known.
    """

    repeat: bool
    features: Any

    def size(self, parts: int = 1) -> int | None:
        """Return the number of rows of one pass by so many readers; None where that is not known."""
        ...

    def reader(self, share: Share) -> Reader:
        """Return what reads one share of one pass."""
        ...


def num_rows(columns: Mapping[str, Any]) -> int:
    """Return the number of rows."""
    return len(next(iter(columns.values()))) if columns else 0


def joined(parts: Sequence[Taken]) -> Taken:
    """Return the rows of several parts as one.

    Raises:
        DataError: If their columns differ.
    """
    parts = [part for part in parts if part.size]
    if len(parts) < 2:
        return parts[0] if parts else Taken()
    first = parts[0].columns
    if other := next((part.columns for part in parts if set(part.columns) != set(first)), None):
        raise DataError("", f"the columns change from {listed(first)} to {listed(other)}.")
    columns = {name: _end_to_end([part.columns[name] for part in parts]) for name in first}
    size = sum(part.size for part in parts)
    return Taken(columns, size, lambda: [place for part in parts for place in part.places()])


def _end_to_end(values: list[Any]) -> Any:
    first = values[0]
    if all(isinstance(v, torch.Tensor) and v.dtype == first.dtype and v.shape[1:] == first.shape[1:] for v in values):
        return torch.cat(values)
    return stack_column([cell for v in values for cell in (v.tolist() if isinstance(v, torch.Tensor) else v)])


def chosen(values: Any, rows: Any) -> Any:
    """Return some cells of a column, by a slice or an array of numbers."""
    if isinstance(rows, slice):
        return values[rows]
    return values[torch.as_tensor(rows)] if isinstance(values, torch.Tensor) else [values[row] for row in rows]


def in_turns(parts: Sequence[Taken], sources: np.ndarray) -> Taken:
    """Return the rows of several parts in turns.

    Args:
        parts: Rows of each source, as many as it has turns.
        sources: Number of the part that each row comes from.
    """
    whole = joined(parts)
    turns = np.empty(len(sources), dtype=np.int64)
    turns[np.argsort(sources, kind="stable")] = np.arange(len(sources))
    columns = {name: stack_column(chosen(values, turns)) for name, values in whole.columns.items()}
    return Taken(columns, whole.size, lambda: [whole.places()[turn] for turn in turns])
