"""How do rows of a data set become a dict batch, a whole batch at a time?"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from ml_core.batch import Batch, require_batch
from ml_core.data.bad_rows import FIX, fails, require_finite, shown, unreadable
from ml_core.data.left_out import LeftOut
from ml_core.data.shared_memory import require_room
from ml_core.errors import DataError, UserError, listed
from ml_core.machine_errors import machine_error
from ml_core.step_errors import StepError, step_error
from ml_core.transforms.base import Transform, stack_rows

Collate = Callable[[list[dict[str, Any]]], Batch]

LOOK_EVERY = 64
"""Batches of a process from one that is searched for nan and inf to the next; the first one always is."""


class BatchedDataset(Dataset[Batch]):
    """A map-style data set that hands out finished batches.

    A `DataLoader` asks it through `__getitems__` for all rows of a batch in one call, so columns are stacked and
    transforms called once per batch. Its `collate_fn` must then be `identity`.

    Args:
        source: Hugging Face `Dataset`, or a map-style data set whose samples are dicts.
        steps: `(name, transform)` in order; each sees the batch with what the earlier ones added.
        collate: Makes a batch of a list of samples; columns are stacked where they can be if it is None.
        name: YAML path and split, for messages.
        left_out: Keeps the bad rows, which then are in no batch; None where they are errors.

    Raises:
        DataError: When rows cannot be read, or hold nan or inf; names them. Where bad rows are errors, every 64th
            batch is searched for such numbers.
        StepError: When a step fails; names the rows.
    """

    def __init__(
        self,
        source: Any,
        steps: Sequence[tuple[str, Transform]] = (),
        collate: Collate | None = None,
        name: str = "",
        left_out: LeftOut | None = None,
    ) -> None:
        self.source, self.steps, self.collate, self.name = source, tuple(steps), collate, name
        self.left_out = left_out
        self._num_batches = 0

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.source)

    def __getitems__(self, indices: list[int]) -> Batch:
        """Return the batch of these rows."""
        return self._load(indices) if self.left_out is None else self.left_out.without_bad(self._load, indices)

    def _load(self, indices: list[int]) -> Batch:
        rows = self._fetch(indices)
        batch = self._stepped(rows, indices)
        if self.left_out is not None or self._num_batches % LOOK_EVERY == 0:
            require_finite(rows, batch, [step for _, step in self.steps], indices, self.name)
        self._num_batches += 1
        require_room(batch)
        return batch

    def _stepped(self, batch: Batch, indices: list[int]) -> Batch:
        for name, step in self.steps:
            try:
                batch = {**batch, **step(batch)}
            except UserError as error:
                error.within(name)
                if isinstance(error, (StepError, DataError)):
                    self._name_rows(error, step, batch, indices)
                raise
            except Exception as error:
                failure = step_error(error, name, step, batch)
                self._name_rows(failure, step, batch, indices)
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
            self._require_keys(rows, indices)
            return {key: stack_column([row[key] for row in rows]) for key in rows[0]}
        if isinstance(rows, Mapping):
            rows = [dict(zip(rows, row, strict=True)) for row in zip(*rows.values(), strict=True)]
        try:
            return require_batch(self.collate(rows), "data.collate_fn")
        except UserError:
            raise
        except Exception as error:
            raise step_error(error, "data.collate_fn", self.collate, {"samples": rows}) from error

    def _require_keys(self, rows: Sequence[Mapping[str, Any]], indices: Sequence[int]) -> None:
        """Refuse samples that lack a key which others of their batch have."""
        keys = max(rows, key=len).keys()
        lacking = [index for index, row in zip(indices, rows, strict=True) if not keys <= row.keys()]
        if lacking:
            missing = {key for row in rows for key in keys - row.keys()}
            what = f"row {shown(lacking)} lacks the key {listed(map(repr, sorted(missing)))} that others have."
            error = DataError(self.name, what, FIX)
            error.rows = lacking
            raise error

    def _read(self, indices: list[int]) -> Mapping[str, Any] | list[dict[str, Any]]:
        """Return the columns of a Hugging Face data set, the rows of any other."""
        try:
            if hasattr(self.source, "column_names"):
                return self.source[indices]
            # The loader hands out arrays, which columns are indexed by; a data set of samples expects plain numbers.
            plain = np.asarray(indices).tolist()
            return [dict(require_batch(self.source[index], self.name)) for index in plain]
        except UserError:
            raise
        except Exception as error:
            raise machine_error(error, self.name) or unreadable(self.source, indices, error, self.name) from error

    def _name_rows(self, error: UserError, step: Transform, batch: Batch, indices: list[int]) -> None:
        """Add to an error which rows make a step fail: one is tried after another."""
        columns = {key: values for key, values in batch.items() if hasattr(values, "__len__")}
        if any(len(values) != len(indices) for values in columns.values()):
            return
        alone = ({**batch, **{k: values[i : i + 1] for k, values in columns.items()}} for i in range(len(indices)))
        bad = [index for index, row in zip(indices, alone, strict=True) if fails(step, row)]
        is_some = 0 < len(bad) < len(indices)
        error.rows = bad if is_some or len(indices) == 1 else ()
        which = "Only these rows fail" if is_some else "Rows of this batch"
        error.what += f" {which} ({self.name}): {shown(bad or indices)}."


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
        return torch.tensor(values) if _is_numeric(first) and not _is_ragged(values) else values
    except (ValueError, TypeError, RuntimeError):  # cells that torch has no tensor for
        return values


def identity(batch: Batch) -> Batch:
    """Return the batch: `BatchedDataset` has collated it."""
    return batch


def _is_numeric(cell: Any) -> bool:
    while isinstance(cell, list) and cell:
        cell = cell[0]
    return isinstance(cell, numbers.Number)


def _is_ragged(cells: Any) -> bool:
    """Whether lists differ in length, which torch would find out only after it has read them all."""
    return isinstance(cells[0], list) and len(set(map(len, cells))) > 1
