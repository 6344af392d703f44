"""How do the rows of a stream become batches, as many on every rank, each with the position behind it?"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

import torch
from torch.utils.data import IterableDataset, get_worker_info

from ml_core.batch import Batch
from ml_core.data.batches import BatchedDataset, Collate
from ml_core.data.random_numbers import RandomNumbers
from ml_core.data.shortcuts import with_shortcuts
from ml_core.data.streaming.current_rows import CurrentRows
from ml_core.data.streaming.left_out import LeftOutOfStream
from ml_core.data.streaming.readers import AUGMENT, Reader, Share, State, Stream, Taken
from ml_core.data.streaming.windows import Repeated
from ml_core.errors import ConfigError, DataError
from ml_core.transforms.base import Transform


class StreamedBatches(IterableDataset[tuple[int, Batch, State]]):
    """A stream that hands out finished batches, each with the position behind it.

    All ranks get the same number of batches where the size of the stream is known. The last ones may be smaller; no
    row is dropped, and one is doubled only where there are too few to go round.

    Args:
        stream: Where the rows come from.
        steps: `(name, transform)` in order, as for `BatchedDataset`.
        collate: As for `BatchedDataset`.
        name: YAML path and split, for messages.
        batch_size: Samples in a batch of one rank.
        rank: Number of this process.
        num_replicas: Number of processes.
        num_workers: Workers of this process's loader.
        shuffle: Whether the order is a random one.
        drop_last: Whether batches that are not full are left out.
        seed: Seed of the order and of the random steps.
        is_random: Whether steps draw random numbers: each batch then has its own, which follow from seed, epoch,
            reader and number.
        left_out: Counts the bad rows, which then are in no batch; None where they are errors.

    Raises:
        DataError: If there is no batch, or a file cannot be read.
        StepError: When a step fails; names the rows.
    """

    carries_state = True

    def __init__(
        self,
        stream: Stream,
        steps: Sequence[tuple[str, Transform]] = (),
        collate: Collate | None = None,
        name: str = "",
        *,
        batch_size: int = 1,
        rank: int = 0,
        num_replicas: int = 1,
        num_workers: int = 0,
        shuffle: bool = False,
        drop_last: bool = False,
        seed: int = 0,
        is_random: bool = False,
        left_out: LeftOutOfStream | None = None,
    ) -> None:
        self.left_out, self.steps = left_out, tuple(steps)
        self.stream, self.name, self.batch_size, self.drop_last = stream, name, batch_size, drop_last
        self.is_random = is_random
        self.rank, self.workers = rank, max(num_workers, 1)
        self.parts = num_replicas * self.workers
        self.rows = None if stream.repeat else stream.size(self.parts)
        self.share = Share(0, self.parts, seed, is_shuffled=shuffle, is_even=self._is_short())
        self._current = CurrentRows(stream, as_lists=collate is not None)
        batches = BatchedDataset(self._current, steps, collate, name, left_out)  # type: ignore[arg-type]  # as it does
        self._batches = with_shortcuts(batches, cache=False, split="")
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # workers that stay alive see it change
        self._resumed = Resumed()
        self._require_batches()

    def num_batches(self) -> int | None:
        """Return the number of batches of this rank in an epoch; None where there is no end, or none is known."""
        return None if self.rows is None else self.workers * self._batches_of(self.rows)

    @property
    def may_be_uneven(self) -> bool:
        """Whether one rank may run out of rows before the others: the size is not known, but there is an end."""
        return self.rows is None and not self.stream.repeat

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self._epoch.fill_(epoch)

    def load_state_dict(self, states: Mapping[int, State], first: int = 0) -> None:
        """Go on behind the batches whose positions these are, by number of the worker, in the pass that comes next.

        Args:
            states: Positions, without those of workers that gave no batch.
            first: Number of the worker whose batch comes next; this loader's first one does its work.

        Raises:
            ConfigError: If there were more or fewer readers.
        """
        for state in states.values():
            if state["parts"] != self.parts:
                raise ConfigError(
                    "data.num_workers",
                    f"the stream was split among {state['parts']} readers (workers of all devices), now there are "
                    f"{self.parts}, which would have other rows.",
                    "Resume with as many workers and devices as before.",
                )
            self.set_epoch(state["epoch"])
        self._resumed = Resumed(int(self._epoch), first, dict(states))

    def first(self, count: int) -> Batch:
        """Return the first rows as they are stored, before any step; some again where there are less."""
        raw = copy.copy(self._batches)
        raw.steps = ()
        return self._made(raw, self._take(Repeated(self.stream.reader, Share()), count))

    def once(self) -> Iterator[Batch]:
        """Yield the batches of one pass in the order in which the rows are stored, by one reader."""
        reader = self.stream.reader(Share())
        while (taken := self._take(reader, self.batch_size)).size:
            yield self._made(self._batches, taken)

    def __iter__(self) -> Iterator[tuple[int, Batch, State]]:
        """Yield (number of the worker, batch, position behind it)."""
        info, epoch = get_worker_info(), int(self._epoch)
        resumed = self._resumed if self._resumed.epoch == epoch else Resumed()
        worker = ((info.id if info else 0) + resumed.first) % self.workers
        share = replace(self.share, part=self.rank * self.workers + worker, epoch=epoch)
        reader = Repeated(self.stream.reader, share) if self.stream.repeat else self.stream.reader(share)
        if self.left_out is not None:
            self.left_out.begin()
        number = 0
        if state := resumed.states.pop(worker, None):
            reader.load_state_dict(state["reader"])
            number = state["batch"]
        for size in itertools.islice(self._sizes(share), number, None):
            taken = self._take(reader, size)
            if not taken.size or (self.drop_last and taken.size < size):
                return
            number += 1
            state = {"epoch": epoch, "parts": self.parts, "batch": number, "reader": reader.state_dict()}
            with self._numbers(share, number):
                batch = self._made(self._batches, taken)
            yield worker, batch, state

    def _numbers(self, share: Share, batch: int) -> AbstractContextManager[None]:
        """Return the random numbers that a batch is made with."""
        if not self.is_random:
            return nullcontext()
        return RandomNumbers(share.generator(AUGMENT, share.part, batch).integers(2**32, size=3).tolist())

    def _made(self, batches: BatchedDataset, taken: Taken) -> Batch:
        return batches.__getitems__(self._current.hold(taken))  # type: ignore[arg-type]  # numbers all the same

    def _take(self, reader: Reader, size: int) -> Taken:
        try:
            return reader.take(size)
        except DataError as error:
            error.where = error.where or self.name  # a file is named already
            raise

    def _sizes(self, share: Share) -> Iterable[int]:
        """Return the sizes of a reader's batches: the last two share what is left where there is too little for it."""
        if self.rows is None:
            return itertools.repeat(self.batch_size)
        start, stop = share.span(self.rows)
        count, left = self._batches_of(self.rows), stop - start
        full = count if self.drop_last else max(count - 2, 0)
        rest = left - full * self.batch_size
        tail = [] if self.drop_last else _tail(rest, count - full, self.batch_size)
        return itertools.chain(itertools.repeat(self.batch_size, full), tail)

    def _batches_of(self, rows: int) -> int:
        """Return the number of batches of a reader."""
        return rows // self.parts // self.batch_size if self.drop_last else -(-rows // (self.parts * self.batch_size))

    def _is_short(self) -> bool:
        """Whether some reader has too few rows for as many batches as the others have."""
        return self.rows is not None and not self.drop_last and self.rows // self.parts < self._batches_of(self.rows)

    def _require_batches(self) -> None:
        if self.stream.size() == 0:
            raise DataError(self.name, "there is no row.")
        if self.num_batches() == 0:
            raise DataError(
                self.name,
                f"{self.rows} rows give each of the {self.parts} readers (workers of all devices) less than one batch "
                f"of {self.batch_size}.",
                "Lower data.batch_size or data.num_workers, or set data.drop_last=false.",
            )


@dataclass(frozen=True)
class Resumed:
    """Where a pass goes on in the middle.

    Attributes:
        epoch: Number of that pass.
        first: Number of the worker whose batch comes next.
        states: Positions by number of the worker.
    """

    epoch: int = -1
    first: int = 0
    states: dict[int, State] = field(default_factory=dict)


def _tail(rows: int, count: int, most: int) -> list[int]:
    """Return the sizes of the last batches, none of them empty."""
    if count < 2:
        return [rows] * count
    first = most if rows > most else rows - rows // 2
    return [first, rows - first]
