"""How is a folder of Parquet files read as a stream?"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ml_core.data.streaming.arrow_columns import Block
from ml_core.data.streaming.parquet_shards import ParquetShards
from ml_core.data.streaming.readers import SHARDS, Reader, Share, State
from ml_core.data.streaming.windows import Windows
from ml_core.errors import ConfigError

DEFAULT_SHUFFLE_BUFFER = 10_000


class ParquetStream:
    """Rows of many Parquet files, read in pieces straight into columns.

    Shuffling takes the row groups of all files in a random order, and shuffles the rows that follow each other there
    in windows. Every reader gets the same number of rows, give or take one, also where there are fewer files than
    readers. A column becomes what it becomes without streaming, but whole bytes in lists (images) stay uint8.

    Args:
        files: A folder, a glob, a file, or a list of these.
        columns: Columns to read; null for all.
        shuffle_buffer: Rows that are shuffled among each other where the data module shuffles; each worker holds as
            many in memory.
        repeat: Begin anew at the end, in another order, so that an epoch has no end; for `trainer.max_steps`.

    Raises:
        ConfigError: If `files` matches nothing, or a column does not exist.
        DataError: If a file cannot be read, or the files' columns differ; while reading, if a file is damaged.
    """

    def __init__(
        self,
        files: str | Sequence[str],
        columns: Sequence[str] | None = None,
        shuffle_buffer: int = DEFAULT_SHUFFLE_BUFFER,
        repeat: bool = False,
    ) -> None:
        check_buffer(shuffle_buffer)
        self.shards = ParquetShards(files, columns)
        self.shuffle_buffer, self.repeat = shuffle_buffer, repeat

    @property
    def column_names(self) -> list[str]:
        """Names of the columns."""
        return list(self.shards.schema.names)

    @functools.cached_property
    def features(self) -> Any:
        """What the columns mean, as `datasets` has written it into the files; None where it has not."""
        if b"huggingface" not in (self.shards.schema.metadata or {}):
            return None
        from datasets import Features

        return Features.from_arrow_schema(self.shards.schema)

    def size(self, parts: int = 1) -> int:
        """Return the number of rows of one pass."""
        return len(self.shards)

    def reader(self, share: Share) -> Reader:
        """Return what reads one share of one pass."""
        order = np.arange(len(self.shards.group_rows))
        if share.is_shuffled:
            order = share.generator(SHARDS).permutation(order)
        start, stop = share.span(len(self.shards))
        pieces = TablePieces(functools.partial(self.shards.tables, order), start, stop)
        return Windows(pieces, share, self.shuffle_buffer, functools.partial(self.shards.places, order))


class TablePieces:
    """Pieces of a stretch of rows that comes as Arrow tables.

    Args:
        tables: Gives the rows from one to another (exclusive), in tables of a number of rows at most.
        start: First row.
        stop: Last row, exclusive.
    """

    def __init__(self, tables: Callable[[int, int, int], Iterator[pa.Table]], start: int, stop: int) -> None:
        self.tables, self.position, self.stop = tables, start, stop
        self.left: pa.Table | None = None
        self.iterator: Iterator[pa.Table] | None = None

    def read(self, count: int) -> Block | None:
        """Return the next rows, less than asked for at the end, None where there are none."""
        self.iterator = self.iterator or self.tables(self.position, self.stop, count)
        parts, missing = [], count
        while missing:
            table = self.left if self.left is not None else next(self.iterator, None)
            if table is None:
                break
            parts.append(table.slice(0, missing))
            self.left = table.slice(missing) if missing < len(table) else None
            missing -= len(parts[-1])
        self.position += count - missing
        return Block(pa.concat_tables(parts)) if parts else None

    def state_dict(self) -> State:
        """Return the position as plain data."""
        return {"row": self.position}

    def load_state_dict(self, state: State) -> None:
        """Go to a position before the first row is read."""
        self.position = state["row"]


def check_buffer(shuffle_buffer: int) -> None:
    """Refuse a number of rows that is none.

    Raises:
        ConfigError: If it is no whole number from 1.
    """
    if isinstance(shuffle_buffer, bool) or not isinstance(shuffle_buffer, int) or shuffle_buffer < 1:
        raise ConfigError(
            "shuffle_buffer", f"is {shuffle_buffer!r}, but must be a whole number from 1.",
            "data.shuffle=false reads in order.",
        )  # fmt: skip
