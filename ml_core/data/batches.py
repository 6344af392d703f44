"""How do rows of a data set become a dict batch, a whole batch at a time?"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from ml_core.batch import Batch, require_batch
from ml_core.data.bad_rows import fails, shown, unreadable
from ml_core.errors import DataError, UserError
from ml_core.machine_errors import machine_error
from ml_core.step_errors import StepError, step_error
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

    Raises:
        DataError: When rows cannot be read; names them.
        StepError: When a step fails; names the rows.
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
                if isinstance(error, StepError):
                    error.what += self._failing_rows(step, batch, indices)
                raise
            except Exception as error:
                failure = step_error(error, name, step, batch)
                failure.what += self._failing_rows(step, batch, indices)
                raise failure from error
        return batch

    def __getitem__(self, index: int) -> Batch:
        """Return a batch of one row."""
        return self.__getitems__([index])

    def _fetch(self, indices: list[int]) -> Batch:
        rows = self._read(indices)
        if self.collate is None:
            if isinstance(rows, Mapping):
                return {key: stack_column(values) for key, values in rows.items()}
            return {key: stack_column([_cell(row, key, self.name) for row in rows]) for key in rows[0]}
        if isinstance(rows, Mapping):
            rows = [dict(zip(rows, row, strict=True)) for row in zip(*rows.values(), strict=True)]
        try:
            return require_batch(self.collate(rows), "data.collate_fn")
        except UserError:
            raise
        except Exception as error:
            raise step_error(error, "data.collate_fn", self.collate, {"samples": rows}) from error

    def _read(self, indices: list[int]) -> Mapping[str, Any] | list[dict[str, Any]]:
        """Return the columns of a Hugging Face data set, the rows of any other."""
        try:
            if hasattr(self.source, "column_names"):
                return self.source[indices]
            return [dict(require_batch(self.source[index], self.name)) for index in indices]
        except UserError:
            raise
        except Exception as error:
            raise machine_error(error, self.name) or unreadable(self.source, indices, error, self.name) from error

    def _failing_rows(self, step: Transform, batch: Batch, indices: list[int]) -> str:
        """Return which rows make a step fail, for its message: one is tried after another."""
        columns = {key: values for key, values in batch.items() if hasattr(values, "__len__")}
        if any(len(values) != len(indices) for values in columns.values()):
            return ""
        alone = ({**batch, **{k: values[i : i + 1] for k, values in columns.items()}} for i in range(len(indices)))
        bad = [index for index, row in zip(indices, alone, strict=True) if fails(step, row)]
        is_some = 0 < len(bad) < len(indices)
        return f" {'Only these rows fail' if is_some else 'Rows of this batch'} ({self.name}): {shown(bad or indices)}."


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
