"""What do transforms learn from the data before they are used: the means of a table, say?

Only from the train split, so that nothing of what is validated or tested on leaks into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from ml_core.batch import Batch
from ml_core.data.batches import BatchedDataset
from ml_core.data.streaming import is_stream
from ml_core.data.streaming.stage import one_pass
from ml_core.errors import UserError
from ml_core.transforms.base import ComposeTransform, Transform

ROWS_AT_A_TIME = 4096


def fit_transform(
    transform: Transform | None, rows: Any | None, collate: Any = None, name: str = "data.transform"
) -> None:
    """Let every step that learns from data learn from rows, each after what the steps before it made of them.

    A step learns if it has a method `fit` that takes batches, and says so by `is_fitted_to_data`.

    Args:
        transform: The transform; its steps if it is a `ComposeTransform`.
        rows: The train split; without one nothing is learnt.
        collate: As for `BatchedDataset`.
        name: YAML path of the transform.

    Raises:
        UserError: If a step cannot learn from the rows.
    """
    steps = list(_steps(transform, name)) if transform is not None and rows is not None else []
    for number, (path, step) in enumerate(steps):
        if getattr(step, "is_fitted_to_data", False):
            try:
                step.fit(_batches(rows, steps[:number], collate))  # type: ignore[attr-defined]
            except UserError as error:
                if not error.where.startswith(("data", name)):
                    error.within(path)
                raise


def fitted_state(transform: Transform | None, name: str = "data.transform") -> dict[str, Any]:
    """Return what the steps of a transform have learnt, by their paths."""
    return {path: step.state_dict() for path, step in _learners(transform, name)}  # type: ignore[attr-defined]


def load_fitted_state(transform: Transform | None, state: dict[str, Any], name: str = "data.transform") -> None:
    """Give the steps of a transform what those of the same paths had learnt."""
    for path, step in _learners(transform, name):
        if path in state:
            step.load_state_dict(state[path])  # type: ignore[attr-defined]


def _learners(transform: Transform | None, name: str) -> Iterator[tuple[str, Transform]]:
    for path, step in _steps(transform, name) if transform is not None else ():
        if getattr(step, "is_fitted_to_data", False):
            yield path, step


def _steps(transform: Transform, name: str) -> Iterator[tuple[str, Transform]]:
    """Yield `(YAML path, transform)` of the single steps, in order."""
    if not isinstance(transform, ComposeTransform):
        yield name, transform
        return
    for step in transform.names:
        yield from _steps(transform[step], f"{name}.{step}")


def _batches(rows: Any, steps: Sequence[tuple[str, Transform]], collate: Any) -> Iterator[Batch]:
    name = "data, split train"
    with torch.no_grad():
        if is_stream(rows):
            yield from one_pass(rows, steps, collate, name, ROWS_AT_A_TIME)
            return
        dataset = BatchedDataset(rows, steps, collate, name)
        for start in range(0, len(dataset), ROWS_AT_A_TIME):
            yield dataset.__getitems__(_numbers(start, len(dataset)))


def _numbers(start: int, end: int) -> list[int]:
    return list(range(start, min(start + ROWS_AT_A_TIME, end)))
