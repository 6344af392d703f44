"""Which rows do Parquet files hold, and how is a stretch of them read?"""

from __future__ import annotations

import functools
import glob
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from torch.utils.data import get_worker_info

from ml_core.data.streaming.arrow_columns import kind
from ml_core.errors import ConfigError, DataError, UserError, listed, nearest
from ml_core.step_errors import text_of

MOST_SHOWN = 8
NUM_THREADS = 8
READ_ROWS = 8192
"""Rows that are decoded at a time: what bounds memory where row groups are large."""

T = TypeVar("T")


class ParquetShards:
    """Parquet files with the same columns, as one table whose row groups can be read in any order.

    Their footers are read at once, so that what is wrong with any file is told before training.

    Args:
        files: A folder, a glob, a file, or a list of these; of a folder all `*.parquet` in it and below it.
        columns: Columns to read; null for all.

    Attributes:
        paths: The files, sorted by name within each entry of `files`.
        schema: Columns and types, those of the first file with rows.
        group_files: Number of the file that each row group lies in.
        group_numbers: Number of each row group in its file.
        group_rows: Rows of each row group.

    Raises:
        ConfigError: If `files` matches nothing, or a column does not exist.
        DataError: If a file cannot be read, or lacks a column of the others, or has it with another type.
    """

    def __init__(self, files: str | Sequence[str], columns: Sequence[str] | None = None) -> None:
        self.paths = found_files(files)
        footers = _each(_footer, self.paths)
        if broken := [f"{path} ({text_of(e)})" for path, e in zip(self.paths, footers, strict=True) if _is_error(e)]:
            raise DataError(
                "files",
                f"{len(broken)} of {len(self.paths)} Parquet files cannot be read: {_some(broken)}",
                "Fetch or write them again, or leave them out.",
            )
        self.schema = _common_schema(self.paths, [footer[0] for footer in footers], columns)
        rows = [footer[1] for footer in footers]
        self.group_files = np.repeat(np.arange(len(rows)), [len(groups) for groups in rows])
        self.group_numbers = np.concatenate([np.arange(len(groups)) for groups in rows])
        self.group_rows = np.concatenate([np.asarray(groups, dtype=np.int64) for groups in rows])

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self.group_rows.sum())

    def tables(self, order: np.ndarray, start: int, stop: int, num_rows: int = READ_ROWS) -> Iterator[pa.Table]:
        """Yield the rows from `start` to `stop`, counted over the row groups in this order, so many at a time."""
        ends = np.cumsum(self.group_rows[order])
        first = int(np.searchsorted(ends, start, side="right"))
        for position in range(first, len(order)):
            begin = int(ends[position] - self.group_rows[order[position]])
            if begin >= stop:
                return
            yield from self._group(int(order[position]), max(start - begin, 0), stop - begin, num_rows)

    def places(self, order: np.ndarray, rows: Sequence[int]) -> list[str]:
        """Return file and row of rows that are counted over the row groups in this order."""
        ends, starts = np.cumsum(self.group_rows[order]), self._starts()
        groups = np.searchsorted(ends, np.asarray(rows, dtype=np.int64), side="right")
        numbers = np.asarray(rows) - (ends - self.group_rows[order])[groups] + starts[order[groups]]
        files = self.group_files[order[groups]]
        return [f"{self.paths[file]} row {row}" for file, row in zip(files, numbers, strict=True)]

    def _starts(self) -> np.ndarray:
        """Return the number of the first row of each row group in its file."""
        starts = np.cumsum(self.group_rows) - self.group_rows
        return starts - starts[np.searchsorted(self.group_files, self.group_files)]

    def _group(self, group: int, start: int, stop: int, num_rows: int) -> Iterator[pa.Table]:
        """Yield rows `start` to `stop` of a row group, decoding no more of it than that needs."""
        path, number = self.paths[self.group_files[group]], int(self.group_numbers[group])
        done, size, is_alone = 0, min(num_rows, READ_ROWS), get_worker_info() is None
        try:
            with pq.ParquetFile(path, metadata=_metadata(path)) as file:
                for batch in file.iter_batches(size, [number], self.schema.names, use_threads=is_alone):
                    piece = batch.slice(max(start - done, 0), stop - max(done, start))
                    if len(piece):
                        yield self._typed(pa.Table.from_batches([piece]))
                    done += len(batch)
                    if done >= stop:
                        return
        except (pa.ArrowException, OSError) as error:
            raise DataError(path, f"row group {number} cannot be read: {text_of(error)}") from error

    def _typed(self, table: pa.Table) -> pa.Table:
        """Return a table with the types and the order of columns of the first file."""
        table = table.select(self.schema.names)
        return table if table.schema.types == self.schema.types else table.cast(self.schema)


def found_files(files: str | Sequence[str]) -> list[str]:
    """Return the files that folders, globs and names stand for.

    Raises:
        ConfigError: If one of them stands for none; names the nearest that exists.
    """
    given = [files] if isinstance(files, (str, Path)) else list(files)
    if not given:
        raise ConfigError("files", "is empty.", "Give a folder, a glob or a list of files.")
    return list(dict.fromkeys(path for entry in given for path in _matches(str(entry))))


def _matches(entry: str) -> list[str]:
    path = Path(entry)
    if path.is_dir():
        found = sorted(str(file) for file in path.rglob("*.parquet") if file.is_file())
        if not found:
            raise ConfigError("files", f"the folder {entry} holds no *.parquet.", f"It holds: {_inside(path)}.")
        return found
    is_glob = glob.has_magic(entry)  # of any folder, which Path.glob cannot do
    found = sorted(glob.glob(entry, recursive=True)) if is_glob else [entry] * path.is_file()  # noqa: PTH207
    if not found:
        above = next(parent for parent in path.parents if parent.is_dir())
        near = nearest(path.relative_to(above).parts[0], [child.name for child in above.iterdir()])
        raise ConfigError("files", f"{entry} matches no file.{near}", f"{above.absolute()} holds: {_inside(above)}.")
    return found


def _inside(folder: Path) -> str:
    return _some(sorted(child.name for child in folder.iterdir()))


def _each(function: Callable[[str], T], paths: list[str]) -> list[Any]:
    """Call a function on every path, several at a time; what it raises takes the place of its result."""

    def outcome(path: str) -> Any:
        try:
            return function(path)
        except (pa.ArrowException, OSError) as error:
            return error

    with ThreadPoolExecutor(NUM_THREADS) as pool:
        return list(pool.map(outcome, paths))


def _footer(path: str) -> tuple[pa.Schema, list[int]]:
    """Return the columns of a file and the rows of its row groups."""
    metadata = pq.read_metadata(path)
    groups = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    return metadata.schema.to_arrow_schema(), groups


@functools.lru_cache(maxsize=128)
def _metadata(path: str) -> pq.FileMetaData:
    """Return a footer; those read last are kept, because the groups of a file are read one here and one there."""
    return pq.read_metadata(path)


def _common_schema(paths: list[str], schemas: list[pa.Schema], columns: Sequence[str] | None) -> pa.Schema:
    """Return the columns that are read, with the types of the first file.

    Raises:
        ConfigError: If a column that is asked for is in none of the files.
        DataError: If a file lacks a column, or has it with another type.
    """
    first = schemas[0]
    for name in columns or ():
        if all(name not in schema.names for schema in schemas):
            raise ConfigError("columns", f"there is no column '{name}'.{nearest(name, first.names)}",
                              f"Columns of {paths[0]}: {listed(first.names)}.")  # fmt: skip
    names = dict.fromkeys(columns or (name for schema in schemas for name in schema.names))
    faults = [fault for name in names for fault in _faults(name, paths, schemas)]
    if faults:
        raise DataError(
            "files", f"the Parquet files differ: {'; '.join(faults)}.", "Write them alike, or choose others in columns."
        )
    return pa.schema([first.field(name) for name in names], metadata=first.metadata)


def _faults(name: str, paths: list[str], schemas: list[pa.Schema]) -> Iterator[str]:
    """Yield how the files disagree about a column."""
    places = [path for path, schema in zip(paths, schemas, strict=True) if name in schema.names]
    if lacking := [path for path in paths if path not in set(places)]:
        yield f"'{name}' is in {places[0]}, but not in {_some(lacking)}"
    types: dict[pa.DataType, list[str]] = {}
    for path, schema in zip(paths, schemas, strict=True):
        if name in schema.names:
            types.setdefault(kind(schema.field(name).type), []).append(path)
    if len(types) > 1:
        stored = {path: schema.field(name).type for path, schema in zip(paths, schemas, strict=True) if path in places}
        yield f"'{name}' is " + ", but ".join(f"{stored[some[0]]} in {_some(some)}" for some in types.values())


def _some(names: Sequence[str]) -> str:
    more = [f"{len(names) - MOST_SHOWN} more"] if len(names) > MOST_SHOWN else []
    return listed([*names[:MOST_SHOWN], *more])


def _is_error(outcome: Any) -> bool:
    return isinstance(outcome, Exception) and not isinstance(outcome, UserError)
