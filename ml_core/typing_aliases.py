"""What are the types called that several modules speak of?"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import datasets
    from torch.utils.data import DataLoader, Dataset

DatasetLike: TypeAlias = "Dataset[Any] | datasets.Dataset | datasets.DatasetDict | None"
"""Rows, or splits of rows, where there are some."""

DataLoaderPartial: TypeAlias = "functools.partial[DataLoader[Any]]"
"""A `DataLoader` that lacks nothing but its data set and what depends on that."""
