"""Data sets that need no network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from ml_core.data.mixing import mixture

if TYPE_CHECKING:
    from datasets import DatasetDict

__all__ = ["mixture", "mnist_mini"]

EMBEDDED = Path(__file__).parent / "embedded"


def mnist_mini() -> DatasetDict:
    """Return 5,000 MNIST digits, 500 a class, that ship with the package.

    Splits: `train` (4,000) and `test` (1,000, 100 a class). Columns: `image` (PIL, 28 x 28, mode L) and `label`
    (0 to 9, with class names), as in the Hub data set `ylecun/mnist`. Source and licence: `embedded/README.md`.
    """
    from datasets import Dataset, DatasetDict
    from datasets.table import InMemoryTable

    table = pq.read_table(EMBEDDED / "mnist_mini.parquet")
    splits, start = DatasetDict(), 0
    for name, size in json.loads(table.schema.metadata[b"splits"]).items():
        splits[name] = Dataset(InMemoryTable(table.slice(start, size)))
        start += size
    return splits
