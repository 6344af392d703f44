"""Parquet files for tests, whose column `x` numbers their rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def write(folder: Path, sizes: list[int], group_size: int = 8) -> int:
    """Write files of so many rows with the columns `x`, `name` and `pair`; return the number of all rows."""
    folder.mkdir(parents=True, exist_ok=True)
    start = 0
    for number, size in enumerate(sizes):
        rows = range(start, start + size)
        pair = pa.array([[row, row + 0.5] for row in rows], pa.list_(pa.float32()))
        table = pa.table({"x": pa.array(rows, pa.int64()), "name": pa.array(map(str, rows), pa.string()), "pair": pair})
        pq.write_table(table, folder / f"{number}.parquet", row_group_size=group_size)
        start += size
    return start
