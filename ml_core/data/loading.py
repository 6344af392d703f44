"""How are batches of a data set loaded: in which order, by how many workers, on which rank?

A map-style data set is asked for whole batches by row number: its order follows from seed and epoch, the random
numbers of `augment` from seed, epoch, batch and rank, so a resumed run needs no more than the number of batches it
has trained on.

A stream (`carries_state = True`, an `IterableDataset`) yields `(worker, batch, state)`, where `state` is plain data
that loads under `weights_only` and stands for the position behind the batch. The loader takes batch and state apart,
keeps the state of the last batch of each worker that was trained on, and saves those. It needs of the data set:

- `set_epoch(epoch)`, called before every pass, also where workers stay alive between passes;
- `load_state_dict(states, first)`, called before the pass that goes on in the middle, for that pass alone: `states`
  is `{worker: state}`, without the workers that gave no batch yet. Worker `i` of this pass does what worker
  `(i + first) % num_workers` did in the one that was broken off, and calls itself by that number, so that batches
  come in the same order;
- `num_batches()`: batches of a rank in an epoch, None where that is not known.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader, SequentialSampler, TensorDataset
from torch.utils.data._utils import signal_handling

from ml_core.batch import Batch
from ml_core.data.batches import identity
from ml_core.data.columns import NamedFields
from ml_core.data.epoch_batches import EpochBatches
from ml_core.data.epoch_loader import EpochLoader
from ml_core.data.sampling import BatchwiseSampler, InOrder, RowSampler, Shuffled
from ml_core.data.splitting import ChosenRows
from ml_core.data.stream_loader import EpochCounter, StreamLoader
from ml_core.errors import DataError
from ml_core.typing_aliases import DataLoaderPartial

WORKER_ARGUMENTS = ("persistent_workers", "prefetch_factor", "timeout", "multiprocessing_context")

DEFAULT_TIMEOUT = 600
"""Seconds after which a worker that gives no batch ends the run; `data.timeout=0` waits for ever."""


def build_loader(
    dataset: Any,
    options: Mapping[str, Any],
    batch_size: int,
    is_train: bool,
    trainer: Trainer | None = None,
    sampler: RowSampler | BatchwiseSampler | None = None,
    has_random_steps: bool = False,
) -> DataLoader[Batch]:
    """Return the loader of a data set for this rank.

    Args:
        dataset: `BatchedDataset`, or a stream that makes batches of `batch_size` for this rank itself.
        options: Arguments of `DataLoader`. `shuffle` and `drop_last` are for training alone.
        batch_size: Samples in a batch on this device.
        is_train: Whether it is for training.
        trainer: Knows the ranks, and how far a training has come.
        sampler: Draws the rows of a training, in place of `shuffle`.
        has_random_steps: Whether steps draw random numbers.

    Raises:
        DataError: If dropping the last batch leaves none, or there are fewer rows than devices.
    """
    usable = _usable(options)
    shuffle = bool(usable.pop("shuffle", True)) and is_train
    drop_last = bool(usable.pop("drop_last", False)) and is_train
    trains = trainer if is_train else None
    if getattr(dataset, "carries_state", False):
        return _stream_loader(dataset, usable, trains)
    if getattr(trainer, "overfit_batches", 0):
        return plain_loader(dataset, options, batch_size)
    world_size = trainer.world_size if trainer else 1
    batches = EpochBatches(
        sampler if sampler is not None else (Shuffled(len(dataset)) if shuffle else InOrder(len(dataset))),
        batch_size,
        num_replicas=world_size,
        rank=trainer.global_rank if trainer else 0,
        seed=order_seed(),
        drop_last=drop_last,
        is_random=has_random_steps or (is_train and makes_samples(dataset.source)),
    )
    if len(batches) == 0:
        raise DataError(
            "data",
            f"the train split has {batches.sampler.num_samples} samples, less than one batch of "
            f"{batch_size * world_size}.",
            "Lower data.batch_size or set data.drop_last=false.",
        )
    _tell_epoch(batches, trains)
    return EpochLoader(dataset, batches, trains, **usable)


def plain_loader(dataset: Any, options: Mapping[str, Any], batch_size: int) -> DataLoader[Batch]:
    """Return a loader of torch, in order, for what Lightning makes loaders of its own from: prediction and overfitting.

    Args:
        dataset: What makes the batches.
        options: Arguments of `DataLoader`.
        batch_size: Samples in a batch on this device.
    """
    if getattr(dataset, "carries_state", False):
        return _stream_loader(dataset, _usable(options))
    usable = {name: value for name, value in _usable(options).items() if name not in ("shuffle", "drop_last")}
    loader: DataLoaderPartial = partial(DataLoader, **usable | {"batch_size": batch_size, "collate_fn": identity})
    return loader(dataset, sampler=SequentialSampler(dataset))


def position_of(trainer: Trainer | None) -> dict[str, Any] | None:
    """Return where in the data a training is, as plain data; None where it has a loader of somebody else's.

    Where there are several ranks, all of them must ask.
    """
    loader = getattr(trainer, "train_dataloader", None)
    return loader.state_dict() if isinstance(loader, (EpochLoader, StreamLoader)) else None


def resume_at(loader: DataLoader[Batch], position: dict[str, Any] | None) -> None:
    """Let a loader go on at a position.

    Lightning does so too, but forgets it where a scheduler has asked for the number of steps before.

    Raises:
        ConfigError: If the data or its batches are other ones now.
    """
    if position is not None and isinstance(loader, (EpochLoader, StreamLoader)):
        loader.load_state_dict(position)


def makes_samples(source: Any) -> bool:
    """Whether reading rows makes samples one by one, perhaps at random, as torchvision's data sets do."""
    if isinstance(source, ChosenRows):
        return makes_samples(source.source)
    if isinstance(source, NamedFields):
        return not isinstance(source.dataset, TensorDataset)
    if hasattr(source, "with_format"):
        return bool(source.format["type"] == "custom")
    return not hasattr(source, "column_names")


def order_seed() -> int:
    """Return the seed of orders and random steps: that of the run."""
    return int(os.environ.get("PL_GLOBAL_SEED", 0))


def _stream_loader(dataset: Any, options: dict[str, Any], trainer: Trainer | None = None) -> StreamLoader:
    loader = StreamLoader(dataset, trainer, **{k: v for k, v in options.items() if k not in ("shuffle", "drop_last")})
    _tell_epoch(loader.counter, trainer)
    return loader


def _tell_epoch(order: EpochBatches | EpochCounter, trainer: Trainer | None) -> None:
    """Tell the epoch that a training is in: of a stream, Lightning fetches the first batch before it does so."""
    if trainer:
        order.set_epoch(trainer.fit_loop.epoch_progress.current.processed)  # type: ignore[attr-defined]


def _watch_workers() -> None:
    """Let torch look out for workers that die, in every stage: it does so once, and Lightning ends that with a fit."""
    if hasattr(signal, "SIGCHLD") and not callable(signal.getsignal(signal.SIGCHLD)):
        signal_handling._SIGCHLD_handler_set = False


def _usable(options: Mapping[str, Any]) -> dict[str, Any]:
    """Add a timeout for workers; drop what torch refuses without them, and pinning where nothing is pinned for."""
    usable = {name: value for name, value in options.items() if name not in ("batch_size", "collate_fn")}
    if usable.get("num_workers"):
        usable.setdefault("timeout", DEFAULT_TIMEOUT)
        _watch_workers()
    else:
        for name in WORKER_ARGUMENTS:
            usable.pop(name, None)
    if usable.get("pin_memory") and not torch.accelerator.is_available():
        usable["pin_memory"] = False
    return usable
