"""How is a cache made: by all cores, by one of the processes that want it, and not by halves?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ml_core.batch import Batch
from ml_core.data.batches import BatchedDataset, identity
from ml_core.data.cache_file import IS_BAD, Column, Damaged, Layout, make_folder, read_layout, written
from ml_core.data.cache_plan import Plan, column_of
from ml_core.data.decoding import decoded
from ml_core.data.left_out import LeftOut
from ml_core.errors import UserError
from ml_core.machine_errors import machine_error
from ml_core.step_errors import StepError
from ml_core.transforms.base import Transform
from ml_core.transforms.image import pixels_of
from ml_core.utils.pylogger import RankedLogger

log = RankedLogger(__name__)

CHUNK_BYTES, LARGEST_CHUNK = 2**20, 512
"""Bytes and rows of a chunk: several of every worker must fit into the shared memory of a container."""
FEW_CHUNKS = 4
"""Up to so many are made in this process: starting others takes longer."""


def is_there(path: Path, layout: Layout) -> bool:
    """Whether the cache exists and is whole; a damaged one is told of and counts as none."""
    try:
        return read_layout(path, layout.key) == layout
    except Damaged as error:
        log.warning("data.cache: %s %s, so it is built anew.", path, error)
        return False


def build_once(path: Path, layout: Layout, source: BatchedDataset, name: str) -> None:
    """Build a cache unless another process has done so by the time it is our turn; the lock dies with its process."""
    make_folder(path.parent)
    lock = FileLock(path.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("data.cache: another process builds %s; waiting for it.", path)
        lock.acquire()
    try:
        if not is_there(path, layout):
            _build(path, layout, source, name)
    finally:
        lock.release()


def source_of(rows: Any, plan: Plan, name: str, left_out: LeftOut | None) -> BatchedDataset:
    """Return what makes the rows of a cache; see `cached`."""
    steps: list[tuple[str, Transform]] = [*plan.kept, ("data.cache", _Fit(plan.columns))]
    return BatchedDataset(decoded(rows, steps), steps, None, name, left_out)


def _build(path: Path, layout: Layout, source: BatchedDataset, name: str) -> None:
    try:
        with written(path, layout) as writer, _progress(name, layout.rows) as advance:
            first = 0
            for columns in _chunks(source, layout):
                writer.write(first, columns)
                size = len(next(iter(columns.values())))
                first += size
                advance(size)
    except UserError:
        raise
    except Exception as error:
        raise machine_error(error, "data.cache") or error from error
    log.info(
        "data.cache: %s rows of %s are kept in %s (%.1f MiB).", f"{layout.rows:,}", name, path, layout.size / 2**20
    )


def _chunks(source: BatchedDataset, layout: Layout) -> DataLoader[Batch]:
    """Return the rows in order, made by as many processes as there are cores."""
    size = max(1, min(LARGEST_CHUNK, CHUNK_BYTES // max(1, layout.row_bytes)))
    is_small = layout.rows <= FEW_CHUNKS * size
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = min(cores, layout.rows // size)
    return DataLoader(
        _Chunks(source, layout.columns),
        batch_size=size,
        num_workers=0 if is_small or workers == 1 else workers,
        collate_fn=identity,  # type: ignore[arg-type]
        generator=torch.Generator(),  # takes no number of the global one
    )


class _Chunks(Dataset[Batch]):
    """Rows as they are kept: tensors, with zeros in the place of bad rows that are left out."""

    def __init__(self, source: BatchedDataset, columns: tuple[Column, ...]) -> None:
        self.source, self.columns = source, columns

    def __len__(self) -> int:
        return len(self.source)

    def __getitems__(self, indices: list[int]) -> Batch:
        batch = self.source.__getitems__(indices)
        values = {column.name: batch[column.name] for column in self.columns if column.name != IS_BAD.name}
        chunk = {key: value if isinstance(value, Tensor) else pixels_of(value) for key, value in values.items()}
        return chunk if self.source.left_out is None else _filled(chunk, indices, set(self.source.left_out.rows()))


def _filled(chunk: Batch, rows: list[int], bad: set[int]) -> Batch:
    """Return columns with a place for each row; those of bad ones hold zeros."""
    is_bad = torch.tensor([row in bad for row in rows])
    filled: Batch = {IS_BAD.name: is_bad}
    for key, values in chunk.items():
        filled[key] = values.new_zeros(len(rows), *values.shape[1:])
        filled[key][~is_bad] = values[: len(rows) - int(is_bad.sum())]
    return filled


class _Fit:
    """Last step of a build: leaves the columns that are kept, or says which rows do not fit."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self.columns = columns
        self.reads = tuple(column.name for column in columns)
        self.takes_pixels = True

    def __call__(self, batch: Batch) -> Batch:
        rows = len(batch[self.columns[0].name])
        for column in self.columns:
            found = column_of(column.name, batch[column.name], rows)
            if found is None or (found.dtype, found.shape) != (column.dtype, column.shape):
                raise StepError(
                    "",
                    f"'{column.name}' is {column.dtype} {list(column.shape)} in the rows that were tried, but "
                    f"{_shown(found)} in others.",
                    "Give all rows one shape in data.transform, or set data.cache=false.",
                )
        return {}


def _shown(column: Column | None) -> str:
    return f"{column.dtype} {list(column.shape)}" if column else "several shapes, or no numbers at all,"


@contextmanager
def _progress(name: str, rows: int) -> Iterator[Callable[[int], None]]:
    """Show a bar while rows are made, and give what moves it on."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"Caching {name}", total=rows)
        yield lambda count: progress.advance(task, count)
