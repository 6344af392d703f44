"""Which rows of a stream are left out because they are bad (`data.on_bad: skip`), and are they too many?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.utils.data import get_worker_info

from ml_core.batch import Batch
from ml_core.data.left_out import DEFAULT_MAX_BAD
from ml_core.errors import DataError, UserError
from ml_core.utils.pylogger import RankedLogger

log = RankedLogger(__name__)

LEAST_ROWS = 1000
"""Rows that a share is taken of where fewer have been read."""


class LeftOutOfStream:
    """Counts the bad rows of a pass over a stream, in memory that the workers of this rank share.

    A row of a stream has no number by which it could be known again: it is read and left out in every epoch.

    Args:
        max_bad: How many may be left out in a pass: a number, or a share of the rows read so far where it is a float.
        name: YAML path and split, for messages.
        num_workers: Workers of this rank's loader.
    """

    def __init__(self, max_bad: float, name: str, num_workers: int = 0) -> None:
        self.max_bad, self.name = max_bad, name
        self._counts = torch.zeros(max(num_workers, 1), 2, dtype=torch.int64).share_memory_()  # read, bad
        self._told = 0

    def begin(self) -> None:
        """Count anew, for a pass of this worker."""
        self._own().zero_()

    def without_bad(self, load: Callable[[list[int]], Batch], rows: Sequence[int]) -> Batch:
        """Return the batch of these rows without the bad ones among them.

        Args:
            load: Makes a batch of rows, or raises an error that names the rows which are at fault.
            rows: The rows of the batch.

        Raises:
            DataError: If too many rows are bad, or all of a batch.
            UserError: What `load` raises where it is the fault of no rows in particular.
        """
        good = list(rows)
        self._own()[0] += len(good)
        while True:
            try:
                return load(good)
            except UserError as error:
                if not error.rows:
                    raise
                self._leave_out(error)
                bad = set(map(int, error.rows))
                good = [row for row in good if int(row) not in bad]
                if not good:
                    raise DataError(error.where, f"{error.what} No row of the batch is left.", error.fix) from error

    def say(self) -> None:
        """Log how many rows were left out of the last pass, where these are more than the last time."""
        read, bad = self._counts.sum(0).tolist()
        if bad > self._told:
            self._told = bad
            log.warning("%s: %d of %d rows are left out (data.on_bad=skip).", self.name, bad, read)

    def _own(self) -> torch.Tensor:
        info = get_worker_info()
        return self._counts[info.id if info else 0]

    def _leave_out(self, error: UserError) -> None:
        own = self._own()
        if not own[1]:
            log.warning("Left out: %s: %s", error.where, error.what)
        own[1] += len(error.rows)
        read, bad = self._counts.sum(0).tolist()
        limit = self.max_bad if isinstance(self.max_bad, int) else max(1, int(self.max_bad * max(read, LEAST_ROWS)))
        if bad > limit:
            raise DataError(
                error.where,
                f"{error.what} So {bad} of {read} rows are bad, and data.max_bad allows {limit}.",
                "Correct the data, or allow more.",
            ) from error


def left_out_of_stream(on_bad: str, max_bad: float | None, name: str, num_workers: int) -> LeftOutOfStream | None:
    """Return what counts the bad rows of a stream; None where they are errors."""
    if on_bad == "error":
        return None
    return LeftOutOfStream(DEFAULT_MAX_BAD if max_bad is None else max_bad, name, num_workers)
