"""How are the same batches made sooner: from a cache, decoded together, scaled in one go?"""

from __future__ import annotations

import copy
from pathlib import Path

from ml_core.data.batches import BatchedDataset
from ml_core.data.cache import CachedRows, cached
from ml_core.data.decoding import decoded
from ml_core.errors import ConfigError
from ml_core.transforms.fusion import fused, single_steps

RANDOM = "data.augment"


def with_shortcuts(dataset: BatchedDataset, cache: bool | str, split: str, until: str | None = None) -> BatchedDataset:
    """Return a data set with the same batches, whatever `cache` is.

    Args:
        dataset: The rows and their steps; `data.augment` is the one that is random.
        cache: True or a folder to read the rows of a cache, which is built if need be; see `cached`.
        split: Name of the split.
        until: Last step whose result the cache keeps; see `cached`.

    Raises:
        ConfigError: If there is a cache and a collate function.
    """
    fast = copy.copy(dataset)
    rows = dataset.source
    fixed = [step for step in dataset.steps if step[0] != RANDOM]
    augment = [step for step in dataset.steps if step[0] == RANDOM]
    if cache:
        if dataset.collate is not None:
            raise ConfigError(
                "data.cache",
                "cannot be used with data.collate_fn, which makes a batch of whole samples: nothing before it is kept.",
                "Leave out one of them.",
            )
        rows, fixed = cached(rows, fixed, cache, split, dataset.name, dataset.left_out, until)
    steps = single_steps([*fixed, *augment])
    if isinstance(rows, CachedRows):
        rows = rows.handing_over(steps)
    elif dataset.collate is None:
        rows = decoded(rows, steps)
    fast.source, fast.steps = rows, tuple(fused(steps))
    return fast


def check_cache(cache: bool | str, until: str | None = None) -> bool | str:
    """Return a value for `data.cache`; raise ConfigError if it is none, or `data.cache_until` stands without one."""
    if until is not None and not cache:
        raise ConfigError("cache_until", f"is {until!r}, which says nothing without a cache.", "Set data.cache=true.")
    if isinstance(cache, bool) or (isinstance(cache, (str, Path)) and str(cache)):
        return cache
    raise ConfigError("cache", f"is {cache!r}, but must be true, false or a folder.")
