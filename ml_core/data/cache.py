"""What a transform makes of a data set, decoded once and then read from a file: `data.cache`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ml_core.data.bad_rows import FIX, shown
from ml_core.data.cache_build import build_once, is_there, source_of
from ml_core.data.cache_file import IS_BAD, Layout, mapped
from ml_core.data.cache_plan import planned
from ml_core.data.decoding import decoded, takes_pixels, to_pil
from ml_core.data.fingerprint import fingerprint
from ml_core.data.left_out import LeftOut
from ml_core.errors import DataError, listed
from ml_core.transforms.base import Transform
from ml_core.transforms.fusion import Steps, single_steps
from ml_core.utils.pylogger import RankedLogger

log = RankedLogger(__name__)


def cached(
    rows: Any,
    steps: Steps,
    folder: bool | str | Path,
    split: str,
    name: str = "",
    left_out: LeftOut | None = None,
    until: str | None = None,
) -> tuple[Any, list[tuple[str, Transform]]]:
    """Return rows that come from a cache, and the steps that remain; build the cache where there is none.

    The cache holds what the deterministic steps leave while it is compact (8-bit images, whole numbers), and source
    columns of one shape. Its name tells the contents of the data and the steps behind it, so that it is not found
    when either has changed. It is built by one process while the others wait.

    Args:
        rows: Hugging Face `Dataset` or any map-style data set whose samples are dicts.
        steps: `(YAML path, transform)`, deterministic.
        folder: Folder of caches; True for `ml_core` in the folder of prepared data sets (`HF_DATASETS_CACHE`).
        split: Name of the split; file names begin with it.
        name: YAML path and split, for messages.
        left_out: Gets the bad rows where they are left out (`data.on_bad`); such a cache knows which they are.
        until: Name of the last step that is kept, with the floats that it leaves; None for the last compact one.

    Raises:
        ConfigError: If data or steps hold something that cannot be compared from run to run, or `until` is no step
            that can be kept.
        DataError: If rows cannot be read.
        StepError: If a step fails, or a row has another shape than the others.
        StorageError: If the folder cannot be written to, or is full.
    """
    steps = single_steps(steps)
    plan = planned(rows, steps, name, left_out, until)
    if not plan.columns:
        log.warning("data.cache: %s has no column of one shape, so nothing of it can be kept.", name)
        return rows, list(steps)
    if plan.random:
        log.warning(
            "data.cache: %s draws random numbers, so neither it nor what follows from it is kept. Random steps belong "
            "into data.augment.",
            listed(plan.random),
        )
    columns = plan.columns if left_out is None else (*plan.columns, IS_BAD)
    key = fingerprint(len(rows), rows, [step for _, step in plan.kept], list(map(repr, columns)))
    layout = Layout(key, len(rows), columns)
    path = (default_folder() if folder is True else Path(str(folder))) / f"{split}-{key}.cache"
    if not is_there(path, layout):
        build_once(path, layout, source_of(rows, plan, name, left_out), name)
    return CachedRows(path, layout, _beside(rows, plan.beside), name), list(plan.replayed)


def default_folder() -> Path:
    """Return the folder of `data.cache=true`."""
    from datasets import config

    return Path(config.HF_DATASETS_CACHE) / "ml_core"


class CachedRows:
    """Rows of a cache file, as a data set for `BatchedDataset`; it is pickled as its file name.

    Args:
        path: The file.
        layout: What it holds.
        beside: Data set with the columns that are not kept; None where there are none.
        name: YAML path and split, for messages.

    Raises:
        DataError: When rows are asked for that were bad when the cache was built.
    """

    def __init__(self, path: Path, layout: Layout, beside: Any = None, name: str = "") -> None:
        self.path, self.layout, self.beside, self.name = path, layout, beside, name
        self.as_pixels: frozenset[str] = frozenset()
        self._open()
        self._modes = {column.name: column.mode for column in layout.columns if column.mode}

    @property
    def column_names(self) -> list[str]:
        """Names of the columns."""
        return [*self._tensors, *(self.beside.column_names if self.beside is not None else ())]

    def handing_over(self, steps: Steps) -> CachedRows:
        """Return the same rows with images as a stack of bytes where the steps take those, else as PIL images."""
        rows = CachedRows(self.path, self.layout, self.beside, self.name)
        rows.as_pixels = frozenset(key for key in self._modes if takes_pixels(steps, key))
        return rows

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.layout.rows

    def __getitem__(self, indices: Sequence[int] | Tensor | int) -> dict[str, Any]:
        """Return the columns of these rows; the cells of one."""
        if isinstance(indices, int):
            return {key: values[0] for key, values in self[[indices]].items()}
        chosen = indices if isinstance(indices, Tensor) else torch.from_numpy(np.array(indices, dtype=np.int64))
        if self._is_bad is not None:
            self._refuse_bad(chosen)
        columns: dict[str, Any] = {key: values.index_select(0, chosen) for key, values in self._tensors.items()}
        for key in self._modes.keys() - self.as_pixels:
            columns[key] = [to_pil(image) for image in columns[key]]
        return columns if self.beside is None else columns | self.beside[chosen.tolist()]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_tensors": None, "_is_bad": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def _open(self) -> None:
        self._tensors = mapped(self.path, self.layout)
        is_bad = self._tensors.pop(IS_BAD.name, None)
        self._is_bad = is_bad if is_bad is not None and is_bad.any() else None

    def _refuse_bad(self, rows: Tensor) -> None:
        assert self._is_bad is not None
        if len(bad := rows[self._is_bad[rows]].tolist()):
            error = DataError(self.name, f"bad when the cache was built: rows {shown(bad)}.", FIX)
            error.rows = bad
            raise error


def _beside(rows: Any, names: tuple[str, ...]) -> Any:
    """Return a data set with only these columns; None where there are none."""
    if not names:
        return None
    return decoded(rows.select_columns(list(names)), ()) if hasattr(rows, "select_columns") else _Chosen(rows, names)


class _Chosen:
    """Some columns of a data set whose samples are dicts."""

    def __init__(self, rows: Any, column_names: tuple[str, ...]) -> None:
        self.rows, self.column_names = rows, column_names

    def __getitem__(self, indices: list[int]) -> dict[str, list[Any]]:
        samples = [self.rows[index] for index in indices]
        return {name: [sample[name] for sample in samples] for name in self.column_names}
