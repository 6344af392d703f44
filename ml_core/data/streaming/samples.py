"""How is a data set read that can only be iterated over?"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ml_core.batch import require_batch
from ml_core.data.batches import stack_column
from ml_core.data.streaming.parquet import DEFAULT_SHUFFLE_BUFFER, check_buffer
from ml_core.data.streaming.readers import SHARDS, Columns, Reader, Share, State, chosen, num_rows
from ml_core.data.streaming.windows import Windows
from ml_core.errors import ConfigError, DataError, listed
from ml_core.machine_errors import machine_error
from ml_core.step_errors import text_of


class SampleStream:
    """Samples of a data set that can only be iterated over, such as one that the Hugging Face Hub streams.

    A `datasets.IterableDataset` is split among the readers, and knows its own position. Any other iterable of dicts
    must have one reader alone, which comes to a position by reading up to it.

    Args:
        dataset: `datasets.load_dataset` with `streaming: true` and `split`, or another iterable of dicts.
        shuffle_buffer: Rows that are shuffled among each other where the data module shuffles; each worker holds as
            many in memory.
        repeat: Begin anew at the end, so that an epoch has no end; for `trainer.max_steps`.

    Raises:
        ConfigError: If it cannot be iterated over more than once, or is a dict of splits.
    """

    def __init__(
        self, dataset: Iterable[Any], shuffle_buffer: int = DEFAULT_SHUFFLE_BUFFER, repeat: bool = False
    ) -> None:
        check_buffer(shuffle_buffer)
        if isinstance(dataset, Mapping):
            raise ConfigError("dataset", f"is a dict of splits: {listed(dataset)}.", "Name one, as in split: train.")
        if not isinstance(dataset, Iterable):
            raise ConfigError("dataset", f"is a {type(dataset).__name__}, which cannot be iterated over.")
        if isinstance(dataset, Iterator):
            raise ConfigError(
                "dataset", f"is a {type(dataset).__name__}, which can be gone through only once.",
                "Give what makes one, such as a torch IterableDataset.",
            )  # fmt: skip
        self.dataset, self.shuffle_buffer, self.repeat = dataset, shuffle_buffer, repeat
        self.features = None

    def size(self, parts: int = 1) -> None:
        """Return None: only reading it tells."""

    def reader(self, share: Share) -> Reader:
        """Return what reads one share of one pass."""
        pieces = OwnPosition(self._split(share)) if self._is_hugging_face() else Counted(self._whole(share))
        return Windows(pieces, share, self.shuffle_buffer)

    def _is_hugging_face(self) -> bool:
        from datasets import IterableDataset

        return isinstance(self.dataset, IterableDataset)

    def _split(self, share: Share) -> Any:
        from datasets.distributed import split_dataset_by_node

        split = split_dataset_by_node(self.dataset, share.part, share.parts)
        if share.is_shuffled:  # another order of the shards, without a buffer whose rows would be lost on resuming
            split.set_epoch(1 + int(share.generator(SHARDS).integers(2**31)))
        return split

    def _whole(self, share: Share) -> Iterable[Any]:
        if share.parts > 1:
            raise ConfigError(
                "data",
                f"a stream of {type(self.dataset).__name__} cannot be split among {share.parts} readers.",
                "Use one device with data.num_workers of 0 or 1, or stream Parquet files or a "
                "datasets.IterableDataset.",
            )
        return self.dataset


class ListRows:
    """Rows whose columns are lists or tensors."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        """Return the number of rows."""
        return num_rows(self.columns)

    def take(self, rows: slice | np.ndarray) -> Columns:
        """Return the columns of some rows: tensors, or lists where a column cannot be stacked."""
        return {name: stack_column(chosen(values, rows)) for name, values in self.columns.items()}


class OwnPosition:
    """Pieces of a `datasets.IterableDataset`, which knows its own position."""

    def __init__(self, dataset: Any) -> None:
        self.dataset, self.position = dataset, 0
        self.iterator: Iterator[Any] | None = None
        self.state: State = {}

    def read(self, count: int) -> ListRows | None:
        """Return the next rows, less than asked for at the end, None where there are none."""
        self.iterator = self.iterator or self.dataset.iter(count)
        columns = _next(self.iterator, self.position)
        if columns is None:
            return None
        self.state = self.dataset.state_dict()
        self.position += num_rows(columns)
        return ListRows(columns)

    def state_dict(self) -> State:
        """Return the position as plain data."""
        return {"row": self.position, "dataset": self.state}

    def load_state_dict(self, state: State) -> None:
        """Go to a position before the first row is read."""
        self.position, self.state = state["row"], state["dataset"]
        if self.state:
            self.dataset.load_state_dict(self.state)


class Counted:
    """Pieces of any iterable of dicts, whose position is the number of samples read."""

    def __init__(self, samples: Iterable[Any]) -> None:
        self.samples, self.position = samples, 0
        self.iterator: Iterator[Any] | None = None

    def read(self, count: int) -> ListRows | None:
        """Return the next rows, less than asked for at the end, None where there are none."""
        self.iterator = self.iterator or itertools.islice(self.samples, self.position, None)
        rows: list[Mapping[str, Any]] = []
        while len(rows) < count and (sample := _next(self.iterator, self.position + len(rows))) is not None:
            rows.append(require_batch(sample, "data"))
            if set(sample) != set(rows[0]):
                raise DataError("", f"sample {self.position + len(rows) - 1} of the stream has the keys "
                                f"{listed(sample)}, but those before it have {listed(rows[0])}.")  # fmt: skip
        self.position += len(rows)
        return ListRows({key: [row[key] for row in rows] for key in rows[0]}) if rows else None

    def state_dict(self) -> State:
        """Return the position as plain data."""
        return {"row": self.position}

    def load_state_dict(self, state: State) -> None:
        """Go to a position before the first row is read."""
        self.position = state["row"]


def _next(iterator: Iterator[Any], position: int) -> Any:
    """Return what comes next, None at the end.

    Raises:
        DataError: If it cannot be read.
    """
    try:
        return next(iterator, None)
    except Exception as error:
        raise machine_error(error, "data") or DataError(
            "", f"the stream cannot be read after sample {position} of this reader: {text_of(error)}"
        ) from error
