"""How are the batches of a stream loaded, so that a pass can go on in the middle?"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader, Sampler

from ml_core.batch import Batch
from ml_core.data.batches import identity
from ml_core.data.position import Position
from ml_core.data.together import together
from ml_core.errors import ConfigError


class _HandedOut(NamedTuple):
    number: int
    worker: int
    state: Any


class EpochCounter(Sampler[None]):
    """Gives a stream's readers their turns without end, and is told the epoch.

    Attributes:
        next_epoch: Number of the epoch of the next pass.
    """

    def __init__(self) -> None:
        self.next_epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.next_epoch = epoch

    def __iter__(self) -> Iterator[None]:
        """Yield None for ever."""
        return itertools.repeat(None)


class StreamLoader(DataLoader[Batch]):
    """A `DataLoader` over a stream whose batches bring the position behind them (see `loading.py`).

    Args:
        dataset: The stream.
        trainer: Trains on the batches.
        **options: Other arguments of `torch.utils.data.DataLoader`.
    """

    def __init__(self, dataset: Any, trainer: Trainer | None = None, **options: Any) -> None:
        generator = torch.Generator().manual_seed(0)  # else torch draws a seed from the global one
        super().__init__(dataset, batch_size=None, collate_fn=identity, generator=generator, **options)  # type: ignore[arg-type]
        self.counter = EpochCounter()
        vars(self)["sampler"] = self.counter  # what Lightning tells the epoch
        self.position = Position(trainer)
        self._states: dict[int, Any] = {}
        self._recent: deque[_HandedOut] = deque()

    def __len__(self) -> int:
        """Return the number of batches of an epoch.

        Raises:
            TypeError: If that is not known, as `len` does for anything without a length.
        """
        number = self.dataset.num_batches()  # type: ignore[attr-defined]
        if number is None:
            raise TypeError("the stream does not know its length")
        return int(number)

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        """Yield the batches of one pass."""
        is_resumed = self.position.is_resumed
        counted = self.counter.next_epoch
        self.counter.next_epoch = counted + 1
        epoch, first = self.position.begin(counted)
        if not (is_resumed and first):
            self._states = {}
        self._recent.clear()
        self.dataset.set_epoch(epoch)  # type: ignore[attr-defined]
        self.dataset.load_state_dict(self._states, first % max(self.num_workers, 1))  # type: ignore[attr-defined]
        for worker, batch, state in self._fetched():
            self.position.handed_out += 1
            self._recent.append(_HandedOut(self.position.handed_out, worker, state))
            self._forget()
            yield batch

    def _fetched(self) -> Iterator[Any]:
        batches = super().__iter__() if self.num_workers or self.pin_memory else iter(self.dataset)
        is_uneven = getattr(self.dataset, "may_be_uneven", False)
        return together(batches) if is_uneven else batches

    def state_dict(self) -> dict[str, Any]:
        """Return the position as plain data; where there are several ranks, all of them must ask."""
        if not self.position.is_resumed:
            self._forget()
        return {**self.position.state_dict(), "workers": self.num_workers, "readers": _of_all_ranks(dict(self._states))}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next pass go on behind the batches that were trained on.

        Raises:
            ConfigError: If there were more or fewer devices.
        """
        rank, devices = _rank_and_devices()
        if len(state["readers"]) != devices:
            raise ConfigError(
                "trainer.devices",
                f"the stream was split among {len(state['readers'])} devices, now there are {devices}, which would "
                "have other rows.",
                "Resume on as many as before.",
            )
        self.position.load_state_dict(state)
        self._states = dict(state["readers"][rank])

    def _forget(self) -> None:
        """Keep of the batches that have been trained on the last position of each worker alone."""
        trained = self.position.trained()
        while self._recent and self._recent[0].number <= trained:
            done = self._recent.popleft()
            self._states[done.worker] = done.state


def _of_all_ranks(states: dict[int, Any]) -> list[dict[int, Any]]:
    _, devices = _rank_and_devices()
    if devices == 1:
        return [states]
    gathered: list[Any] = [None] * devices
    torch.distributed.all_gather_object(gathered, states)
    return gathered


def _rank_and_devices() -> tuple[int, int]:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return 0, 1
    return torch.distributed.get_rank(), torch.distributed.get_world_size()
