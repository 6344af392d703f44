"""How are the rows of a stream shuffled, so that every position in it can be found again?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from ml_core.data.streaming.readers import ROUND, WINDOW, Columns, Reader, Share, State, Taken, joined

IN_ORDER_ROWS = 2048
"""Rows that are in memory where nothing is shuffled, and that are put in order together."""


class Rows(Protocol):
    """Some rows in memory."""

    def __len__(self) -> int: ...

    def take(self, rows: slice | np.ndarray) -> Columns:
        """Return the columns of these rows."""
        ...


class Pieces(Protocol):
    """What `Windows` reads from: rows as they are stored.

    Attributes:
        position: Number of the row that comes next.
    """

    position: int

    def read(self, count: int) -> Rows | None:
        """Return the next rows, less than asked for at the end, None where there are none."""
        ...

    def state_dict(self) -> State:
        """Return the position as plain data."""
        ...

    def load_state_dict(self, state: State) -> None:
        """Go to a position before the first row is read."""
        ...


class Windows:
    """A reader that shuffles the rows of each window among each other.

    A window's order follows from seed, epoch, reader and its own number, so a position is that of the window and the
    number of rows taken from it: nothing of the rows themselves, and only the window is read again on resuming.

    Args:
        pieces: Where the rows come from.
        share: Seed, epoch and reader.
        window: Rows in a window.
        named: Returns what to call rows in messages, by their numbers in the order of the pieces; the numbers if None.
    """

    def __init__(
        self,
        pieces: Pieces,
        share: Share,
        window: int,
        named: Callable[[list[int]], list[Any]] | None = None,
    ) -> None:
        self.pieces, self.share, self.named = pieces, share, named or list
        self.size = window if share.is_shuffled else IN_ORDER_ROWS
        self.number, self.taken = 0, 0
        self.start = pieces.state_dict()
        self.first, self.order = 0, np.arange(0)
        self.rows: Rows | None = None
        self.ready, self.offset = Taken(), 0

    def take(self, count: int) -> Taken:
        """Return the next rows: less than asked for at the end, none behind it."""
        parts, missing = [], count
        while missing and (rows := self._window()) is not None:
            if not self.offset <= self.taken < self.offset + len(self.ready):
                self._make_ready(rows)
            start = self.taken - self.offset
            part = self.ready.part(start, start + missing)
            parts.append(part)
            missing -= len(part)
            self.taken += len(part)
            if self.taken == len(rows):
                self.number, self.taken, self.start, self.rows = self.number + 1, 0, self.pieces.state_dict(), None
                self.ready = Taken()
        return joined(parts)

    def _make_ready(self, rows: Rows) -> None:
        """Put the rows of the next batches in order together: one operation for many batches."""
        self.offset = self.taken
        part = slice(self.offset, self.offset + IN_ORDER_ROWS)
        order, first, named = self.order[part], self.first, self.named
        columns = rows.take(order if self.share.is_shuffled else part)
        self.ready = Taken(columns, len(order), lambda: named((order + first).tolist()))

    def state_dict(self) -> State:
        """Return the position as plain data."""
        return {"window": self.number, "taken": self.taken, "pieces": self.start}

    def load_state_dict(self, state: State) -> None:
        """Go to a position before the first row is taken."""
        self.number, self.taken, self.start = state["window"], state["taken"], state["pieces"]
        self.pieces.load_state_dict(self.start)

    def _window(self) -> Rows | None:
        """Return the window that has rows left, read where it is not in memory; None at the end."""
        if self.rows is None:
            self.first = self.pieces.position
            self.rows = self.pieces.read(self.size)
            self.order = np.arange(len(self.rows or ()))
            if self.share.is_shuffled:
                self.share.generator(WINDOW, self.share.part, self.number).shuffle(self.order)
        return self.rows


class Repeated:
    """A reader that begins anew where another one ends, each time in another order.

    Args:
        opened: Makes the reader of a share.
        share: That of the first round; the others have seeds that follow from its own.
    """

    def __init__(self, opened: Callable[[Share], Reader], share: Share) -> None:
        self.opened, self.share = opened, share
        self.round, self.is_fresh = 0, True
        self.reader = opened(share)

    def take(self, count: int) -> Taken:
        """Return the next rows; there is no end but that of a stream without rows."""
        parts, missing = [], count
        while missing:
            part, was_fresh = self.reader.take(missing), self.is_fresh
            parts.append(part)
            missing -= len(part)
            self.is_fresh = False
            if not len(part):
                if was_fresh:
                    break
                self._open(self.round + 1)
        return joined(parts)

    def state_dict(self) -> State:
        """Return the position as plain data."""
        return {"round": self.round, "reader": self.reader.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Go to a position before the first row is taken."""
        self._open(state["round"])
        self.reader.load_state_dict(state["reader"])
        self.is_fresh = False

    def _open(self, number: int) -> None:
        self.round, self.is_fresh = number, True
        seed = int(self.share.generator(ROUND, number).integers(2**31)) if number else self.share.seed
        self.reader = self.opened(replace(self.share, seed=seed))
