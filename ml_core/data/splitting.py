"""Which rows become the validation split?"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch.utils.data import Subset

from ml_core.errors import ConfigError, DataError, listed


def split_off(dataset: Any, ratio: float, seed: int, stratify_by: str | None = None) -> tuple[Any, Any]:
    """Return the larger and the smaller part of a data set, the same for the same seed, whatever else is random.

    Args:
        dataset: Hugging Face `Dataset` or any map-style data set.
        ratio: Share of the smaller part, rounded up to whole rows; above 0 and below 1.
        seed: Seed of the choice.
        stratify_by: Column whose values have the same shares in both parts.

    Raises:
        ConfigError: If the data set has no such column.
        DataError: If either part would be empty.
    """
    size = int(np.ceil(len(dataset) * ratio))
    if not 0 < size < len(dataset):
        raise DataError(
            "data", f"the train split has {len(dataset)} samples, too few to split off {ratio:g} of them.",
            "Set data.val_ratio=0 for no validation.",
        )  # fmt: skip
    rng = np.random.default_rng(seed)
    if stratify_by is None:
        chosen = rng.permutation(len(dataset))[:size]
    else:
        chosen = _stratified(_column(dataset, stratify_by), size, rng)
    smaller = np.sort(chosen)
    larger = np.setdiff1d(np.arange(len(dataset)), smaller)
    return _rows(dataset, larger), _rows(dataset, smaller)


def _stratified(labels: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Choose rows so that every label has its share, by the largest remainders."""
    values, counts = np.unique(labels, return_counts=True)
    quotas = counts * size / len(labels)
    numbers = np.floor(quotas).astype(int)
    largest = np.argsort(numbers - quotas, kind="stable")[: size - numbers.sum()]
    numbers[largest] += 1
    parts = [rng.permutation(np.flatnonzero(labels == v))[:n] for v, n in zip(values, numbers, strict=True)]
    return np.concatenate(parts)


def _column(dataset: Any, name: str) -> np.ndarray:
    is_table = hasattr(dataset, "column_names")
    columns = dataset.column_names if is_table else list(dataset[0])
    if name not in columns:
        raise ConfigError("data.stratify_by", f"there is no column '{name}'.", f"Columns: {listed(columns)}.")
    return np.asarray(dataset[name] if is_table else [dataset[row][name] for row in range(len(dataset))])


def _rows(dataset: Any, rows: np.ndarray) -> Any:
    if hasattr(dataset, "select"):
        return dataset.select(rows, keep_in_memory=True)
    return Subset(dataset, rows.tolist())
