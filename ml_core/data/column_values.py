"""What are the values of one column, or their lengths, over all rows of a data set?"""

from __future__ import annotations

from typing import Any

import numpy as np

from ml_core.errors import ConfigError, DataError, listed, nearest


def values_of(dataset: Any, name: str) -> np.ndarray:
    """Return a column without touching the other ones, where the data set can do that.

    Args:
        dataset: Hugging Face `Dataset`, an object with `column_names`, or a map-style data set of dicts, which is
            read sample by sample.
        name: Column.

    Raises:
        ConfigError: If there is no such column.
    """
    if hasattr(dataset, "with_format"):
        return _chosen(dataset, _arrow_column(dataset, name).to_numpy())
    return np.asarray(_read(dataset, name))


def lengths_of(dataset: Any, name: str) -> np.ndarray:
    """Return the number of items of each cell of a column of lists or strings; of whole numbers, these themselves.

    Raises:
        ConfigError: If there is no such column.
        DataError: If the cells have no length.
    """
    if hasattr(dataset, "with_format"):
        return _require_lengths(_chosen(dataset, _arrow_lengths(_arrow_column(dataset, name), name)), name)
    cells = _read(dataset, name)
    try:
        whole = np.asarray(cells if getattr(cells, "ndim", 1) == 1 and not hasattr(cells[0], "__len__") else
                           [len(cell) for cell in cells])  # fmt: skip
    except TypeError as error:
        raise _no_length(name, str(error)) from error
    if whole.dtype.kind not in "iu":
        raise _no_length(name, str(whole.dtype))
    return _require_lengths(whole, name)


def _arrow_lengths(column: Any, name: str) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column = pc.utf8_length(column)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        column = pc.list_value_length(column)
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        column = pc.binary_length(column)
    if not pa.types.is_integer(column.type):
        raise _no_length(name, str(kind))
    return np.asarray(column.fill_null(-1).to_numpy())


def _arrow_column(dataset: Any, name: str) -> Any:
    """Return a column of the table that the rows are chosen from."""
    _require_column(name, dataset.column_names)
    return dataset.data.column(name)


def _chosen(dataset: Any, values: np.ndarray) -> np.ndarray:
    """Return the values of the chosen rows; `datasets` takes them out one by one, which is 100 times slower."""
    indices = dataset._indices
    return np.asarray(values if indices is None else values[indices.column(0).to_numpy()])


def _read(dataset: Any, name: str) -> Any:
    """Return the cells of a column; where there is no row, none."""
    if hasattr(dataset, "column_names"):
        _require_column(name, dataset.column_names)
        return dataset[name]
    if len(dataset):
        _require_column(name, list(dataset[0]))
    return [dataset[row][name] for row in range(len(dataset))]


def _require_column(name: str, known: list[str]) -> None:
    if name not in known:
        raise ConfigError("by", f"there is no column '{name}'.{nearest(name, known)}", f"Columns: {listed(known)}.")


def _require_lengths(values: np.ndarray, name: str) -> np.ndarray:
    wrong = np.flatnonzero(values < 0)
    if len(wrong):
        raise DataError("by", f"{len(wrong)} cells of the column '{name}' have no length, the first in row {wrong[0]}.")
    return values


def _no_length(name: str, kind: str) -> DataError:
    return DataError(
        "by", f"the column '{name}' has no lengths: {kind}.", "Name one of lists, strings or whole numbers."
    )
