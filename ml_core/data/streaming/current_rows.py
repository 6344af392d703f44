"""How are the rows that a reader has taken read by number, as a batch is made of them?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ml_core.data.streaming.readers import Columns, Stream, Taken, chosen


class CurrentRows:
    """The rows that a reader has taken, as a source for `BatchedDataset`.

    Args:
        stream: Knows which columns are stored as bytes and must be decoded.
        as_lists: Whether columns are lists in any case, as a user's collate function expects.
    """

    column_names = ()
    """There are columns, other ones from stream to stream."""

    def __init__(self, stream: Stream, as_lists: bool = False) -> None:
        self.as_lists = as_lists
        self.features = {n: f for n, f in (stream.features or {}).items() if getattr(f, "decode", False)}
        self.columns: Columns = {}

    def hold(self, taken: Taken) -> Places:
        """Keep these rows, and return their numbers."""
        self.columns = taken.columns
        return Places(taken.size, taken.places)

    def __getitem__(self, rows: Sequence[int] | int) -> Columns:
        """Return the columns of some rows, by the numbers that `hold` gave."""
        columns = self.columns
        if not isinstance(rows, Places):
            some = [rows] if isinstance(rows, int) else rows
            columns = {name: chosen(values, some) for name, values in columns.items()}
        if self.as_lists or self.features:
            return {name: self._readable(name, values) for name, values in columns.items()}
        return columns

    def _readable(self, name: str, values: Any) -> Any:
        if feature := self.features.get(name):
            return [None if value is None else feature.decode_example(value) for value in values]
        return values.tolist() if self.as_lists and isinstance(values, torch.Tensor) else values


class Place(int):
    """Number of a row in its batch, shown as the place where it is stored."""

    label: str

    def __str__(self) -> str:
        return self.label


class Places(Sequence[int]):
    """Numbers of the rows of a batch; where they are stored is found out when one is looked at."""

    def __init__(self, count: int, labels: Callable[[], list[Any]]) -> None:
        self.size, self.labels = count, labels

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.size

    def __getitem__(self, index: Any) -> Any:
        """Return the number of a row, or of several."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(self.size))]
        if not -self.size <= index < self.size:
            raise IndexError(index)
        place = Place(range(self.size)[index])
        place.label = str(self.labels()[index])
        return place
