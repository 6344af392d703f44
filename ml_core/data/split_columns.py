"""By which values of a column can rows be split: classes, groups, times?"""

from __future__ import annotations

from typing import Any

import numpy as np

from ml_core.data.column_values import values_of
from ml_core.errors import ConfigError, DataError, listed


def class_numbers(rows: Any, name: str, where: str) -> np.ndarray:
    """Return the values of a column as numbers from 0, one for each different value.

    Args:
        rows: Any data set that `values_of` reads.
        name: The column: text or whole numbers.
        where: YAML path that names it, for messages.

    Raises:
        ConfigError: If there is no such column, or its values are no classes or groups.
        DataError: If a cell is empty.
    """
    values = _without_holes(rows, name, where)
    is_several = values.ndim != 1 or (values.dtype.kind == "O" and isinstance(values[0], (list, dict, np.ndarray)))
    if is_several:
        raise ConfigError(where, f"the column '{name}' holds several values a row, which are no classes or groups.")
    if values.dtype.kind == "f" and not np.array_equal(values, np.floor(values)):
        raise ConfigError(where, f"the column '{name}' holds fractions, which are no classes or groups.")
    return np.unique(values.astype(str) if values.dtype.kind == "O" else values, return_inverse=True)[1]


def times(rows: Any, name: str, where: str) -> np.ndarray:
    """Return the values of a column that has an order: numbers, times, or text such as `2026-01-31`.

    Raises:
        ConfigError: If there is no such column, or its values have no order.
        DataError: If a cell is empty.
    """
    values = _without_holes(rows, name, where)
    kinds = {type(value) for value in values} if values.dtype.kind == "O" else set()
    if values.ndim != 1 or len(kinds) > 1 or kinds & {list, dict, np.ndarray}:
        raise ConfigError(where, f"the column '{name}' holds values that have no order.")
    return values


def _without_holes(rows: Any, name: str, where: str) -> np.ndarray:
    try:
        values = values_of(rows, name)
    except ConfigError as error:
        error.where = where
        raise
    if values.dtype.kind == "O":
        is_hole = np.fromiter((value is None for value in values), bool, len(values))
    else:
        is_hole = values != values
    if np.any(is_hole):
        first = listed(np.flatnonzero(is_hole)[:5])
        raise DataError(where, f"the column '{name}' has {np.sum(is_hole)} empty cells, the first in rows {first}.")
    return values
