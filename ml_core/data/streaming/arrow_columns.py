"""What does an Arrow column hold, and how does it become a column of a batch without a Python object per cell?"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch.utils.dlpack import from_dlpack


def kind(arrow_type: pa.DataType) -> pa.DataType:
    """Return the type that stands for all which give the same column: int32 and int64 do, int64 and float do not."""
    arrow_type = _stored(arrow_type)
    if pa.types.is_integer(arrow_type):
        return arrow_type if pa.types.is_uint64(arrow_type) else pa.int64()
    if pa.types.is_floating(arrow_type):
        return pa.float32()
    if pa.types.is_large_string(arrow_type) or pa.types.is_string_view(arrow_type):
        return pa.string()
    if pa.types.is_large_binary(arrow_type) or pa.types.is_binary_view(arrow_type):
        return pa.binary()
    if pa.types.is_dictionary(arrow_type):
        return kind(arrow_type.value_type)
    if _is_list(arrow_type):
        return pa.list_(pa.field("item", kind(arrow_type.value_type)))
    return arrow_type


class Block:
    """Rows of a table, from which batches are taken in any order.

    Args:
        table: The rows; columns of one shape are looked at as tensors, without a copy where they lie in one piece.
    """

    def __init__(self, table: pa.Table) -> None:
        self.num_rows = table.num_rows
        self._columns = {name: _prepared(table.column(name)) for name in table.column_names}

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.num_rows

    def take(self, rows: slice | np.ndarray) -> dict[str, Any]:
        """Return the columns of some rows: tensors, or lists where a column cannot be stacked."""
        return {name: _taken(column, rows) for name, column in self._columns.items()}


def _prepared(column: pa.ChunkedArray) -> torch.Tensor | pa.Array:
    """Return a numeric column of one shape as a tensor, any other one as it is, in one piece."""
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # an extension type is not combined any further
        array = pa.concat_arrays(array.chunks)
    array = _without_extension(array)
    found = _as_tensor(array)
    return array if found is None else found


def _taken(column: torch.Tensor | pa.Array, rows: slice | np.ndarray) -> Any:
    if isinstance(column, torch.Tensor):
        return _typed(column[rows] if isinstance(rows, slice) else column.index_select(0, torch.from_numpy(rows)))
    some = column[rows] if isinstance(rows, slice) else column.take(pa.array(rows))
    found = _as_tensor(some)  # rows that are ragged among others may be of one length among themselves
    return _cells(some) if found is None else _typed(found)


def _typed(values: torch.Tensor) -> torch.Tensor:
    """Return a tensor of the types that `stack_column` gives."""
    if values.is_floating_point():
        return values.float()
    is_kept = values.dtype == torch.bool or (values.dtype == torch.uint8 and values.ndim > 1)
    return values if is_kept else values.long()


def _as_tensor(array: pa.Array) -> torch.Tensor | None:
    """Return numbers, or lists of numbers of one shape, as a tensor on the same memory; None where that cannot be."""
    shape: list[int] = [len(array)]
    while _is_list(array.type):
        width = _width(array)
        if width is None:
            return None
        shape.append(width)
        array = array.flatten()
    if array.null_count:
        return None
    if pa.types.is_boolean(array.type):
        return torch.from_numpy(array.to_numpy(zero_copy_only=False)).reshape(shape)
    return from_dlpack(array).reshape(shape) if _is_number(array.type) else None


def _width(array: pa.Array) -> int | None:
    """Return the length that all lists of a column have; None where they differ, are empty or null."""
    if array.null_count or not len(array):
        return None
    if pa.types.is_fixed_size_list(array.type):
        return int(array.type.list_size) or None
    lengths = np.diff(array.offsets.to_numpy())
    return int(lengths[0]) or None if (lengths == lengths[0]).all() else None


def _cells(array: pa.Array) -> list[Any]:
    """Return the cells as Python values; ragged lists of numbers by cutting one long list."""
    is_flat = _is_list(array.type) and _is_number(array.type.value_type) and not pa.types.is_fixed_size_list(array.type)
    if not is_flat or array.null_count or array.flatten().null_count:
        return list(array.to_pylist())
    values, offsets = array.flatten().to_numpy(zero_copy_only=False), array.offsets.to_numpy()
    values = values if values.dtype == np.uint8 else values.tolist()  # bytes as arrays, which stay bytes when stacked
    cuts = (offsets - offsets[0]).tolist() if len(offsets) else []
    return [values[start:stop] for start, stop in itertools.pairwise(cuts)]


def _is_number(arrow_type: pa.DataType) -> bool:
    is_int = pa.types.is_integer(arrow_type) and not pa.types.is_uint64(arrow_type)
    return is_int or pa.types.is_floating(arrow_type)


def _is_list(arrow_type: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(arrow_type) or pa.types.is_large_list(arrow_type) or pa.types.is_fixed_size_list(arrow_type)
    )


def _stored(arrow_type: pa.DataType) -> pa.DataType:
    return arrow_type.storage_type if isinstance(arrow_type, pa.BaseExtensionType) else arrow_type


def _without_extension(array: pa.Array) -> pa.Array:
    return array.storage if isinstance(array, pa.ExtensionArray) else array
