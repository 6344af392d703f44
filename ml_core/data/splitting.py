"""Which rows of a train split become the validation and the test split?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch.utils.data import Dataset, Subset

from ml_core.constants import DEFAULT_SPLIT_SEED
from ml_core.data.partitions import fold_numbers, latest_part, random_part, walk_forward
from ml_core.data.split_columns import class_numbers, times
from ml_core.errors import ConfigError, DataError, listed
from ml_core.utils.pylogger import RankedLogger

log = RankedLogger(__name__, rank_zero_only=True)

DEFAULT_VAL_RATIO = 0.1
TEST_STREAM = 1
"""Makes the random numbers of the test split others than those of the validation split, which must not move."""

COLUMNS = ("stratify_by", "group_by", "order_by")

Parts = dict[str, np.ndarray]
Cut = tuple[np.ndarray, np.ndarray]


class TooFewRowsError(ConfigError):
    """There are too few rows, or too few groups or times, to divide as the configuration asks.

    Attributes:
        num_rows: Number of rows that there are.
    """

    num_rows = 0


@dataclass(frozen=True)
class SplitRule:
    """How a train split is divided; always the same rows for the same rule and data, whatever else is random.

    Args:
        val_ratio: Share of the validation split; 0 for none.
        test_ratio: Share of the test split, which is taken first; 0 for none.
        stratify_by: Column whose values have the same shares in every part.
        group_by: Column whose values are each in one part alone.
        order_by: Column to split by in time: training has the earliest rows, the test split the latest.
        fold: Which of `num_folds` parts is the validation split, from 0, instead of `val_ratio`; with `order_by` the
            parts follow each other in time and training has what came before.
        num_folds: Number of parts.
        seed: Seed of the choice.

    Raises:
        ConfigError: If a value is out of range, or two exclude each other.
    """

    val_ratio: float = DEFAULT_VAL_RATIO
    test_ratio: float = 0.0
    stratify_by: str | None = None
    group_by: str | None = None
    order_by: str | None = None
    fold: int | None = None
    num_folds: int | None = None
    seed: int = DEFAULT_SPLIT_SEED

    def __post_init__(self) -> None:
        _check_share("val_ratio", self.val_ratio, "no validation")
        _check_share("test_ratio", self.test_ratio, "no test split of train's rows")
        if self.fold is None and self.num_folds is None:
            self._check_shares()
        else:
            self._check_fold()
        for name in ("stratify_by", "group_by"):
            if self.order_by is not None and getattr(self, name) is not None:
                raise ConfigError(
                    "order_by", f"splits in time, so {name} cannot choose rows too.", f"Set data.{name}=null."
                )

    @property
    def has_folds(self) -> bool:
        """Whether the validation split is one of several folds."""
        return self.fold is not None

    def by_chance(self) -> SplitRule:
        """Return a rule with the same shares that any rows fit."""
        return replace(self, stratify_by=None, group_by=None, order_by=None, fold=None, num_folds=None)

    def _check_shares(self) -> None:
        if self.val_ratio + self.test_ratio >= 1:
            raise ConfigError(
                "test_ratio", f"is {self.test_ratio:g} and val_ratio {self.val_ratio:g}, which leaves no rows to "
                "train on.", "Keep their sum below 1.",
            )  # fmt: skip

    def _check_fold(self) -> None:
        folds, fold = self.num_folds, self.fold
        if isinstance(folds, bool) or not isinstance(folds, int) or folds < 2:
            raise ConfigError("num_folds", f"is {folds!r}, but must be a whole number from 2 when there is a fold.")
        if isinstance(fold, bool) or not isinstance(fold, int) or not 0 <= fold < folds:
            raise ConfigError(
                "fold", f"is {fold!r}, but must be a whole number from 0 to {folds - 1}, as num_folds is {folds}."
            )
        if self.val_ratio not in (0, DEFAULT_VAL_RATIO):
            raise ConfigError(
                "val_ratio", f"is {self.val_ratio:g}, but with data.fold the validation split is one of {folds} folds.",
                "Set data.val_ratio=0 or data.fold=null data.num_folds=null.",
            )  # fmt: skip


def divide(rows: Any, rule: SplitRule, takes_validation: bool = True, takes_test: bool = False) -> dict[str, Any]:
    """Return `{"train": rows, "validation": rows, "test": rows}`, the last two where they are taken.

    Args:
        rows: Hugging Face `Dataset` or any map-style data set.
        rule: How it is divided.
        takes_validation: Whether a validation split is wanted, where the rule makes one.
        takes_test: Whether a test split is wanted, where the rule makes one.

    Raises:
        ConfigError: If a column does not exist or cannot be split by.
        DataError: If there are no rows at all.
        TooFewRowsError: If a part would be empty; names the parameter that asks for it.
    """
    takes_test = takes_test and rule.test_ratio > 0
    takes_validation = takes_validation and (rule.has_folds or rule.val_ratio > 0)
    if not (takes_test or takes_validation):
        if unused := [f"data.{name}" for name in COLUMNS if getattr(rule, name) is not None]:
            log.warning("%s: changes nothing, as no rows are split off train.", listed(unused))
        return {"train": rows}
    if not hasattr(rows, "__len__"):
        raise ConfigError(
            "data.hf_dict_dataset", "the split 'train' streams, so its rows cannot be chosen.",
            "Give the data a validation split, set data.val_ratio=0, or load it without streaming.",
        )  # fmt: skip
    parts = _Division(rows, rule).parts(takes_validation, takes_test)
    return {name: chosen_rows(rows, numbers) for name, numbers in parts.items()}


def chosen_rows(rows: Any, numbers: np.ndarray) -> Any:
    """Return some rows of a data set, by number."""
    if hasattr(rows, "select"):
        return rows.select(numbers, keep_in_memory=True)
    return ChosenRows(rows, numbers) if hasattr(rows, "column_names") else Subset(rows, numbers.tolist())


class ChosenRows(Dataset[dict[str, Any]]):
    """Some rows of a data set that hands out whole columns.

    Args:
        source: Has `column_names`, and gives the columns of a list of rows.
        rows: Row numbers.
    """

    def __init__(self, source: Any, rows: np.ndarray) -> None:
        self.source, self.rows = source, rows
        self.column_names = list(source.column_names)
        self.features = getattr(source, "features", {})

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        """Return a column by name, or the columns of one row or of several."""
        if isinstance(index, str):
            return np.asarray(self.source[index])[self.rows]
        return self.source[int(self.rows[index]) if isinstance(index, int) else self.rows[index].tolist()]


class _Division:
    """One division of a data set: reads the columns that it goes by once.

    Args:
        rows: The data set.
        rule: How it is divided.
    """

    def __init__(self, rows: Any, rule: SplitRule) -> None:
        self.rows, self.rule = rows, rule

    def parts(self, takes_validation: bool, takes_test: bool) -> Parts:
        """Return the row numbers of each part."""
        rule, count = self.rule, len(self.rows)
        left, parts = np.arange(count), {}
        if takes_test:
            self._require_rows(rule.test_ratio, "test_ratio", "test split", count)
            left, parts["test"] = self._share(left, rule.test_ratio, np.random.default_rng((rule.seed, TEST_STREAM)))
        if takes_validation and rule.has_folds:
            left, parts["validation"] = self._fold(left)
        elif takes_validation:
            self._require_rows(rule.val_ratio, "val_ratio", "validation", len(left))
            left, parts["validation"] = self._share(left, rule.val_ratio, np.random.default_rng(rule.seed))
        parts = {"train": left, **parts}
        for name, numbers in parts.items():
            if len(numbers) == 0:
                raise self._too_few(self._cause(), f"no rows are left for the {name} split.", self._why_empty())
        return parts

    def _share(self, left: np.ndarray, ratio: float, rng: np.random.Generator) -> Cut:
        """Return the rows that stay and those of a part, by its share of all rows."""
        size = int(np.ceil(len(self.rows) * ratio))
        if self.rule.order_by is not None:
            earlier, later = latest_part(self._times()[left], size)
            return left[earlier], left[later]
        part = random_part(len(left), size, rng, *self._labels_and_groups(left))
        return np.delete(left, part), left[part]

    def _fold(self, left: np.ndarray) -> Cut:
        rule, fold, num_folds = self.rule, int(self.rule.fold or 0), int(self.rule.num_folds or 0)
        needed = num_folds + (rule.order_by is not None)
        if len(left) < needed:
            raise self._too_few("data.num_folds", f"is {num_folds}, but there are {len(left)} rows: too few.")
        if rule.order_by is not None:
            before, after = walk_forward(self._times()[left], fold, num_folds)
            return left[before], left[after]
        folds = fold_numbers(len(left), num_folds, np.random.default_rng(rule.seed), *self._labels_and_groups(left))
        return left[folds != fold], left[folds == fold]

    def _require_rows(self, ratio: float, name: str, word: str, count: int) -> None:
        rows = len(self.rows)
        if not rows:
            raise DataError("data", "the train split is empty.")
        if not 0 < np.ceil(rows * ratio) < count:
            samples = f"{rows} sample{'s' if rows > 1 else ''}"
            raise self._too_few(
                f"data.{name}", f"is {ratio:g}, but the train split has {samples}: too few to split any off and keep "
                "some to train on.", f"Set data.{name}=0 for no {word}.",
            )  # fmt: skip

    def _labels_and_groups(self, left: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
        return self._classes("stratify_by", left), self._classes("group_by", left)

    def _classes(self, name: str, left: np.ndarray) -> np.ndarray | None:
        column = getattr(self.rule, name)
        if column is None:
            return None
        return np.unique(class_numbers(self.rows, column, f"data.{name}")[left], return_inverse=True)[1]

    def _times(self) -> np.ndarray:
        return times(self.rows, str(self.rule.order_by), "data.order_by")

    def _too_few(self, where: str, what: str, fix: str = "") -> TooFewRowsError:
        error = TooFewRowsError(where, what, fix)
        error.num_rows = len(self.rows)
        return error

    def _cause(self) -> str:
        """Return the parameter that leaves a part without rows."""
        rule = self.rule
        column = "group_by" if rule.group_by else "order_by" if rule.order_by else None
        return f"data.{column or ('num_folds' if rule.has_folds else 'val_ratio')}"

    def _why_empty(self) -> str:
        column = self.rule.group_by or self.rule.order_by
        return f"Rows of one '{column}' stay together: it has too few different values." if column else ""


def _check_share(name: str, value: Any, none: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ConfigError(name, f"is {value!r}, but must be a share from 0 ({none}) to below 1.")
