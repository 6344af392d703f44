"""The one LightningDataModule: any data set with named splits becomes dict batches."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from ml_core.batch import Batch
from ml_core.constants import DEFAULT_SPLIT_SEED
from ml_core.data.batches import BatchedDataset, identity
from ml_core.data.sampling import EpochSampler
from ml_core.data.splitting import split_off
from ml_core.errors import ConfigError, DataError, listed, nearest
from ml_core.transforms.base import Transform

SPLIT_OF_STAGE = {"train": "train", "val": "validation", "test": "test"}
WORKER_ARGUMENTS = ("persistent_workers", "prefetch_factor", "timeout", "multiprocessing_context")


class BaseDataModule(LightningDataModule):
    """Data loaders over a Hugging Face `DatasetDict`, or any mapping of split names to data sets.

    Batches are dicts of column names to tensors, or to lists where a column cannot be stacked. A `validation` split
    is used where there is one; else `val_ratio` of `train` is split off, always the same rows for the same `seed`.
    A missing `test` split is never replaced.

    Args:
        hf_dict_dataset: The data, or a callable that loads it; in YAML the node is loaded in `prepare_data`.
        val_ratio: Share of `train` that becomes the validation split where there is none; 0 for no validation.
        transform: Deterministic, for every split; called once per batch.
        augment: Random, for the train split only, after `transform`; called once per batch.
        stratify_by: Label column whose shares the validation split keeps.
        seed: Seed of the validation split.
        **dataloader_kwargs: Arguments of `torch.utils.data.DataLoader`. `batch_size` is the global one, divided
            by the number of devices. `shuffle` and `drop_last` are for the train split. `collate_fn` takes a
            list of samples and returns a batch, before `transform`.

    Raises:
        ConfigError: If an argument is unknown or out of range, or `batch_size` cannot be divided.
        DataError: If a split is missing or empty when it is needed.
    """

    deferred_parameters: ClassVar[frozenset[str]] = frozenset({"hf_dict_dataset"})
    keywords_of: ClassVar[str] = "torch.utils.data.DataLoader"
    keywords_not: ClassVar[frozenset[str]] = frozenset({"dataset", "sampler", "batch_sampler", "generator"})

    def __init__(
        self,
        hf_dict_dataset: Mapping[str, Any] | Callable[[], Mapping[str, Any]],
        val_ratio: float = 0.1,
        transform: Transform | None = None,
        augment: Transform | None = None,
        stratify_by: str | None = None,
        seed: int = DEFAULT_SPLIT_SEED,
        **dataloader_kwargs: Any,
    ) -> None:
        super().__init__()
        _check_arguments(val_ratio, dataloader_kwargs)
        self.hf_dict_dataset = hf_dict_dataset
        self.val_ratio = val_ratio
        self.transform = transform
        self.augment = augment
        self.stratify_by = stratify_by
        self.seed = seed
        self.dataloader_kwargs = dataloader_kwargs
        self.splits: dict[str, Any] = {}

    @property
    def batch_size(self) -> int:
        """Samples in a batch, over all devices."""
        return int(self.dataloader_kwargs.get("batch_size", 1))

    @property
    def per_device_batch_size(self) -> int:
        """Samples in a batch on each device."""
        world_size = self.trainer.world_size if self.trainer else 1
        if self.batch_size % world_size:
            raise ConfigError(
                "data.batch_size",
                f"{self.batch_size} cannot be divided by the {world_size} devices.",
                "Use a multiple.",
            )
        return self.batch_size // world_size

    def prepare_data(self) -> None:
        """Load the data once per node, so that it is downloaded and prepared before every rank opens it."""
        self._load()

    def setup(self, stage: str | None = None) -> None:
        """Open the data and split it; the same splits whenever and wherever it is called."""
        self._load()

    def has_split(self, name: str) -> bool:
        """Whether the data has a split of this name (`train`, `validation`, `test`)."""
        return name in self._load()

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return batches of the train split, shuffled anew each epoch unless `shuffle` is false."""
        return self._loader("train")

    def val_dataloader(self) -> DataLoader[Batch] | list[DataLoader[Batch]]:
        """Return batches of the validation split; no loader where there is none."""
        return self._loader("val") if self.has_split("validation") else []

    def test_dataloader(self) -> DataLoader[Batch]:
        """Return batches of the test split."""
        return self._loader("test")

    def predict_dataloader(self) -> DataLoader[Batch]:
        """Return batches of the test split."""
        return self._loader("test")

    def _load(self) -> dict[str, Any]:
        if not self.splits:
            source = self.hf_dict_dataset() if callable(self.hf_dict_dataset) else self.hf_dict_dataset
            if not isinstance(source, Mapping):
                raise ConfigError(
                    "data.hf_dict_dataset",
                    f"gave a {type(source).__name__}, but must give named splits (a DatasetDict or mapping).",
                    "Load without `split=`.",
                )
            for name, rows in source.items():
                if not hasattr(rows, "__len__"):
                    raise ConfigError(
                        "data.hf_dict_dataset", f"the split '{name}' streams, so its rows cannot be chosen.",
                        "Load it without streaming.",
                    )  # fmt: skip
            self.splits = self._with_validation(dict(source))
        return self.splits

    def _with_validation(self, splits: dict[str, Any]) -> dict[str, Any]:
        if "validation" in splits or "train" not in splits or self.val_ratio == 0:
            return splits
        train, validation = split_off(splits["train"], self.val_ratio, self.seed, self.stratify_by)
        return {**splits, "train": train, "validation": validation}

    def _dataset(self, stage: str) -> BatchedDataset:
        name = SPLIT_OF_STAGE[stage]
        if not self.has_split(name):
            raise DataError("data", f"there is no {name} split.", f"Splits: {listed(self.splits)}.")
        if len(self.splits[name]) == 0:
            raise DataError("data", f"the {name} split is empty.")
        steps = [("data.transform", self.transform)] if self.transform else []
        if stage == "train" and self.augment:
            steps.append(("data.augment", self.augment))
        collate = self.dataloader_kwargs.get("collate_fn")
        return BatchedDataset(self.splits[name], steps, collate, name=f"data, split {name}")

    def _loader(self, stage: str) -> DataLoader[Batch]:
        dataset = self._dataset(stage)
        is_train = stage == "train"
        options = _usable(self.dataloader_kwargs) | {"batch_size": self.per_device_batch_size, "collate_fn": identity}
        shuffle = bool(options.pop("shuffle", True)) and is_train
        drop_last = bool(options.pop("drop_last", False)) and is_train
        if drop_last and len(dataset) < self.batch_size:
            raise DataError(
                "data",
                f"the train split has {len(dataset)} samples, less than one batch of {self.batch_size}.",
                "Lower data.batch_size or set data.drop_last=false.",
            )
        sampler = EpochSampler(
            dataset,
            num_replicas=self.trainer.world_size if self.trainer else 1,
            rank=self.trainer.global_rank if self.trainer else 0,
            shuffle=shuffle,
            seed=int(os.environ.get("PL_GLOBAL_SEED", 0)),
        )
        if self.trainer:
            # A resumed run makes its loaders before Lightning tells them the epoch, and workers fetch at once.
            sampler.set_epoch(self.trainer.fit_loop.epoch_progress.current.processed)  # type: ignore[attr-defined]
        return DataLoader(dataset, sampler=sampler, generator=sampler.generator, drop_last=drop_last, **options)


def _usable(options: Mapping[str, Any]) -> dict[str, Any]:
    """Drop what torch refuses without workers, and pinning where there is nothing to pin for."""
    usable = dict(options)
    if not usable.get("num_workers"):
        for name in WORKER_ARGUMENTS:
            usable.pop(name, None)
    if usable.get("pin_memory") and not torch.accelerator.is_available():
        usable["pin_memory"] = False
    return usable


def _check_arguments(val_ratio: float, options: Mapping[str, Any]) -> None:
    if isinstance(val_ratio, bool) or not isinstance(val_ratio, (int, float)) or not 0 <= val_ratio < 1:
        raise ConfigError("val_ratio", f"is {val_ratio!r}, but must be a share from 0 (no validation) to below 1.")
    taken = set(inspect.signature(DataLoader).parameters) - BaseDataModule.keywords_not
    own = set(inspect.signature(BaseDataModule).parameters) - {"dataloader_kwargs"}
    for key in options:
        if key not in taken:
            raise ConfigError(
                key,
                f"neither BaseDataModule nor DataLoader takes '{key}' here.{nearest(key, taken | own)}",
                f"They take: {listed(sorted(taken | own))}.",
            )
    for key, least in (("batch_size", 1), ("num_workers", 0)):
        value = options.get(key, least)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigError(key, f"is {value!r}, but must be a whole number from {least}.")
