"""What is in the columns of a data set: how many rows, which values, how long, how often each class?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ml_core.data.batches import BatchedDataset
from ml_core.step_errors import described

MOST_ROWS = 100_000
"""Rows that are looked at, from all over the split, where it has more."""

MOST_IMAGES = 256
"""Rows that are looked at where there are images, which have to be decoded."""

MOST_CLASSES = 100
ROWS_AT_A_TIME = 1024


@dataclass(frozen=True)
class Column:
    """What a column holds, as far as it was looked at.

    Attributes:
        kind: `float32`, `text`, `image`, or shape and type of its cells.
        values: Least, mean and greatest number; None where there are none.
        lengths: Least, mean and greatest length of cells that differ in it: characters, items, pixels of width.
        classes: `{class: rows}`, or items of lists; most frequent first for names, in order for numbers; empty where
            it is no class.
        missing: Rows without a value.
    """

    kind: str
    values: tuple[float, float, float] | None = None
    lengths: tuple[float, float, float] | None = None
    classes: Mapping[str, int] = field(default_factory=dict)
    missing: int = 0


@dataclass(frozen=True)
class Summary:
    """A split.

    Attributes:
        size: Number of rows.
        seen: Number of rows that were looked at.
        columns: `{name: what it holds}`.
    """

    size: int
    seen: int
    columns: Mapping[str, Column]


def summarized(rows: Any, name: str = "data") -> Summary:
    """Return what a split holds, before any transform.

    Args:
        rows: A data set as `BatchedDataset` takes it.
        name: YAML path and split, for messages.
    """
    dataset = BatchedDataset(rows, name=name)
    if not len(dataset):
        return Summary(0, 0, {})
    first = dataset.__getitems__([0])
    most = MOST_IMAGES if any(_is_image(column[0]) for column in first.values()) else MOST_ROWS
    numbers = spread(len(dataset), most)
    cells: dict[str, list[Any]] = {key: [] for key in first}
    for batch in _batches(dataset, numbers):
        for key, column in batch.items():
            cells[key].append(column)
    names = {key: class_names(kind) for key, kind in (getattr(rows, "features", None) or {}).items()}
    columns = {key: _column(parts, names.get(key)) for key, parts in cells.items()}
    return Summary(len(dataset), len(numbers), columns)


def spread(size: int, count: int) -> list[int]:
    """Return at most `count` row numbers from all over a split."""
    count = min(size, count)
    return [index * size // count for index in range(count)]


def class_names(feature: Any) -> list[str] | None:
    """Return the names of the classes of a column, or of the items of its lists; None where it has none."""
    names: list[str] | None = getattr(getattr(feature, "feature", feature), "names", None)
    return names


def _batches(dataset: BatchedDataset, numbers: Sequence[int]) -> Iterator[Mapping[str, Any]]:
    for start in range(0, len(numbers), ROWS_AT_A_TIME):
        yield dataset.__getitems__(list(numbers[start : start + ROWS_AT_A_TIME]))


def _column(parts: list[Any], names: Sequence[str] | None) -> Column:
    if all(isinstance(part, Tensor) and part.shape[1:] == parts[0].shape[1:] for part in parts):
        return _of_numbers(torch.cat(parts), names)
    cells = [cell for part in parts for cell in part]
    there = [cell for cell in cells if cell is not None]
    missing = len(cells) - len(there)
    if not there:
        return Column("nothing", missing=missing)
    if _is_image(there[0]):
        modes = Counter(image.mode for image in there)
        widths = [max(image.size) for image in there]
        return Column(f"image {'/'.join(modes)}", lengths=_extent(widths), missing=missing)
    if isinstance(there[0], str):
        counts = Counter(there)
        classes = dict(counts.most_common()) if len(counts) <= min(MOST_CLASSES, len(there) // 2) else {}
        return Column("text", lengths=_extent([len(cell) for cell in there]), classes=classes, missing=missing)
    if isinstance(there[0], (list, tuple, Tensor)):
        return _of_lists(there, names, missing)
    if isinstance(there[0], (int, float)):
        return Column("number", values=_extent(there), missing=missing)
    return Column(type(there[0]).__name__, missing=missing)


def _of_lists(cells: list[Any], names: Sequence[str] | None, missing: int) -> Column:
    """Count the items of lists too: the tokens of sentences and their tags."""
    lengths = [len(cell) for cell in cells]
    counts = Counter(item for cell in cells for item in (cell.tolist() if isinstance(cell, Tensor) else cell)
                     if isinstance(item, (str, int)))  # fmt: skip
    classes = {}
    if len(counts) <= min(MOST_CLASSES, sum(lengths) // 2):
        is_named = names is not None and all(isinstance(item, int) and item < len(names) for item in counts)
        known: dict[Any, str] = dict(enumerate(names or ())) if is_named else {}
        classes = {known.get(item, str(item)): count for item, count in counts.most_common()}
    return Column(f"list, {sum(lengths):,} items", lengths=_extent(lengths), classes=classes, missing=missing)


def _of_numbers(values: Tensor, names: Sequence[str] | None) -> Column:
    kind = described(values[0]) if values.ndim > 1 else str(values.dtype).removeprefix("torch.")
    finite = values.double().flatten()
    missing = int(finite.isnan().sum())
    finite = finite[finite.isfinite()]
    extent = (finite.min().item(), finite.mean().item(), finite.max().item()) if len(finite) else None
    is_whole = values.ndim == 1 and not values.is_floating_point()
    return Column(kind, values=extent, classes=_classes(values, names) if is_whole else {}, missing=missing)


def _classes(values: Tensor, names: Sequence[str] | None) -> dict[str, int]:
    found, counts = values.unique(return_counts=True)
    if names is None and len(found) > min(MOST_CLASSES, len(values) // 2):
        return {}
    numbers = {int(value): int(count) for value, count in zip(found, counts, strict=True)}
    if names is None:
        return {str(value): count for value, count in numbers.items()}
    named = {name: numbers.pop(number, 0) for number, name in enumerate(names)}
    return named | {f"{number} (no class)": count for number, count in numbers.items()}


def _extent(numbers: Sequence[float]) -> tuple[float, float, float]:
    array = np.asarray(numbers, dtype=np.float64)
    return float(array.min()), float(array.mean()), float(array.max())


def _is_image(cell: Any) -> bool:
    return hasattr(cell, "mode") and hasattr(cell, "size") and hasattr(cell, "save")
