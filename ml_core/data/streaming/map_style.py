"""How is a data set with a length read as a stream, beside others that have none?"""

from __future__ import annotations

from typing import Any

import numpy as np

from ml_core.data.batches import BatchedDataset
from ml_core.data.streaming.readers import SHARDS, Reader, Share, State
from ml_core.data.streaming.samples import ListRows
from ml_core.data.streaming.windows import IN_ORDER_ROWS, Windows


class RowStream:
    """Rows of a map-style data set, all of them shuffled among each other.

    Args:
        dataset: Whatever a split may be.
        name: For messages.
    """

    repeat = False
    features = None

    def __init__(self, dataset: Any, name: str) -> None:
        self.rows = BatchedDataset(dataset, name=name)
        if hasattr(dataset, "column_names"):
            self.column_names = list(dataset.column_names)

    def size(self, parts: int = 1) -> int:
        """Return the number of rows of one pass."""
        return len(self.rows)

    def reader(self, share: Share) -> Reader:
        """Return what reads one share of one pass."""
        order = np.arange(len(self.rows))
        if share.is_shuffled:
            order = share.generator(SHARDS).permutation(order)
        return Windows(RowPieces(self.rows, order[slice(*share.span(len(order)))]), share, IN_ORDER_ROWS)


class RowPieces:
    """Pieces of a list of row numbers."""

    def __init__(self, rows: BatchedDataset, order: np.ndarray) -> None:
        self.rows, self.order, self.position = rows, order, 0

    def read(self, count: int) -> ListRows | None:
        """Return the next rows, less than asked for at the end, None where there are none."""
        numbers = self.order[self.position : self.position + count].tolist()
        self.position += len(numbers)
        return ListRows(self.rows.__getitems__(numbers)) if numbers else None

    def state_dict(self) -> State:
        """Return the position as plain data."""
        return {"row": self.position}

    def load_state_dict(self, state: State) -> None:
        """Go to a position before the first row is read."""
        self.position = state["row"]
