"""Which data sets does each stage go through, and what are they called?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_core.data.splitting import SplitRule, divide
from ml_core.errors import ConfigError, listed, nearest
from ml_core.typing_aliases import DatasetLike
from ml_core.utils.pylogger import RankedLogger

log = RankedLogger(__name__, rank_zero_only=True)

SPLIT_OF_STAGE = {"train": "train", "val": "validation", "test": "test"}
"""What a stage uses where `splits` says nothing of it."""

Splits = Mapping[str, "str | Mapping[str, str] | None"]


@dataclass(frozen=True)
class StageSet:
    """A data set that a stage goes through.

    Attributes:
        name: What tells it from others of its stage, in log keys too; empty where it is the only one.
        split: The split that it is, or is taken from `train` as.
        rows: The data set.
    """

    name: str
    split: str
    rows: Any


def check_splits(splits: Splits, rule: SplitRule) -> None:
    """Refuse `splits` that no data could fit.

    Raises:
        ConfigError: If a stage does not exist, a value is no name, or something else chooses the same rows.
    """
    if not isinstance(splits, Mapping):
        raise ConfigError("splits", f"is {splits!r}, but must read {{stage: split}}.", "Stages: train, val, test.")
    for stage, value in splits.items():
        if stage not in SPLIT_OF_STAGE:
            raise ConfigError("splits", f"names no stage '{stage}'.{nearest(stage, SPLIT_OF_STAGE)}",
                              f"Stages: {listed(SPLIT_OF_STAGE)}.")  # fmt: skip
        _check_value(stage, value)
    _check_no_overlap(splits)
    if splits.get("val") and rule.has_folds:
        raise ConfigError("splits.val", "and fold exclude each other: both say what the validation split is.")
    if splits.get("test") and rule.test_ratio:
        raise ConfigError("splits.test", "and test_ratio exclude each other: both say what the test split is.")


def stage_sets(source: Mapping[str, DatasetLike], splits: Splits, rule: SplitRule) -> dict[str, list[StageSet]]:
    """Return the data sets of each stage that has some.

    A stage that `splits` does not name uses the split of its own name where there is one. Where there is none, or
    `splits` says null, its rows are taken from `train` as the rule says.

    Args:
        source: Splits by name.
        splits: `{stage: split}`, or `{stage: {name: split}}` for several data sets.
        rule: How `train` is divided.

    Raises:
        ConfigError: If a split does not exist, or the rule takes rows for a stage that has a split.
        DataError: If a part would be empty.
    """
    chosen = {stage: _chosen(stage, source, splits) for stage in SPLIT_OF_STAGE}
    _check_rule(rule, chosen)
    _tell_unused(source, splits, chosen)
    sets = {stage: _sets(stage, value, source) for stage, value in chosen.items() if value}
    if "train" in sets:
        is_taken = {name: not chosen[stage] for stage, name in SPLIT_OF_STAGE.items()}
        parts = divide(sets["train"][0].rows, rule, is_taken["validation"], is_taken["test"])
        for stage, name in SPLIT_OF_STAGE.items():
            if name in parts:
                split = sets[stage][0].split if stage in sets else name
                sets[stage] = [StageSet("", split, parts[name])]
    return sets


def _chosen(stage: str, source: Mapping[str, DatasetLike], splits: Splits) -> str | Mapping[str, str] | None:
    own = SPLIT_OF_STAGE[stage]
    return splits.get(stage, own if own in source else None)


def _sets(stage: str, value: str | Mapping[str, str], source: Mapping[str, DatasetLike]) -> list[StageSet]:
    names = value if isinstance(value, Mapping) else {"": value}
    for name, split in names.items():
        if split not in source:
            where = f"data.splits.{stage}.{name}" if name else f"data.splits.{stage}"
            raise ConfigError(where, f"there is no split '{split}'.{nearest(split, source)}",
                              f"Splits: {listed(source)}.")  # fmt: skip
    return [StageSet(str(name), split, source[split]) for name, split in names.items()]


def _tell_unused(source: Mapping[str, Any], splits: Splits, chosen: Mapping[str, Any]) -> None:
    """Warn of splits that no stage goes through, unless `splits` leaves them out by null."""
    used = {name for value in chosen.values() for name in (value.values() if isinstance(value, Mapping) else [value])}
    left_out = {SPLIT_OF_STAGE[stage] for stage, value in splits.items() if value is None}
    unused = [name for name in source if name not in used | left_out]
    if unused:
        free = next((stage for stage in ("val", "test") if not chosen[stage]), "val")
        log.warning("data: no stage uses the split %s; data.splits={%s: %s} would.", listed(unused), free, unused[0])


def _check_rule(rule: SplitRule, chosen: Mapping[str, Any]) -> None:
    if rule.test_ratio and chosen["test"]:
        raise _has_one("data.test_ratio", rule.test_ratio, "test", chosen["test"])
    if rule.has_folds and chosen["val"]:
        raise _has_one("data.fold", rule.fold, "val", chosen["val"])


def _has_one(where: str, value: Any, stage: str, split: str) -> ConfigError:
    instead = "data.fold=null data.num_folds=null" if where == "data.fold" else f"{where}=0"
    return ConfigError(
        where, f"is {value}, but the data has a split for {stage} already: '{split}'.",
        f"Keep that one: {instead}. Or set data.splits={{{stage}: null}} to leave it out.",
    )  # fmt: skip


def _check_value(stage: str, value: Any) -> None:
    where = f"splits.{stage}"
    if isinstance(value, Mapping):
        if stage == "train":
            raise ConfigError(where, "names several splits, but there is one to train on.", "Name one.")
        if not value:
            raise ConfigError(where, "is empty.", "Name a split, or several as {name: split}.")
        for name, split in value.items():
            if not name or "/" in str(name):
                raise ConfigError(where, f"'{name}' cannot stand in a log key such as {stage}/{name or '<name>'}/f1.")
            if not isinstance(split, str):
                raise ConfigError(f"{where}.{name}", f"is {split!r}, but must name a split of the data.")
    elif not isinstance(value, str) and not (value is None and stage != "train"):
        raise ConfigError(where, f"is {value!r}, but must name a split of the data.")


def _check_no_overlap(splits: Splits) -> None:
    train = splits.get("train", SPLIT_OF_STAGE["train"])
    for stage in ("val", "test"):
        value = splits.get(stage)
        if train in (value.values() if isinstance(value, Mapping) else [value]):
            raise ConfigError(f"splits.{stage}", f"is the split to train on, '{train}'.", "Take rows of it with "
                              f"{stage}_ratio and leave this out.")  # fmt: skip
