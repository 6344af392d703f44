"""How do rows of a data set become a dict batch, a whole batch at a time?"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from ml_core.batch import Batch, require_batch
from ml_core.errors import DataError, UserError
from ml_core.transforms.base import Transform, stack_rows

Collate = Callable[[list[dict[str, Any]]], Batch]


class BatchedDataset(Dataset[Batch]):
    """A map-style data set that hands out finished batches.

    A `DataLoader` asks it through `__getitems__` for all rows of a batch in one call, so columns are stacked and
    transforms called once per batch. Its `collate_fn` must then be `identity`.

    Args:
        source: Hugging Face `Dataset`, or a map-style data set whose samples are dicts.
        steps: `(name, transform)` in order; each sees the batch with what the earlier ones added.
        collate: Makes a batch of a list of samples; columns are stacked where they can be if it is None.
        name: YAML path and split, for messages.
    """

    def __init__(
        self, source: Any, steps: Sequence[tuple[str, Transform]] = (), collate: Collate | None = None, name: str = ""
    ) -> None:
        self.source, self.steps, self.collate, self.name = source, tuple(steps), collate, name

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.source)

    def __getitems__(self, indices: list[int]) -> Batch:
        """Return the batch of these rows."""
        batch = self._fetch(indices)
        for name, step in self.steps:
            try:
                batch = {**batch, **step(batch)}
            except UserError as error:
                error.within(name)
                raise
        return batch

    def __getitem__(self, index: int) -> Batch:
        """Return a batch of one row."""
        return self.__getitems__([index])

    def _fetch(self, indices: list[int]) -> Batch:
        if hasattr(self.source, "column_names"):
            columns = self.source[indices]
            if self.collate is None:
                return {key: stack_column(values) for key, values in columns.items()}
            rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        else:
            rows = [dict(require_batch(self.source[index], self.name)) for index in indices]
        if self.collate is not None:
            return require_batch(self.collate(rows), "data.collate_fn")
        return {key: stack_column([_cell(row, key, self.name) for row in rows]) for key in rows[0]}


def stack_column(values: Any) -> Any:
    """Return a column as one tensor where its cells are numbers, arrays or tensors of one shape, else as a list.

    Whole numbers become int64, other Python numbers float32; PIL images, strings and ragged rows stay a list.
    """
    if isinstance(values, torch.Tensor):
        return values
    first = values[0] if len(values) else None
    if isinstance(first, torch.Tensor):
        return stack_rows(list(values))
    try:
        if isinstance(first, np.ndarray) and len({np.shape(value) for value in values}) == 1:
            return torch.from_numpy(np.stack(values))
        return torch.tensor(values) if _is_numeric(first) else values
    except (ValueError, TypeError, RuntimeError):  # cells that torch has no tensor for
        return values


def identity(batch: Batch) -> Batch:
    """Return the batch: `BatchedDataset` has collated it."""
    return batch


def _is_numeric(cell: Any) -> bool:
    while isinstance(cell, list) and cell:
        cell = cell[0]
    return isinstance(cell, numbers.Number)


def _cell(row: Mapping[str, Any], key: str, name: str) -> Any:
    if key not in row:
        raise DataError(name, f"a sample lacks the key '{key}' that the first one of its batch has.")
    return row[key]
