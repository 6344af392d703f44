"""How do the columns of a cache lie in one file, and when may that file be trusted?

A file is the word `MLCACHE1`, the length of a header, the header as JSON, and the columns, each one array of all rows
from a page boundary on. It appears under its name only when all of it is on the disk.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from ml_core.errors import StorageError
from ml_core.utils.storage import REASONS

MAGIC = b"MLCACHE1"
PAGE = 4096
DTYPES = frozenset({"bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"})
GIBIBYTE = 2**30


@dataclass(frozen=True)
class Column:
    """One column of a cache.

    Attributes:
        name: Batch key.
        dtype: Name of the type, for torch and NumPy alike.
        shape: Shape of one row.
        mode: Mode of the PIL images that it stands for; None where it is a tensor.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    mode: str | None = None

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


IS_BAD = Column("(left out)", "bool", ())
"""Tells the rows that were bad when a cache was built; only where such rows are left out."""


class Damaged(Exception):
    """A file that is not what its header says, or has no header."""


@dataclass(frozen=True)
class Layout:
    """What a cache file holds.

    Attributes:
        key: Fingerprint of the data and the steps that it was made from.
        rows: Number of rows.
        columns: Its columns, in the order of the batch.
    """

    key: str
    rows: int
    columns: tuple[Column, ...]

    @property
    def header(self) -> bytes:
        """The beginning of the file, up to the first column."""
        text = json.dumps(asdict(self)).encode()
        start = MAGIC + len(text).to_bytes(8, "little") + text
        return start.ljust(_paged(len(start)), b"\0")

    @property
    def offsets(self) -> dict[str, int]:
        """Where each column begins, in bytes."""
        offsets, position = {}, len(self.header)
        for column in self.columns:
            offsets[column.name] = position
            position += _paged(column.row_bytes * self.rows)
        return offsets

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return len(self.header) + sum(_paged(column.row_bytes * self.rows) for column in self.columns)

    @property
    def row_bytes(self) -> int:
        """Bytes of one row in all columns."""
        return sum(column.row_bytes for column in self.columns)


def read_layout(path: Path, key: str) -> Layout | None:
    """Return what a cache file holds; None where there is no file.

    Raises:
        Damaged: If the file is shorter than it says, or was not made by this module or for this key.
        StorageError: If it may not be read.
    """
    try:
        with open(path, "rb") as file:
            layout = _parsed(file)
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _storage_error(error, path.parent) from error
    if layout.key != key:
        raise Damaged("was made from something else")
    if size != layout.size:
        raise Damaged(f"has {size:,} bytes, but should have {layout.size:,}")
    return layout


def _parsed(file: IO[bytes]) -> Layout:
    try:
        if file.read(len(MAGIC)) != MAGIC:
            raise Damaged("is no cache file")
        header = json.loads(file.read(min(int.from_bytes(file.read(8), "little"), GIBIBYTE)))
        columns = tuple(Column(**{**c, "shape": tuple(map(int, c["shape"]))}) for c in header["columns"])
        if not all(column.dtype in DTYPES and min(column.shape, default=0) >= 0 for column in columns):
            raise Damaged("holds columns of unknown types")
        return Layout(str(header["key"]), int(header["rows"]), columns)
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged("has no readable header") from error


def mapped(path: Path, layout: Layout) -> dict[str, Tensor]:
    """Return the columns as tensors over the file: only what is read of them takes memory, shared by all processes.

    They are not to be written to; what is written stays in this process.
    """
    whole = torch.from_numpy(np.memmap(path, dtype=np.uint8, mode="c"))
    tensors = {}
    for column in layout.columns:
        start = layout.offsets[column.name]
        part = whole[start : start + column.row_bytes * layout.rows]
        tensors[column.name] = part.view(getattr(torch, column.dtype)).view(layout.rows, *column.shape)
    return tensors


class Writer:
    """Writes the rows of a cache, in any order, into a file that has its final size from the start."""

    def __init__(self, file: IO[bytes], layout: Layout) -> None:
        self._file, self._layout, self._offsets = file, layout, layout.offsets
        self._folder = Path(file.name).parent
        with _told(self._folder, layout.size):
            _reserve(file.fileno(), layout.size, self._folder)
        self._put(layout.header, 0)

    def write(self, first: int, columns: Mapping[str, Tensor]) -> None:
        """Write rows from number `first` on."""
        for column in self._layout.columns:
            data = columns[column.name].contiguous().reshape(-1).view(torch.uint8).numpy()
            self._put(data.data, self._offsets[column.name] + first * column.row_bytes)

    def _put(self, data: bytes | memoryview, offset: int) -> None:
        with _told(self._folder, self._layout.size):
            self._file.seek(offset)
            self._file.write(data)


@contextlib.contextmanager
def written(path: Path, layout: Layout) -> Iterator[Writer]:
    """Give a writer for a new cache file, which gets its name when everything has been written and synced.

    A build that fails or is killed leaves nothing under that name; what it leaves under another, the next one removes.
    To be called by one process at a time.

    Raises:
        StorageError: If the folder cannot be written to or is full: with the bytes that are needed and free.
    """
    partial = path.with_suffix(".partial")
    try:
        with _told(path.parent, layout.size):
            partial.unlink(missing_ok=True)
            file = open(partial, "wb")  # noqa: SIM115
        with file:
            yield Writer(file, layout)
            with _told(path.parent, layout.size):
                file.flush()
                os.fsync(file.fileno())
        with _told(path.parent, layout.size):
            os.replace(partial, path)
            _sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make the folder of caches.

    Raises:
        StorageError: If it cannot be made or written to.
    """
    with _told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _reserve(descriptor: int, size: int, folder: Path) -> None:
    """Take the space at once, so that a full disk shows before the work is done."""
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.ftruncate(descriptor, size)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _told(folder: Path, needed: int = 0) -> Iterator[None]:
    """Word what the operating system says against writing."""
    try:
        yield
    except OSError as error:
        raise _storage_error(error, folder, needed) from error


def _storage_error(error: OSError, folder: Path, needed: int = 0) -> StorageError:
    what, _ = REASONS.get(error.errno or 0, (f"{error.strerror or error}.", ""))
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        free = shutil.disk_usage(folder).free
        what = f"{what} The cache needs {needed:,} bytes, and {free:,} are free."
    return StorageError(str(folder), what, "Keep the cache elsewhere, data.cache=<folder>, or set data.cache=false.")


def _paged(size: int) -> int:
    return -(-size // PAGE) * PAGE
