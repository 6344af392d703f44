"""Which rows of a split are left out because they are bad (`data.on_bad: skip`), and are they too many?"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch

from ml_core.batch import Batch
from ml_core.data.bad_rows import shown
from ml_core.data.random_numbers import generator_states, set_generator_states
from ml_core.errors import ConfigError, DataError, UserError
from ml_core.utils.pylogger import RankedLogger

log = RankedLogger(__name__)

OnBad = Literal["error", "skip"]
ON_BAD = get_args(OnBad)
DEFAULT_MAX_BAD = 0.01
"""Share of a split that may be left out unless `data.max_bad` says otherwise."""

KINDS = 64
"""Kinds of faults that are told apart in the log."""

ROUNDING = 1e-6
"""A share times a size is this near to the whole number that is meant."""


class LeftOut:
    """The bad rows of a split, as all processes that load it on this rank know them.

    A row is marked once, in memory that the workers share, and is not read again in later epochs. Each kind of fault
    is logged when it comes up first, with its rows in that batch.

    Args:
        size: Number of rows of the split.
        max_bad: How many may be left out: a number, or a share of the split, rounded up, where it is a float.
        name: YAML path and split, for messages.
    """

    def __init__(self, size: int, max_bad: float, name: str) -> None:
        self.name, self.size = name, size
        self.limit = max_bad if isinstance(max_bad, int) else math.ceil(max_bad * size - ROUNDING)
        self._marks = torch.zeros(size, dtype=torch.bool).share_memory_()
        self._kinds = torch.zeros(KINDS, dtype=torch.bool).share_memory_()
        self._told = 0

    def rows(self) -> list[int]:
        """Return the rows that are left out so far."""
        return self._marks.nonzero()[:, 0].tolist()

    def without_bad(self, load: Callable[[list[int]], Batch], rows: Sequence[int]) -> Batch:
        """Return the batch of these rows without the bad ones among them.

        Where none is left, the next good row of the split takes their place: every batch has a row, so the number of
        batches is the same on all ranks.

        Args:
            load: Makes a batch of rows, or raises an error that names the rows which are at fault.
            rows: The rows that were asked for.

        Raises:
            DataError: If too many rows are bad.
            UserError: What `load` raises where it is the fault of no rows in particular.
        """
        states = generator_states()
        while True:
            good = self._good(rows)
            try:
                return load(good)
            except UserError as error:
                if not error.rows:
                    raise
                self._leave_out(error)
                set_generator_states(states)  # so that it draws what it would had it known these rows before

    def say(self) -> None:
        """Log how many rows are left out, where these are more than the last time."""
        rows = self.rows()
        if len(rows) > self._told:
            self._told = len(rows)
            text = "%s: %d of %d rows are left out (data.on_bad=skip): %s."
            log.warning(text, self.name, len(rows), self.size, shown(rows))

    def _good(self, rows: Sequence[int]) -> list[int]:
        good = [row for row, is_bad in zip(rows, self._marks[list(rows)].tolist(), strict=True) if not is_bad]
        if good:
            return good
        order = torch.arange(rows[-1] + 1, rows[-1] + 1 + self.size) % self.size
        following = order[~self._marks[order]]
        if not len(following):
            raise DataError(self.name, "every row is bad, so none is left.", "Correct the data.")
        return [int(following[0])]

    def _leave_out(self, error: UserError) -> None:
        bad = torch.tensor(error.rows)
        self._marks[bad] = True
        count = int(self._marks.sum())
        if count > self.limit:
            what = f"{error.what} So {count} of {self.size} rows are bad, and data.max_bad allows {self.limit}."
            raise DataError(error.where, what, "Correct the data, or allow more.") from error
        kind = zlib.crc32(f"{error.where}: {type(error.__cause__)}".encode()) % KINDS
        if not self._kinds[kind]:
            self._kinds[kind] = True
            log.warning("Left out: %s: %s", error.where, error.what)


def left_out(on_bad: str, max_bad: float | None, size: int, name: str) -> LeftOut | None:
    """Return what keeps the bad rows of a split; None where they are errors."""
    if on_bad == "error":
        return None
    return LeftOut(size, DEFAULT_MAX_BAD if max_bad is None else max_bad, name)


def check_policy(on_bad: str, max_bad: float | None) -> None:
    """Refuse values of `data.on_bad` and `data.max_bad` that say nothing.

    Raises:
        ConfigError: Names the argument and its choices.
    """
    if on_bad not in ON_BAD:
        raise ConfigError("on_bad", f"is {on_bad!r}.", f"Choices: {', '.join(ON_BAD)}.")
    if max_bad is None:
        return
    if on_bad == "error":
        raise ConfigError("max_bad", "says nothing where a bad row is an error.", "Set data.on_bad=skip, or leave it.")
    is_number = isinstance(max_bad, (int, float)) and not isinstance(max_bad, bool)
    if not is_number or max_bad < 0 or (isinstance(max_bad, float) and max_bad > 1):
        raise ConfigError("max_bad", f"is {max_bad!r}, but must be a number of rows, or a share from 0.0 to 1.0.")
