"""How do rows of different lengths become one tensor?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ml_core.batch import Batch, missing_key
from ml_core.data.batches import stack_column
from ml_core.errors import ConfigError, DataError, listed
from ml_core.utils.pylogger import RankedLogger

log = RankedLogger(__name__)


class PadCollate:
    """Fill ragged columns up to their longest row, all values of a column at once.

    Reads and writes the keys of `pad`; each becomes a tensor `[batch, length, ...]`: whole numbers int64, other
    numbers float32, tensors and uint8 of their own type. A row is a list of numbers, or an array or tensor whose first
    dimension may differ from row to row. Also writes `mask` and `lengths` where they are named. Stands as a step of
    `data.transform`, after those that make ids; as `collate_fn` it also takes a list of samples, which is slower.

    Args:
        pad: `{key: value that fills it}`: an id that stands for nothing, or -100, which losses of torch leave out.
            All keys of a row have the same length; columns with lengths of their own take a `PadCollate` of their own.
        mask: Key for a bool tensor `[batch, length]`, true where there is a value; null for none.
        lengths: Key for an int64 tensor `[batch]`; null for none.
        max_length: Longer rows lose their end, and the log says so once; null to keep them whole.
        multiple_of: Lengthen to a multiple of this, for tensor cores and compiled kernels.

    Raises:
        ConfigError: If an argument is out of range.
        BatchKeyError: When it is called on a batch that lacks a key.
        DataError: When a row is not made of numbers, or its columns differ in length.

    Example:
        >>> pad = PadCollate({"word": 0, "tag": -100}, lengths="length")
        >>> batch = pad({"word": [[5, 6], [7]], "tag": [[1, 0], [1]]})
        >>> batch["word"].tolist(), batch["tag"].tolist(), batch["length"].tolist()
        ([[5, 6], [7, 0]], [[1, 0], [1, -100]], [2, 1])
    """

    depends_on_batch: ClassVar[bool] = True
    """What a row becomes depends on the others of its batch, so it cannot be kept for other batches."""

    def __init__(
        self,
        pad: Mapping[str, float],
        mask: str | None = "mask",
        lengths: str | None = None,
        max_length: int | None = None,
        multiple_of: int = 1,
    ) -> None:
        if not isinstance(pad, Mapping) or not pad:
            raise ConfigError("pad", f"is {pad!r}, but must read {{key: value that fills it}}.")
        for name, value in {"max_length": max_length, "multiple_of": multiple_of}.items():
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ConfigError(name, f"is {value!r}, but must be a whole number from 1.")
        self.pad, self.mask, self.lengths = dict(pad), mask, lengths
        self.max_length, self.multiple_of = max_length, multiple_of
        self.reads = tuple(self.pad)
        self.writes = (*self.pad, *(name for name in (mask, lengths) if name))
        self._has_told = False
        if len(set(self.writes)) < len(self.writes):
            raise ConfigError("mask", f"names a key twice: {listed(self.writes)}.")

    def __call__(self, batch: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Batch:
        """Return the new keys; for a list of samples, as `collate_fn` gets it, the whole batch."""
        if not isinstance(batch, Mapping):
            columns = {key: stack_column([sample[key] for sample in batch]) for key in batch[0]}
            return {**columns, **self(columns)}
        columns = {key: batch[key] for key in self._present(batch)}
        lengths = self._lengths(columns)
        kept = lengths if self.max_length is None else self._cut(lengths)
        width = -(-max(int(kept.max(initial=0)), 1) // self.multiple_of) * self.multiple_of
        is_value = np.arange(width) < kept[:, None]
        inside = _inside(lengths, kept)
        result: Batch = {key: _filled(columns[key], fill, is_value, inside, key) for key, fill in self.pad.items()}
        result |= {self.mask: torch.from_numpy(is_value)} if self.mask else {}
        return result | ({self.lengths: torch.from_numpy(kept)} if self.lengths else {})

    def _present(self, batch: Mapping[str, Any]) -> Iterable[str]:
        for key in self.pad:
            if key not in batch:
                raise missing_key(key, batch, "pad")
        return self.pad

    def _lengths(self, columns: Mapping[str, Any]) -> np.ndarray:
        """Return the length of each row, the same in all columns."""
        (first, lengths), *others = ((key, _row_lengths(rows, key)) for key, rows in columns.items())
        for key, own in others:
            if not np.array_equal(own, lengths):
                row = int(np.flatnonzero(own != lengths)[0]) if len(own) == len(lengths) else 0
                raise DataError(
                    "pad",
                    f"row {row} of the batch has {own[row]} values in '{key}', but {lengths[row]} in '{first}'.",
                    "Pad columns of different lengths in steps of their own.",
                )
        return lengths

    def _cut(self, lengths: np.ndarray) -> np.ndarray:
        kept = np.minimum(lengths, np.int64(self.max_length or 0))
        if not self._has_told and (count := int((lengths > kept).sum())):
            self._has_told = True
            log.warning(
                "%d of %d rows of a batch are longer than max_length=%d and lose their end; this is said once.",
                count, len(lengths), self.max_length,
            )  # fmt: skip
        return kept


def _row_lengths(rows: Any, key: str) -> np.ndarray:
    if isinstance(rows, Tensor) and rows.ndim > 1:
        return np.full(len(rows), rows.shape[1], dtype=np.int64)
    try:
        return np.fromiter(map(len, rows), np.int64, len(rows))
    except TypeError:
        odd = next(row for row in rows if not hasattr(row, "__len__"))
        raise DataError("pad", f"'{key}' has a row that is no list of values: {odd!r}.") from None


def _inside(lengths: np.ndarray, kept: np.ndarray) -> np.ndarray | None:
    """Return which of all values, row after row, are kept; None where all are."""
    if np.array_equal(lengths, kept):
        return None
    position = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return position < np.repeat(kept, lengths)


def _filled(rows: Any, fill: float, is_value: np.ndarray, inside: np.ndarray | None, key: str) -> Tensor:
    """Write all values of a column into a tensor of the filling value, in one go."""
    values = _values(rows, key)
    values = values if inside is None else values[torch.from_numpy(inside)]
    if isinstance(fill, float) and not fill.is_integer() and not values.is_floating_point():
        raise ConfigError(f"pad.{key}", f"is {fill}, but '{key}' holds whole numbers.")
    result = torch.full((*is_value.shape, *values.shape[1:]), fill, dtype=values.dtype)
    result[torch.from_numpy(is_value)] = values
    return result


def _values(rows: Any, key: str) -> Tensor:
    """Return the values of all rows, one after another."""
    if isinstance(rows, Tensor):
        return rows.flatten(0, 1)
    filled = [row for row in rows if len(row)]
    if filled and isinstance(filled[0], Tensor):
        return torch.cat(filled)
    is_array = bool(filled) and isinstance(filled[0], np.ndarray)
    try:
        values = np.concatenate(filled) if is_array else np.array(list(chain.from_iterable(filled)))
    except ValueError as error:
        raise DataError("pad", f"'{key}' has values of different shapes: {error}.") from error
    if values.dtype.kind not in "iufb":
        raise DataError(
            "pad",
            f"'{key}' has values that are no numbers, such as {_odd_value(filled)!r}.",
            "Turn them into ids first.",
        )
    if not len(values) or (values.dtype.kind in "iu" and values.dtype != np.uint8):
        values = values.astype(np.int64)
    return torch.from_numpy(values.astype(np.float32) if values.dtype.kind == "f" else values)


def _odd_value(rows: Sequence[Sequence[Any]]) -> Any:
    return next((v for v in chain.from_iterable(rows) if isinstance(v, str) or not isinstance(v, (int, float))), None)
