"""Are the arguments of a data module names that it takes, with values in range?"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch.utils.data import DataLoader

from ml_core.data.stage_sets import SPLIT_OF_STAGE
from ml_core.errors import ConfigError, listed, nearest


def check_arguments(own: set[str], options: Mapping[str, Any], refused: frozenset[str]) -> None:
    """Refuse arguments for `DataLoader` that are unknown or out of range.

    Args:
        own: Names of the data module's own parameters.
        options: The arguments.
        refused: Parameters of `DataLoader` that the data module sets itself.

    Raises:
        ConfigError: Names the argument, and the nearest one that exists.
    """
    taken = set(inspect.signature(DataLoader).parameters) - refused
    for key in options:
        if key not in taken:
            raise ConfigError(
                key,
                f"neither BaseDataModule nor DataLoader takes '{key}' here.{nearest(key, taken | own)}",
                f"They take: {listed(sorted(taken | own))}.",
            )
    _check_batch_size(options.get("batch_size", 1))
    _check_number("num_workers", options.get("num_workers", 0), 0)


def batch_size_of(options: Mapping[str, Any], stage: str) -> int:
    """Return the samples in a batch of a stage, over all devices; those of `train` where it has none of its own."""
    size = options.get("batch_size", 1)
    return int(size.get(stage, size["train"]) if isinstance(size, Mapping) else size)


def _check_batch_size(size: Any) -> None:
    if not isinstance(size, Mapping):
        _check_number("batch_size", size, 1)
        return
    for stage, value in size.items():
        if stage not in SPLIT_OF_STAGE:
            raise ConfigError(
                "batch_size", f"names no stage '{stage}'.{nearest(stage, SPLIT_OF_STAGE)}",
                f"Stages: {listed(SPLIT_OF_STAGE)}.",
            )  # fmt: skip
        _check_number(f"batch_size.{stage}", value, 1)
    if "train" not in size:
        raise ConfigError("batch_size.train", "is missing: the other stages take it where they have none of their own.")


def _check_number(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(name, f"is {value!r}, but must be a whole number from {least}.")
