"""What numbers does a network get, and are they numbers?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ml_core.errors import DataError, NumericsError, UserError, listed
from ml_core.wiring.dry_run.keys import DATA, Keys
from ml_core.wiring.dry_run.steps import Step
from ml_core.wiring.findings import Note

FARTHEST_MEAN, WIDEST, NARROWEST = 5.0, 10.0, 0.01
"""Mean and spread between which an input counts as normalised."""


@dataclass(frozen=True)
class InputStatistics:
    """The values of a key that a network reads, over one batch.

    Attributes:
        key: The batch key.
        maker: Path of the step that made it.
        mean: Their mean.
        spread: Their standard deviation.
        least: The smallest.
        most: The largest.
    """

    key: str
    maker: str
    mean: float
    spread: float
    least: float
    most: float

    @property
    def is_normalised(self) -> bool:
        """Whether mean and spread are what a network can learn from."""
        return abs(self.mean) <= FARTHEST_MEAN and NARROWEST <= self.spread <= WIDEST

    def __str__(self) -> str:
        return f"mean {self.mean:.3g}, spread {self.spread:.3g}, from {self.least:.3g} to {self.most:.3g}"


def input_statistics(steps: Sequence[Step], keys: Keys) -> Iterator[InputStatistics]:
    """Yield the statistics of what comes from the data and is read by a network, integers left out."""
    for key in dict.fromkeys(key for step in steps if step.kind == "network" for key in step.reads or ()):
        value = keys.values.get(key)
        is_of_data = keys.makers.get(key, "").split(".")[0] == DATA
        if isinstance(value, Tensor) and value.is_floating_point() and is_of_data and value.numel() > 1:
            flat = value.detach().float()
            numbers = (flat.mean(), flat.std(), flat.min(), flat.max())
            yield InputStatistics(key, keys.makers[key], *(float(number) for number in numbers))


def normalisation_notes(statistics: Sequence[InputStatistics]) -> Iterator[Note]:
    """Yield the inputs that are far from mean 0 and spread 1."""
    for found in statistics:
        if not found.is_normalised:
            yield Note(found.maker, f"gives the network '{found.key}' that is not normalised: {found}.")


def not_finite(step: Step, given: Mapping[str, Any], made: Mapping[str, Any]) -> UserError | None:
    """Return the error for a step that makes of finite values some that are not."""
    bad = [f"'{key}' ({_count(value)})" for key, value in made.items() if _count(value)]
    is_own = all(not _count(given[key]) for key in step.reads or given if key in given)
    if not bad or not is_own:
        return None
    kind = DataError if step.path.split(".")[0] == DATA else NumericsError
    return kind(step.path, f"makes nan or inf of finite values: {listed(bad)}.", "")


def not_finite_columns(keys: Keys, stage: str) -> DataError | None:
    """Return the error for data that is not finite."""
    bad = [f"'{key}' ({_count(value)})" for key, value in keys.values.items() if _count(value)]
    if not bad:
        return None
    return DataError(DATA, f"has nan or inf in {stage}: {listed(bad)}.", "Correct or leave out these rows.")


def _count(value: Any) -> str:
    """Return `3 of 640` numbers that are not finite; nothing where all are."""
    if not isinstance(value, Tensor) or not value.is_floating_point():
        return ""
    bad = int(value.detach().isfinite().logical_not().sum())
    return f"{bad} of {value.numel()}" if bad else ""
