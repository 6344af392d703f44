"""What do some rows of each split look like, without preparing or downloading a data set?"""

from __future__ import annotations

import functools
import inspect
import itertools
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml_core.batch import Batch
from ml_core.data.base_datamodule import BaseDataModule
from ml_core.data.batches import BatchedDataset
from ml_core.data.sampling import Sampling, make_sampler
from ml_core.data.streaming import StreamedBatches
from ml_core.errors import ConfigError
from ml_core.transforms.base import Transform

ROWS = 2
PEEKED_ROWS = 32
"""Rows that are taken of a local source that is not prepared yet; enough to split a validation part off."""

LOADER = "datasets.load.load_dataset"
READERS = ("csv", "json", "parquet", "text")
NOT_FOR_BUILDERS = ("split", "verification_mode", "keep_in_memory", "save_infos", "streaming", "num_proc", "cache_dir")


@dataclass
class SomeRows:
    """Some rows of a split.

    Attributes:
        batch: The rows, before any transform.
        steps: `(YAML path, transform)` that its stage applies.
        classes: Number of classes of the columns that tell it.
    """

    batch: Batch
    steps: list[tuple[str, Transform]]
    classes: dict[str, int] = field(default_factory=dict)


def some_rows(datamodule: BaseDataModule, stage: str, count: int = ROWS) -> list[SomeRows]:
    """Return rows of each data set that a stage uses, from all over it; nothing where it has none.

    Args:
        datamodule: The data.
        stage: The stage.
        count: Number of rows; a split that has less gives some again.

    Raises:
        DataError: If a split is empty, or there is none for training.
        ConfigError: If the sampler does not fit the columns.
    """
    if stage != "train" and not datamodule.has_stage(stage):
        return []
    if stage == "train" and datamodule.sampler is not None:
        _try_sampler(datamodule.sampler, datamodule._rows(stage)[0].rows)
    return [_some_rows(datamodule._dataset(stage, part), count) for part in datamodule._rows(stage)]


def _try_sampler(sampling: Sampling, rows: Any) -> None:
    try:
        make_sampler(sampling, rows)
    except ConfigError as error:
        if not error.where.endswith("num_samples"):  # whether there are enough, the first rows do not tell
            raise


def _some_rows(dataset: BatchedDataset | StreamedBatches, count: int) -> SomeRows:
    if isinstance(dataset, StreamedBatches):
        return SomeRows(dataset.first(count), list(dataset.steps), _classes(dataset.stream))
    rows = [index * len(dataset) // count for index in range(count)]
    batch = BatchedDataset(dataset.source, (), dataset.collate, dataset.name, dataset.left_out).__getitems__(rows)
    return SomeRows(batch, list(dataset.steps), _classes(dataset.source))


def peeked(target: Callable[..., Any]) -> Callable[..., Any]:
    """Return what loads a few rows in the place of a function of `datasets` that would prepare all of them.

    A data set that is prepared already is opened as usual; so is one of the Hub, which the check looks for in the
    cache alone. Other targets are returned as they are.
    """
    module, name = getattr(target, "__module__", ""), getattr(target, "__qualname__", "")
    if f"{module}.{name}" == LOADER:
        return functools.wraps(target)(functools.partial(_peek, target))
    owner, _, method = name.partition(".from_")
    if str(module).startswith("datasets.") and owner in ("Dataset", "DatasetDict") and method in READERS:
        return functools.wraps(target)(functools.partial(_peek_files, method, owner == "DatasetDict"))
    return target


def _peek_files(kind: str, is_dict: bool, path_or_paths: Any, **kwargs: Any) -> Any:
    import datasets

    given = {"data_files": path_or_paths, "split": None if is_dict else kwargs.pop("split", None) or "train"}
    return _peek(datasets.load_dataset, kind, **given, **kwargs)


def _peek(load: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return the first rows of each split, streamed from local files into memory."""
    from datasets import config, load_dataset_builder

    given = dict(inspect.signature(load).bind(*args, **kwargs).arguments)
    extra = given.pop("config_kwargs", {})
    if given.get("streaming") or not _is_local(given["path"]):
        return load(*args, **kwargs)
    with tempfile.TemporaryDirectory() as folder:
        wanted = {key: value for key, value in given.items() if key not in NOT_FOR_BUILDERS}
        builder = load_dataset_builder(**wanted, **extra, cache_dir=folder)
        cache = Path(given.get("cache_dir") or config.HF_DATASETS_CACHE)
        if (cache / os.path.relpath(builder.cache_dir, folder) / config.DATASET_INFO_FILENAME).exists():
            return load(*args, **kwargs)
        stream = builder.as_streaming_dataset(_without_slice(given.get("split")))
        if isinstance(stream, Mapping):
            return {name: _taken(rows) for name, rows in stream.items()}
        return _taken(stream)


def _is_local(path: str) -> bool:
    from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES

    return path in _PACKAGED_DATASETS_MODULES or os.path.exists(path)


def _without_slice(split: Any) -> Any:
    return split.partition("[")[0] if isinstance(split, str) else split


def _taken(stream: Any) -> Any:
    from datasets import Dataset

    return Dataset.from_list(list(itertools.islice(stream, PEEKED_ROWS)), features=stream.features)


def _classes(source: Any) -> dict[str, int]:
    features = getattr(source, "features", None) or {}
    counts = {name: getattr(feature, "num_classes", None) for name, feature in features.items()}
    return {name: count for name, count in counts.items() if count}
