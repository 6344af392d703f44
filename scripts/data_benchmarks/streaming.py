"""How fast does a stream of Parquet files come, against bare pyarrow with the same transform?"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from torch.utils.data import DataLoader
from torch.utils.dlpack import from_dlpack

from ml_core.batch import Batch
from ml_core.data.base_datamodule import BaseDataModule
from ml_core.data.streaming import ParquetStream
from scripts.data_benchmarks.row import Row, in_turns, resident

NUM_FILES, BATCH_SIZE, FEATURES, ROUNDS = 100, 128, 64, 5
Transform = Callable[[Batch], Batch]


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Yield one line for each size and kind of column, with and without shuffling."""
    for size in sizes:
        for kind in ("numbers", "pixels"):
            with tempfile.TemporaryDirectory() as folder:
                _write(Path(folder), size, kind)
                yield from _compared(folder, size, kind)


def _write(folder: Path, size: int, kind: str) -> None:
    rng = np.random.default_rng(0)
    for number in range(NUM_FILES):
        count = (number + 1) * size // NUM_FILES - number * size // NUM_FILES
        values: Any = rng.standard_normal(count * FEATURES, dtype=np.float32)
        if kind == "pixels":
            values = rng.integers(256, size=count * 784, dtype=np.uint8)
        cells = pa.FixedSizeListArray.from_arrays(pa.array(values), len(values) // count)
        label = pa.array(rng.integers(10, size=count))
        pq.write_table(pa.table({"x": cells, "label": label}), folder / f"{number:03}.parquet")


def _compared(folder: str, size: int, kind: str) -> Iterator[Row]:
    loaders = {shuffle: _ours(folder, shuffle) for shuffle in (True, False)}
    memory = {shuffle: _memory(loader) for shuffle, loader in loaders.items()}
    times = in_turns(
        lambda: _bare(folder), *(lambda loader=loader: _drained(loader) for loader in loaders.values()), rounds=ROUNDS
    )
    bare, *ours = (size / milliseconds * 1000 for milliseconds in times)
    for shuffle, speed in zip(loaders, ours, strict=True):
        order = "shuffled by 10,000" if shuffle else "in order"
        yield Row(
            f"stream of {NUM_FILES} Parquet files, {size:,} rows of {kind}, {order}",
            f"bare pyarrow in order, {bare:,.0f} rows/s",
            f"{speed:,.0f} rows/s",
            speed / bare,
            ">= 0.9",
            memory[shuffle],
        )


def _scaled(batch: Batch) -> Batch:
    return {"x": (batch["x"].float() - 0.13) / 0.31}


def _ours(folder: str, shuffle: bool) -> DataLoader[Any]:
    source = {"train": ParquetStream(folder)}
    data = BaseDataModule(source, val_ratio=0, transform=_scaled, batch_size=BATCH_SIZE, shuffle=shuffle)
    return data.train_dataloader()


def _memory(loader: DataLoader[Any]) -> float:
    """Return what a pass holds in memory when it has begun."""
    before = resident()
    batches = iter(loader)
    next(batches)
    return max(resident() - before, 0.0)


def _drained(loader: DataLoader[Any]) -> int:
    return sum(len(batch["label"]) for batch in loader)


def _bare(folder: str) -> int:
    """Read file by file, cut into batches of tensors and transform them."""
    count = 0
    for path in sorted(Path(folder).iterdir()):
        table = pq.read_table(path)
        cells, label = table["x"].combine_chunks(), from_dlpack(table["label"].combine_chunks())
        x = from_dlpack(cells.flatten()).reshape(len(table), -1)
        for start in range(0, len(table), BATCH_SIZE):
            batch = {"x": x[start : start + BATCH_SIZE], "label": label[start : start + BATCH_SIZE]}
            batch = {**batch, **_scaled(batch)}
            count += len(batch["label"])
    return count
