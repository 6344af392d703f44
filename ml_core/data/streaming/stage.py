"""How does a split that streams become the batches of a stage?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lightning.pytorch import Trainer

from ml_core.batch import Batch
from ml_core.data.batches import Collate
from ml_core.data.loading import order_seed
from ml_core.data.shortcuts import RANDOM
from ml_core.data.streaming.left_out import LeftOutOfStream
from ml_core.data.streaming.map_style import RowStream
from ml_core.data.streaming.readers import Stream
from ml_core.data.streaming.samples import SampleStream
from ml_core.data.streaming.streamed_batches import StreamedBatches
from ml_core.errors import ConfigError
from ml_core.transforms.base import Transform


def is_stream(rows: Any) -> bool:
    """Whether a split streams: it has no length, so its rows have no numbers."""
    return not hasattr(rows, "__len__")


def as_stream(rows: Any, name: str) -> Stream:
    """Return a data set as a stream, whatever it is."""
    if hasattr(rows, "reader"):
        return rows
    return SampleStream(rows) if is_stream(rows) else RowStream(rows, name)


def streamed(
    rows: Any,
    steps: Sequence[tuple[str, Transform]],
    name: str,
    options: Mapping[str, Any],
    batch_size: int,
    is_train: bool,
    trainer: Trainer | None = None,
    left_out: LeftOutOfStream | None = None,
    cache: bool | str = False,
) -> StreamedBatches:
    """Return the batches of a split that streams, for this rank.

    Args:
        rows: `ParquetStream`, `SampleStream`, or what can be iterated over.
        steps: `(YAML path, transform)` in order.
        name: YAML path and split, for messages.
        options: Arguments of `DataLoader`. `shuffle` and `drop_last` are for training alone.
        batch_size: Samples in a batch on this device.
        is_train: Whether it is for training; else the rows come in order, once.
        trainer: Knows the ranks.
        left_out: As for `StreamedBatches`.
        cache: Value of `data.cache`, which needs rows by number.

    Raises:
        ConfigError: If there is a cache, or a split that is not for training repeats without end.
    """
    if cache:
        raise ConfigError("data.cache", f"keeps rows by number, but one has none in a stream: {name}.",
                          "Set data.cache=false.")  # fmt: skip
    stream = as_stream(rows, name)
    if stream.repeat and not is_train:
        raise ConfigError(name, "repeats without end, so its pass would never be over.", "Set repeat: false there.")
    return StreamedBatches(
        stream,
        steps,
        options.get("collate_fn"),
        name,
        batch_size=batch_size,
        rank=trainer.global_rank if trainer else 0,
        num_replicas=trainer.world_size if trainer else 1,
        num_workers=int(options.get("num_workers") or 0),
        shuffle=is_train and options.get("shuffle") is not False,
        drop_last=is_train and bool(options.get("drop_last")),
        seed=order_seed(),
        is_random=any(step == RANDOM for step, _ in steps),
        left_out=left_out,
    )


def one_pass(
    rows: Any, steps: Sequence[tuple[str, Transform]], collate: Collate | None, name: str, batch_size: int
) -> Iterator[Batch]:
    """Return the batches of one pass over a split that streams, in order, for what is learnt from all rows.

    Args:
        rows: As for `streamed`.
        steps: As for `streamed`.
        collate: As for `BatchedDataset`.
        name: YAML path and split, for messages.
        batch_size: Samples in a batch.

    Raises:
        ConfigError: If the stream has no end.
    """
    stream = as_stream(rows, name)
    if stream.repeat and stream.size() is None:
        raise ConfigError(name, "has no end, so nothing can be learnt from all of it.", "Set repeat: false.")
    return StreamedBatches(stream, steps, collate, name, batch_size=batch_size).once()
