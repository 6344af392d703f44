"""How do long series of measurements become windows to forecast from, without a look into the future?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ml_core.data.columns import Rows, as_index
from ml_core.errors import ConfigError, DataError, listed, nearest
from ml_core.step_errors import text_of


@dataclass(frozen=True)
class SeriesWindows(Dataset[dict[str, Tensor]]):
    """Windows over series that lie one after another in one tensor; a batch is cut out by one index operation.

    Columns: `past` `[context, channels]`, `future` `[horizon, channels]`, `series` (number of the series).

    Attributes:
        values: Measurements of all series `[time, channels]`, float32; shared by all splits and never copied.
        starts: First row of each window.
        numbers: Number of the series of each window.
        context: Steps of a window that are known.
        horizon: Steps after them that are to be forecast.
    """

    values: Tensor
    starts: Tensor
    numbers: Tensor
    context: int
    horizon: int

    @property
    def column_names(self) -> list[str]:
        """Names of the columns."""
        return ["past", "future", "series"]

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.starts)

    def __getitem__(self, rows: str | Rows) -> Any:
        """Return one column of all windows, or the columns of one window or of several."""
        if isinstance(rows, str):
            return self[:][rows]
        index = as_index(rows)
        steps = self.starts[index].unsqueeze(-1) + torch.arange(self.context + self.horizon)
        window = self.values[steps]
        past, future = window.split([self.context, self.horizon], dim=-2)
        return {"past": past, "future": future, "series": self.numbers[index]}

    def select(self, rows: Rows, keep_in_memory: bool = True) -> SeriesWindows:
        """Return a part of the windows."""
        index = as_index(rows)
        return replace(self, starts=self.starts[index], numbers=self.numbers[index])


def windows(
    data_file: str,
    values: Sequence[str],
    context: int,
    horizon: int,
    series: str | None = None,
    time: str | None = None,
    stride: int = 1,
    val_ratio: float = 0.1,
    test_ratio: float = 0.1,
) -> dict[str, SeriesWindows]:
    """Return windows of the series in a table, split in time: `train` is the oldest part, `test` the newest.

    Every window lies in its part as a whole, so no measurement of `validation` or `test` is in a window of a part
    before it. The parts begin at the same share of each series.

    Args:
        data_file: A CSV or Parquet file with a row for each measurement.
        values: Columns of the measurements, the channels.
        context: Steps of a window that are known.
        horizon: Steps after them that are to be forecast.
        series: Column that says which series a row belongs to; one series if it is None.
        time: Column to sort the rows of a series by; rows are in order if it is None.
        stride: Steps from a window to the next.
        val_ratio: Share of each series, before the test part, that is validated on; 0 for none.
        test_ratio: Share of each series, its end, that is tested on; 0 for none.

    Raises:
        ConfigError: If there is no such file or column, or a number is out of range.
        DataError: If a file cannot be read, a measurement is missing or a part is too short for a window.
    """
    _require_numbers(context=context, horizon=horizon, stride=stride)
    if not (0 <= val_ratio < 1 and 0 <= test_ratio < 1 and val_ratio + test_ratio < 1):
        raise ConfigError("val_ratio", f"and test_ratio are {val_ratio} and {test_ratio}, but must leave a part over.")
    rows = _ordered(read_table(data_file, "data_file"), series, time)
    measured = _measurements(rows, values, data_file)
    spans = _spans(rows, series)
    shares = {"train": 1 - val_ratio - test_ratio, "validation": val_ratio, "test": test_ratio}
    splits, begin = {}, 0.0
    for name, share in shares.items():
        if share:
            parts = [_part(first, last, begin, begin + share) for first, last in spans]
            splits[name] = _windows(measured, parts, context, horizon, stride, name)
        begin += share
    return splits


def read_table(file: str, where: str) -> pa.Table:
    """Return a CSV or Parquet file as a table.

    Raises:
        ConfigError: If there is no such file, or it is of another kind.
        DataError: If it cannot be read.
    """
    path = Path(file)
    if not path.is_file():
        beside = [other.name for other in path.parent.glob("*")] if path.parent.is_dir() else []
        raise ConfigError(where, f"there is no file '{file}'.{nearest(path.name, beside)}")
    read = _readers().get(path.suffix)
    if read is None:
        raise ConfigError(where, f"'{path.name}' is of no kind that is read here.", f"Kinds: {listed(_readers())}.")
    try:
        return read(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(str(path), f"cannot be read: {text_of(error)}") from error


def _readers() -> dict[str, Callable[[Path], pa.Table]]:
    import pyarrow.csv
    import pyarrow.parquet

    return {".csv": pyarrow.csv.read_csv, ".parquet": pyarrow.parquet.read_table}


def _require_numbers(**numbers: int) -> None:
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ConfigError(name, f"is {number!r}, but must be a whole number from 1.")


def _ordered(rows: pa.Table, series: str | None, time: str | None) -> pa.Table:
    """Return the rows with those of a series together, in order of time."""
    for where, name in (("series", series), ("time", time)):
        if name is not None and name not in rows.column_names:
            raise _no_column(where, name, rows)
    if series is None and time is None:
        return rows
    keys = [(name, "ascending") for name in (series, time) if name is not None]
    numbered = rows.append_column("", pa.array(np.arange(len(rows))))  # keeps the order of rows of one time
    return numbered.sort_by([*keys, ("", "ascending")]).drop_columns([""])


def _measurements(rows: pa.Table, values: Sequence[str], file: str) -> Tensor:
    for name in values:
        if name not in rows.column_names:
            raise _no_column("values", name, rows)
        column = rows.column(name)
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            raise DataError(file, f"the column '{name}' holds {column.type}, not numbers.")
        missing = pc.sum(pc.is_null(column, nan_is_null=True)).as_py()
        if missing:
            raise DataError(file, f"the column '{name}' has {missing} missing values.", "Fill them in first.")
    arrays = [rows.column(name).to_numpy().astype(np.float32) for name in values]
    return torch.from_numpy(np.stack(arrays, axis=1))


def _no_column(where: str, name: str, rows: pa.Table) -> ConfigError:
    names = rows.column_names
    return ConfigError(where, f"there is no column '{name}'.{nearest(name, names)}", f"Columns: {listed(names)}.")


def _spans(rows: pa.Table, series: str | None) -> list[tuple[int, int]]:
    """Return first and last (exclusive) row of each series."""
    if series is None:
        return [(0, len(rows))]
    _, starts = np.unique(rows.column(series).to_numpy(zero_copy_only=False), return_index=True)
    return list(zip(starts.tolist(), [*starts[1:].tolist(), len(rows)], strict=True))


def _part(first: int, last: int, begin: float, end: float) -> tuple[int, int]:
    """Return the rows of a series from one share of it to another."""
    length = last - first
    return first + round(length * begin), first + round(length * end)


def _windows(
    values: Tensor, parts: list[tuple[int, int]], context: int, horizon: int, stride: int, name: str
) -> SeriesWindows:
    size = context + horizon
    for number, (first, last) in enumerate(parts):
        if last - first < size:
            raise DataError(
                "context",
                f"a window takes {size} steps (context {context}, horizon {horizon}), but the {name} part of series "
                f"{number} has {last - first}.",
                "Shorten the window, or give that part a larger share.",
            )
    starts = [torch.arange(first, last - size + 1, stride) for first, last in parts]
    numbers = [torch.full((len(some),), number) for number, some in enumerate(starts)]
    return SeriesWindows(values, torch.cat(starts), torch.cat(numbers), context, horizon)
