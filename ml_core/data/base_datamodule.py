"""The one LightningDataModule: any data set with named splits becomes dict batches."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from ml_core.batch import Batch
from ml_core.constants import DEFAULT_SPLIT_SEED
from ml_core.data.arguments import batch_size_of, check_arguments
from ml_core.data.batches import BatchedDataset
from ml_core.data.fitting import fit_transform, fitted_state, load_fitted_state
from ml_core.data.left_out import LeftOut, OnBad, check_policy, left_out
from ml_core.data.loading import build_loader, plain_loader, position_of, resume_at
from ml_core.data.on_device import DeviceSteps
from ml_core.data.opening import open_source
from ml_core.data.sampling import Sampling, check_sampling, make_sampler
from ml_core.data.shortcuts import check_cache, with_shortcuts
from ml_core.data.splitting import DEFAULT_VAL_RATIO, SplitRule
from ml_core.data.stage_sets import SPLIT_OF_STAGE, Splits, StageSet, check_splits, stage_sets
from ml_core.data.streaming import StreamedBatches, is_stream, streamed
from ml_core.data.streaming.left_out import left_out_of_stream
from ml_core.errors import ConfigError, DataError, listed
from ml_core.transforms.base import Transform
from ml_core.value_ranges import Ge, Lt

Loaders = DataLoader[Batch] | dict[str, DataLoader[Batch]]
TUNABLE = ("per_device_batch_size", "per_device_num_workers")


class BaseDataModule(LightningDataModule):
    """Data loaders over a Hugging Face `DatasetDict`, or any mapping of split names to data sets.

    Batches are dicts of column names to tensors, or to lists where a column cannot be stacked. A `validation` split
    is used where there is one; else rows of `train` are split off, always the same ones for the same `seed`. A
    missing `test` split is never replaced, unless `test_ratio` asks for it.

    Args:
        hf_dict_dataset: The data, or a callable that loads it; in YAML the node is loaded in `prepare_data`.
        val_ratio: Share of `train` that becomes the validation split where there is none; 0 for no validation.
        test_ratio: Share of `train` that becomes the test split where there is none.
        splits: `{stage: split}` where a split does not have the name that its stage looks for (`train`, `validation`
            for val, `test`); null leaves a split out; `{stage: {name: split}}` for several validation or test sets.
        transform: Deterministic, for every split; called once per batch.
        augment: Random, for the train split only, after `transform`; called once per batch.
        stratify_by: Label column whose shares every part of `train` keeps.
        group_by: Column of which each value is in one part alone.
        order_by: Column to split by in time: the earliest rows for training, the latest for testing.
        fold: Which of `num_folds` parts of `train` is the validation split, from 0; instead of `val_ratio`.
        num_folds: Number of parts for cross-validation.
        seed: Seed of the parts.
        cache: Keep what `transform` makes, as far as it is compact, in a file that is read from then on: true, or the
            folder for it. The file is found again only for the same data and steps; see `ml_core.data.cache`.
        cache_until: Name of the last step of `transform` whose result is kept, floats included; null for the last one
            that leaves whole numbers or 8-bit images.
        device_transform: As `transform`, after both, on batches that were moved to their device.
        device_augment: As `augment`, after `device_transform`, on the device.
        on_bad: `error`, or `skip` to leave out rows that cannot be read, make a step fail, or hold nan or inf.
        max_bad: With `skip`, how many rows of a split may be left out on each device: a number, or a share where it
            is a float; null for 0.01. More are an error.
        sampler: Makes the sampler of the train split from its rows, in place of `shuffle`; a node with
            `_partial_: true`, see `ml_core.data.sampling`.
        **dataloader_kwargs: Arguments of `torch.utils.data.DataLoader`. `batch_size` is the global one, divided
            by the number of devices; also `{stage: size}`. `shuffle` and `drop_last` are for the train split.
            `collate_fn` takes a list of samples and returns a batch, before `transform`.

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
        val_ratio: Annotated[float, Ge(0), Lt(1)] = DEFAULT_VAL_RATIO,
        transform: Transform | None = None,
        augment: Transform | None = None,
        stratify_by: str | None = None,
        seed: int = DEFAULT_SPLIT_SEED,
        cache: bool | str = False,
        cache_until: str | None = None,
        device_transform: Transform | None = None,
        device_augment: Transform | None = None,
        on_bad: OnBad = "error",
        max_bad: float | None = None,
        splits: Splits | None = None,
        test_ratio: Annotated[float, Ge(0), Lt(1)] = 0.0,
        group_by: str | None = None,
        order_by: str | None = None,
        fold: int | None = None,
        num_folds: int | None = None,
        sampler: Sampling | None = None,
        **dataloader_kwargs: Any,
    ) -> None:
        super().__init__()
        check_arguments(_own_parameters(), dataloader_kwargs, self.keywords_not)
        self.split_rule = SplitRule(val_ratio, test_ratio, stratify_by, group_by, order_by, fold, num_folds, seed)
        self.named_splits = splits or {}
        check_splits(self.named_splits, self.split_rule)
        self.hf_dict_dataset = hf_dict_dataset
        self.transform = transform
        self.augment = augment
        self.cache = check_cache(cache, cache_until)
        self.cache_until = cache_until
        self.device_transform, self.device_augment = device_transform, device_augment
        self.device_steps = DeviceSteps(device_transform, device_augment)
        check_policy(on_bad, max_bad)
        self.on_bad, self.max_bad = on_bad, max_bad
        self.left_out: dict[str, LeftOut | None] = {}
        check_sampling(sampler, dataloader_kwargs.get("shuffle"))
        self.sampler = sampler
        self.dataloader_kwargs = dataloader_kwargs
        self.sets: dict[str, list[StageSet]] = {}
        self.tuned: dict[str, int] = {}
        self._position: dict[str, Any] | None = None

    @property
    def batch_size(self) -> int:
        """Samples in a batch of training, over all devices."""
        return self.per_device_batch_size * self._world_size()

    @property
    def per_device_batch_size(self) -> int:
        """Samples in a batch of training on each device; the number that was tuned, once one was set."""
        return self.tuned.get("per_device_batch_size") or self._per_device("train")

    @per_device_batch_size.setter
    def per_device_batch_size(self, size: int) -> None:
        self.tuned["per_device_batch_size"] = size

    @property
    def per_device_num_workers(self) -> int:
        """Worker processes of a loader on each device; the number that was tuned, once one was set."""
        return self.tuned.get("per_device_num_workers", int(self.dataloader_kwargs.get("num_workers", 0)))

    @per_device_num_workers.setter
    def per_device_num_workers(self, count: int) -> None:
        self.tuned["per_device_num_workers"] = count

    def prepare_data(self) -> None:
        """Load the data once per node, so that it is downloaded and prepared before every rank opens it."""
        self._load()

    def setup(self, stage: str | None = None) -> None:
        """Open the data and split it; the same splits whenever and wherever it is called."""
        self._load()

    def has_stage(self, stage: str) -> bool:
        """Whether there is data for a stage (`train`, `val`, `test`)."""
        return stage in self._load()

    def set_names(self, stage: str) -> tuple[str, ...]:
        """Return the names of the data sets of a stage; empty where it has one without a name, or none."""
        value = self.named_splits.get(stage)
        return tuple(value) if isinstance(value, Mapping) else ()

    def state_dict(self) -> dict[str, Any]:
        """Return what `transform` has learnt from the train split, sizes, and the position in that split."""
        sizes = {name: getattr(self, name) for name in TUNABLE}
        learnt = {"transform": fitted_state(self.transform), **sizes, "tuned": sorted(self.tuned)}
        return {**learnt, "position": position_of(self.trainer)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Give `transform` what it had learnt, and take the sizes that were tuned; others are the configuration's."""
        self.tuned |= {name: state_dict[name] for name in state_dict.get("tuned", ())}
        load_fitted_state(self.transform, state_dict.get("transform", {}))
        self._position = state_dict.get("position")

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return batches of the train split, shuffled anew each epoch unless `shuffle` is false."""
        loader = self._loader("train", self._rows("train")[0])
        resume_at(loader, self._position)
        self._position = None
        return loader

    def val_dataloader(self) -> Loaders | list[DataLoader[Batch]]:
        """Return batches of the validation split, of each by name where there are several; no loader without one."""
        return self._loaders("val") if self.has_stage("val") else []

    def test_dataloader(self) -> Loaders:
        """Return batches of the test split, of each by name where there are several."""
        return self._loaders("test")

    def predict_dataloader(self) -> Loaders:
        """Return batches of the test split, of each by name where there are several."""
        return self._loaders("test", is_plain=True)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Apply `device_transform`, and in training `device_augment`, to a batch on its device."""
        if self.trainer is None or not self.device_steps.of_train:
            return batch
        return self.device_steps(batch, self.trainer.strategy.root_device, is_train=bool(self.trainer.training))

    def teardown(self, stage: str) -> None:
        """Log how many rows were left out."""
        for rows in self.left_out.values():
            if rows is not None:
                rows.say()

    def _load(self) -> dict[str, list[StageSet]]:
        if not self.sets:
            source = open_source(self.hf_dict_dataset)
            self.sets = stage_sets(source, self.named_splits, self.split_rule)
            train = self.sets["train"][0].rows if "train" in self.sets else None
            fit_transform(self.transform, train, self.dataloader_kwargs.get("collate_fn"))
        return self.sets

    def _rows(self, stage: str) -> list[StageSet]:
        """Return the data sets of a stage, none of which is empty."""
        if not self.has_stage(stage):
            there = listed(part.split for parts in self.sets.values() for part in parts)
            raise DataError("data", f"there is no {SPLIT_OF_STAGE[stage]} split.", f"Splits: {there}.")
        for part in self.sets[stage]:
            if hasattr(part.rows, "__len__") and len(part.rows) == 0:
                raise DataError("data", f"the {part.split} split is empty.")
        return self.sets[stage]

    def _steps(self, stage: str) -> list[tuple[str, Transform]]:
        """Return `(YAML path, transform)` of what a stage does to its batches, in order."""
        augment = self.augment if stage == "train" else None
        steps = (("data.transform", self.transform), ("data.augment", augment))
        return [(name, step) for name, step in steps if step]

    def _dataset(self, stage: str, part: StageSet) -> BatchedDataset | StreamedBatches:
        if is_stream(part.rows):
            return self._streamed(stage, part)
        collate, name = self.dataloader_kwargs.get("collate_fn"), f"data, split {part.split}"
        if part.split not in self.left_out:
            self.left_out[part.split] = left_out(self.on_bad, self.max_bad, len(part.rows), name)
        return BatchedDataset(part.rows, self._steps(stage), collate, name, self.left_out[part.split])

    def _streamed(self, stage: str, part: StageSet) -> StreamedBatches:
        name, options = f"data, split {part.split}", self._options()
        bad = left_out_of_stream(self.on_bad, self.max_bad, name, options["num_workers"])
        self.left_out[part.split] = bad  # type: ignore[assignment]  # which does the same
        is_train, size = stage == "train", self._batch_size_of(stage)
        return streamed(part.rows, self._steps(stage), name, options, size, is_train, self.trainer, bad, self.cache)

    def _loaders(self, stage: str, is_plain: bool = False) -> Loaders:
        parts = self._rows(stage)
        loaders = {part.name: self._loader(stage, part, is_plain) for part in parts}
        return loaders if parts[0].name else loaders[""]

    def _loader(self, stage: str, part: StageSet, is_plain: bool = False) -> DataLoader[Batch]:
        dataset = self._dataset(stage, part)
        if isinstance(dataset, BatchedDataset):
            dataset = with_shortcuts(dataset, self.cache, part.split, self.cache_until)
        if is_plain:
            return plain_loader(dataset, self._options(), self._batch_size_of(stage))
        sampler = make_sampler(self.sampler, part.rows) if self.sampler and stage == "train" else None
        has_random_steps = stage == "train" and self.augment is not None
        size = self._batch_size_of(stage)
        return build_loader(dataset, self._options(), size, stage == "train", self.trainer, sampler, has_random_steps)

    def _options(self) -> dict[str, Any]:
        """Return the arguments of a loader."""
        return {**self.dataloader_kwargs, "num_workers": self.per_device_num_workers}

    def _batch_size_of(self, stage: str) -> int:
        """Return the samples in a batch of a stage on each device, as tuned for training."""
        return self.per_device_batch_size if stage == "train" else self._per_device(stage)

    def _per_device(self, stage: str) -> int:
        """Return the samples in a batch of a stage on each device."""
        size, devices = batch_size_of(self.dataloader_kwargs, stage), self._world_size()
        if size % devices:
            raise ConfigError(
                "data.batch_size", f"{size} cannot be divided by the {devices} devices.", "Use a multiple."
            )
        return size // devices

    def _world_size(self) -> int:
        return self.trainer.world_size if self.trainer else 1


def _own_parameters() -> set[str]:
    return set(inspect.signature(BaseDataModule).parameters) - {"dataloader_kwargs"}
