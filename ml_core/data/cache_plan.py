"""Which steps of a transform can be kept, and which are done again for every batch?

A step is kept where its result follows from each row alone, and where what it leaves in the batch is compact: whole
numbers, or 8-bit images, of one shape. So a cache holds bytes, and floats are made of them batch by batch.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ml_core.batch import Batch
from ml_core.data.batches import BatchedDataset
from ml_core.data.cache_file import DTYPES, Column
from ml_core.data.decoding import MODES, decoded, image_columns
from ml_core.data.left_out import LeftOut
from ml_core.errors import ConfigError, listed, nearest
from ml_core.transforms.base import Transform, stack_rows
from ml_core.transforms.fusion import Steps
from ml_core.transforms.image import pixels_of

PROBED_ROWS = 4
TRANSFORM = "data.transform"


@dataclass(frozen=True)
class Plan:
    """What a cache holds of a data set and its transform.

    Attributes:
        kept: Steps whose results are kept.
        replayed: Steps that every batch goes through.
        columns: What is kept.
        beside: Columns that cannot be kept, such as strings and lists of several lengths: they are read of the data
            set every time.
        random: YAML paths of the steps that draw random numbers.
    """

    kept: tuple[tuple[str, Transform], ...]
    replayed: tuple[tuple[str, Transform], ...]
    columns: tuple[Column, ...]
    beside: tuple[str, ...]
    random: tuple[str, ...]


@dataclass(frozen=True)
class _Trial:
    """What a step did with some rows."""

    reads: frozenset[str] | None
    made: Mapping[str, Any]
    draws: bool
    is_by_row: bool


def planned(rows: Any, steps: Steps, name: str = "", left_out: LeftOut | None = None, until: str | None = None) -> Plan:
    """Try the steps on some rows, from all over the data set, and return what can be kept.

    Args:
        rows: The data set.
        steps: Single steps of `data.transform`.
        name: YAML path and split, for messages.
        left_out: Gets the bad rows, where these are left out.
        until: Name of the last step that is kept, with the floats that it leaves; None for the last compact one.

    Raises:
        ConfigError: If there is no such step, or one up to it cannot be kept.
        DataError: If the rows cannot be read.
        StepError: If a step fails on them.
    """
    last = None if until is None else _position(steps, until)
    source = decoded(rows, steps)
    with _same_random_numbers():
        chosen = _good_rows(BatchedDataset(source, steps, None, name, left_out), len(rows))
        first = BatchedDataset(source, (), None, name).__getitems__(chosen)
        trials = list(_tried(steps, first))
    kept, columns = _kept(trials, {key: first[key] for key in first if key not in ragged_columns(rows)}, rows, last)
    for i in range(0 if last is None else last + 1):
        if i not in kept:
            raise _not_kept(until, steps[i][0], trials[i])
    return Plan(
        kept=tuple(steps[i] for i in kept),
        replayed=tuple(step for i, step in enumerate(steps) if i not in kept),
        columns=columns,
        beside=tuple(key for key in first if key not in {column.name for column in columns}),
        random=tuple(path for (path, _), trial in zip(steps, trials, strict=True) if trial.draws),
    )


def column_of(name: str, value: Any, rows: int) -> Column | None:
    """Return how a column of a batch is kept: tensors, and PIL images of one size and mode; None for others."""
    mode = None
    if isinstance(value, list) and value:
        pixels = None if isinstance(value[0], Tensor) else pixels_of(value)
        mode = None if pixels is None else MODES[pixels.shape[1]]
        value = stack_rows(value) if pixels is None else pixels
    if not isinstance(value, Tensor) or value.ndim == 0 or len(value) != rows or value.is_sparse:
        return None
    dtype = str(value.dtype).removeprefix("torch.")
    return Column(name, dtype, tuple(value.shape[1:]), mode) if dtype in DTYPES else None


def _good_rows(dataset: BatchedDataset, size: int) -> list[int]:
    """Return rows from all over a data set that the steps can take; says what is wrong with them where they cannot."""
    rows = [index * (size - 1) // (PROBED_ROWS - 1) for index in range(PROBED_ROWS)]
    dataset.__getitems__(rows)
    bad = set(dataset.left_out.rows()) if dataset.left_out else set()
    good = [row for row in rows if row not in bad] or [next(row for row in range(size) if row not in bad)]
    return (good * PROBED_ROWS)[:PROBED_ROWS]


def _tried(steps: Steps, batch: Batch) -> Iterator[_Trial]:
    for _, step in steps:
        before = _states()
        made = {key: value for key, value in step(batch).items() if value is not batch.get(key)}
        draws = _states() != before
        reads = getattr(step, "reads", None)
        yield _Trial(None if reads is None else frozenset(reads), made, draws, _is_by_row(step, batch, made))
        batch = {**batch, **made}


def _is_by_row(step: Transform, batch: Batch, made: Mapping[str, Any]) -> bool:
    """Whether each row alone gives what it gives in the batch; padding says itself that it does not."""
    if getattr(step, "depends_on_batch", False):
        return False
    for row in range(PROBED_ROWS):
        try:
            alone = step({key: _row(value, row) for key, value in batch.items()})
        except Exception:  # it works on batches alone
            return False
        if not all(key in alone and _is_same(_row(value, row), alone[key]) for key, value in made.items()):
            return False
    return True


def _row(values: Any, row: int) -> Any:
    is_column = hasattr(values, "__len__") and not isinstance(values, (str, bytes)) and len(values) == PROBED_ROWS
    return values[row : row + 1] if is_column else values


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        if one.dtype != other.dtype or one.shape != other.shape:
            return False
        return torch.allclose(one, other, equal_nan=True) if one.is_floating_point() else torch.equal(one, other)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray) or type(one).__module__.startswith("PIL."):
        arrays = np.asarray(one), np.asarray(other)
        return arrays[0].shape == arrays[1].shape and arrays[0].tobytes() == arrays[1].tobytes()
    return bool(one == other)


def ragged_columns(rows: Any) -> set[str]:
    """Return the columns of a Hugging Face data set whose lists have several lengths; reads no values."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = getattr(getattr(rows, "data", None), "table", None)
    if table is None:
        return set()
    lists = [field.name for field in table.schema if pa.types.is_list(field.type)]
    return {name for name in lists if len(pc.unique(pc.list_value_length(table.column(name)))) > 1}


def _position(steps: Steps, until: str) -> int:
    """Return the number of the last step of that name."""
    names = [path.removeprefix(f"{TRANSFORM}.") for path, _ in steps]
    found = [i for i, name in enumerate(names) if name == until or name.startswith(f"{until}.")]
    if not found:
        what = f"data.transform has no step '{until}'.{nearest(until, names)}"
        raise ConfigError("data.cache_until", what, f"Steps: {listed(dict.fromkeys(names))}.")
    return found[-1]


def _not_kept(until: str | None, path: str, trial: _Trial) -> ConfigError:
    reason = "what it leaves is no tensor of one shape, or comes of a step that is not kept"
    if not trial.is_by_row:
        reason = "it gives other results for a row alone than in a batch"
    if trial.draws:
        reason = "it draws random numbers"
    what = f"is '{until}', but {path} cannot be kept: {reason}."
    return ConfigError("data.cache_until", what, "Name an earlier step, or null for the last one with compact results.")


def _kept(trials: Sequence[_Trial], first: Batch, rows: Any, last: int | None) -> tuple[list[int], tuple[Column, ...]]:
    """Return the steps that are kept and the columns that they leave.

    From all steps that can be kept, the last one that leaves something that is not compact is taken out, with those
    that need it, until there is none. Floats are not compact, unless the last step to keep is given.
    """
    chosen = {
        i for i, trial in enumerate(trials) if trial.is_by_row and not trial.draws and (last is None or i <= last)
    }
    while True:
        kept = _closed(trials, chosen)
        writer = {key: i for i in kept for key in trials[i].made}
        columns = {key: column_of(key, trials[i].made[key], PROBED_ROWS) for key, i in writer.items()}
        large = [writer[k] for k, c in columns.items() if c is None or (last is None and "float" in c.dtype)]
        if not large:
            break
        chosen -= {max(large)}
    images = image_columns(rows)
    for key, value in first.items():
        if key not in columns:
            column = column_of(key, value, PROBED_ROWS)
            is_stack = key in images and isinstance(value, Tensor)
            columns[key] = replace(column, mode=MODES[value.shape[1]]) if column and is_stack else column
    keys = dict.fromkeys((*first, *columns))
    return kept, tuple(column for key in keys if (column := columns[key]))


def _closed(trials: Sequence[_Trial], chosen: set[int]) -> list[int]:
    """Return those of the chosen steps that may run before all others without changing any result."""
    kept: list[int] = []
    changed: set[str] = set()  # by steps that are not kept
    touched: set[str] | None = set()  # by those; None once one of them may have read anything
    for i, trial in enumerate(trials):
        reads_changed = bool(changed) if trial.reads is None else bool(trial.reads & changed)
        if i in chosen and touched is not None and not reads_changed and not touched & set(trial.made):
            kept.append(i)
        else:
            changed |= set(trial.made)
            touched = None if touched is None or trial.reads is None else touched | trial.reads | set(trial.made)
    return kept


def _states() -> tuple[Any, ...]:
    """Return the states of the global generators."""
    of_numpy: Any = np.random.get_state()  # noqa: NPY002
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), of_numpy[1].tobytes(), of_numpy[2]


@contextmanager
def _same_random_numbers() -> Iterator[None]:
    """Leave the global generators as they were."""
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        random.setstate(states[1])
        np.random.set_state(states[2])  # noqa: NPY002
