"""Would a step run with other keys, and what does its failure look like at the run's own batch size?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ml_core.batch import Pairs, select
from ml_core.wiring.dry_run.budget import TooMuch
from ml_core.wiring.dry_run.keys import UNKNOWN, Keys
from ml_core.wiring.dry_run.steps import Step, called

MOST_ELEMENTS_REPEATED = 5_000_000
"""Elements of a batch up to which a failure is worded at the run's own batch size."""

Run = Callable[[Step, Mapping[str, Any]], Mapping[str, Any]]
"""Runs a step on the values of a batch and returns its new keys."""


def trial(step: Step, keys: Keys, run: Run) -> Callable[[Pairs], bool]:
    """Return what tells whether a step runs when it reads other keys."""

    def works(pairs: Pairs) -> bool:
        values = {key: value for key, value in keys.values.items() if value is not UNKNOWN}
        try:
            if step.kind in ("criterion", "metric"):
                run(replace(step, pairs=pairs), values)
            else:
                called(step)(**select(values, pairs))
        except (Exception, TooMuch):  # whatever it is, this key does not do
            return False
        return True

    return works


def at_full_size(
    error: Exception, step: Step, values: dict[str, Any], keys: Keys, run: Run
) -> tuple[Exception, dict[str, Any]]:
    """Let a step fail again on a batch of the run's size, so that its message shows the run's shapes."""
    full = {key: _repeated(value, keys.rows, keys.size) for key, value in values.items()}
    elements = sum(value.numel() for value in full.values() if isinstance(value, Tensor))
    if keys.size == keys.rows or elements > MOST_ELEMENTS_REPEATED:
        return error, values
    try:
        run(step, full)
    except (Exception, TooMuch) as again:
        return (again, full) if type(again) is type(error) else (error, values)
    return error, values


def _repeated(value: Any, rows: int, size: int) -> Any:
    if isinstance(value, Tensor) and value.ndim and value.shape[0] == rows:
        return value[torch.arange(size) % rows]
    if isinstance(value, list) and len(value) == rows:
        return [value[index % rows] for index in range(size)]
    return value
