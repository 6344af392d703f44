"""Columns of a table become what a network takes: one tensor of features, numbers of categories, standard scores.

Some of these learn from the data: `fit` is called once with the batches of the train split, before anything else, so
that nothing of the other splits goes into it. What they learnt is kept in buffers and goes into the checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ml_core.batch import Batch, missing_key
from ml_core.errors import ConfigError, DataError, listed, nearest

MOST_SHOWN = 8


class StackColumns(nn.Module):
    """Put columns of numbers side by side in one tensor.

    Reads `columns`; writes `new_key` `[batch, columns]`, float32.

    Args:
        columns: Keys of the columns, in order.
        new_key: Key of the result.
        missing: What a missing value becomes: an `error`, or the `mean` of its column over the train split.

    Raises:
        BatchKeyError: When a batch lacks a column.
        DataError: When a value is missing, infinite or no number; names rows of the batch and columns.
    """

    mean: Tensor

    def __init__(
        self, columns: Sequence[str], new_key: str = "features", missing: Literal["error", "mean"] = "error"
    ) -> None:
        super().__init__()
        if not columns:
            raise ConfigError("columns", "is empty.", "Name the columns to put together.")
        if missing not in ("error", "mean"):
            raise ConfigError("missing", f"is {missing!r}, but must be one of error, mean.")
        self.columns, self.new_key, self.missing = tuple(columns), new_key, missing
        self.reads, self.writes = self.columns, (new_key,)
        self.register_buffer("mean", torch.full((len(self.columns),), torch.nan))

    @property
    def is_fitted_to_data(self) -> bool:
        """Whether it learns from the train split."""
        return self.missing == "mean"

    def fit(self, batches: Iterable[Batch]) -> None:
        """Learn the mean of every column, over the values that are there."""
        mean, _ = _moments(self._stacked(batch) for batch in batches)
        empty = [name for name, value in zip(self.columns, mean, strict=True) if value.isnan()]
        if empty:
            raise DataError("columns", f"the train split has no value at all of: {listed(empty)}.")
        self.mean = mean

    def forward(self, batch: Batch) -> Batch:
        """Return the features."""
        features = self._stacked(batch)
        missing = features.isnan()
        if missing.any():
            if self.missing == "error":
                raise self._not_there(missing)
            features = torch.where(missing, self.mean, features)
        return {self.new_key: features}

    def _stacked(self, batch: Batch) -> Tensor:
        return torch.stack([self._column(name, batch) for name in self.columns], dim=1)

    def _column(self, name: str, batch: Batch) -> Tensor:
        if name not in batch:
            raise missing_key(name, batch, "columns")
        column = batch[name]
        if not isinstance(column, Tensor):
            wrong = next((cell for cell in column if cell is not None and not isinstance(cell, (int, float))), None)
            if wrong is not None:
                raise DataError(
                    "columns", f"the column '{name}' holds {wrong!r}, which is no number.",
                    "Categories become numbers by ml_core.transforms.table.CategoryIndex.",
                )  # fmt: skip
            column = torch.tensor([torch.nan if cell is None else cell for cell in column])
        if column.ndim != 1:
            raise DataError("columns", f"the column '{name}' has the shape {list(column.shape)}, not one value a row.")
        if column.isinf().any():
            raise DataError("columns", f"the column '{name}' holds an infinite value.")
        return column.float()

    def _not_there(self, missing: Tensor) -> DataError:
        rows = missing.any(dim=1).nonzero().flatten().tolist()
        columns = [name for name, is_missing in zip(self.columns, missing.any(dim=0), strict=True) if is_missing]
        more = f" and {len(rows) - MOST_SHOWN} more" if len(rows) > MOST_SHOWN else ""
        where = f"{'row' if len(rows) == 1 else 'rows'} {listed(rows[:MOST_SHOWN])}{more}"
        return DataError(
            "columns",
            f"values are missing of {listed(columns)}, in {where} of this batch.",
            "Fill them in, leave these rows out, or set missing: mean.",
        )


class Standardize(nn.Module):
    """Scale features to mean 0 and standard deviation 1, as they are in the train split.

    Reads and writes `key` and `also`: `[batch, ..., features]`.

    Args:
        key: Key of the features whose mean and deviation, over all but the last dimension, are learnt.
        also: Further keys that are scaled by the same numbers, such as the future of a series by those of its past.

    Raises:
        BatchKeyError: When a batch lacks a key.
        DataError: When the train split is empty or the features are not finite.
    """

    mean: Tensor
    std: Tensor
    is_fitted_to_data = True

    def __init__(self, key: str, also: Sequence[str] = ()) -> None:
        super().__init__()
        self.key = key
        self.reads = self.writes = (key, *also)
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("std", torch.ones(()))

    def fit(self, batches: Iterable[Batch]) -> None:
        """Learn mean and standard deviation of every feature; one that never changes is only centred."""
        mean, std = _moments(_features(batch, self.key).flatten(0, -2) for batch in batches)
        if not (mean.isfinite().all() and std.isfinite().all()):
            wrong = (~(mean.isfinite() & std.isfinite())).nonzero().flatten().tolist()
            raise DataError("key", f"the features {listed(wrong[:MOST_SHOWN])} of '{self.key}' are not finite.")
        self.mean, self.std = mean, torch.where(std > 0, std, torch.ones_like(std))

    def forward(self, batch: Batch) -> Batch:
        """Return the scaled features."""
        return {key: (_features(batch, key) - self.mean) / self.std for key in self.reads}

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        for name in ("mean", "std"):  # their size is that of the data that was seen
            if f"{prefix}{name}" in state_dict:
                setattr(self, name, torch.empty_like(state_dict[f"{prefix}{name}"]))
        super()._load_from_state_dict(state_dict, prefix, *args)


class CategoryIndex:
    """Turn categories into their numbers: the first of the list is 0.

    Reads `key`: a list of names, or numbers; writes `new_key`: int64 `[batch]`.

    Args:
        key: Key of the categories.
        categories: All that there are, in order.
        new_key: Key of the numbers; `key` itself if it is None.

    Raises:
        BatchKeyError: When a batch lacks `key`.
        DataError: When a value is none of the categories.
    """

    def __init__(self, key: str, categories: Sequence[Any], new_key: str | None = None) -> None:
        if len(set(categories)) != len(categories):
            raise ConfigError("categories", f"names one twice: {listed(categories)}.")
        self.key, self.new_key = key, new_key or key
        self.numbers = {category: number for number, category in enumerate(categories)}
        self.reads, self.writes = (key,), (self.new_key,)

    def __call__(self, batch: Batch) -> Batch:
        """Return the numbers."""
        if self.key not in batch:
            raise missing_key(self.key, batch, "key")
        values = batch[self.key]
        values = values.tolist() if isinstance(values, Tensor) else values
        try:
            return {self.new_key: torch.tensor([self.numbers[value] for value in values])}
        except KeyError as error:
            raise self._unknown(error.args[0], values) from None

    def _unknown(self, value: Any, values: list[Any]) -> DataError:
        close = nearest(value, self.numbers) if isinstance(value, str) else ""
        return DataError(
            "key", f"'{self.key}' holds {value!r} in row {values.index(value)} of this batch, which is no category."
            f"{close}", f"Categories: {listed(self.numbers)}.",
        )  # fmt: skip


def _features(batch: Batch, key: str) -> Tensor:
    if key not in batch:
        raise missing_key(key, batch, "key")
    return batch[key].float()


def _moments(parts: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of every column `[rows, columns]`, over the values that are there.

    Means of parts are joined as by Chan, Golub and LeVeque (1979), in float64.
    """
    count = mean = squares = torch.zeros((), dtype=torch.float64)
    for part in parts:
        values, is_there = part.double(), ~part.isnan()
        here = is_there.sum(dim=0)
        own = values.nansum(dim=0) / here
        own_squares = (values - own).square().nansum(dim=0)
        own = torch.where(here > 0, own, mean)
        step, total = own - mean, count + here
        share = here / total.clamp(min=1)
        squares = squares + own_squares + step.square() * count * share
        mean, count = mean + step * share, total
    nothing = torch.where(count > 0, 0.0, torch.nan)
    return (mean + nothing).float(), (squares / count.clamp(min=1)).sqrt().add(nothing).float()
