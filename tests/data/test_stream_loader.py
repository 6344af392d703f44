"""The loader of a stream: batches and the positions behind them."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils.data import IterableDataset, get_worker_info

from ml_core.data import stream_loader
from ml_core.data.stream_loader import StreamLoader
from ml_core.errors import ConfigError


class Counting(IterableDataset):
    """Batches `[epoch, worker, number]`; the state is the number of the next one. Keeps to `loading.py`."""

    carries_state = True

    def __init__(self, each: int = 4, workers: int = 1, knows_length: bool = True) -> None:
        self.each, self.workers, self.knows_length = each, workers, knows_length
        self.epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self.resumed: tuple[int, dict[int, Any], int] = (-1, {}, 0)

    def num_batches(self) -> int | None:
        return self.each * self.workers if self.knows_length else None

    def set_epoch(self, epoch: int) -> None:
        self.epoch.fill_(epoch)

    def load_state_dict(self, states: dict[int, Any], first: int) -> None:
        self.resumed = int(self.epoch), dict(states), first

    def __iter__(self):
        epoch, states, first = self.resumed if self.resumed[0] == int(self.epoch) else (int(self.epoch), {}, 0)
        info = get_worker_info()
        worker = ((info.id if info else 0) + first) % self.workers
        for number in range(states.get(worker, 0), self.each):
            yield worker, {"x": torch.tensor([epoch, worker, number])}, number + 1


def loader(workers: int = 0, trainer=None, knows_length: bool = True, **options) -> StreamLoader:
    stream = Counting(workers=max(workers, 1), knows_length=knows_length)
    return StreamLoader(stream, trainer, num_workers=workers, **options)


def seen(batches) -> list[list[int]]:
    return [batch["x"].tolist() for batch in batches]


def training() -> SimpleNamespace:
    """A trainer that is in its first batch."""
    progress = SimpleNamespace(current=SimpleNamespace(processed=0))
    loop = SimpleNamespace(epoch_loop=SimpleNamespace(batch_progress=progress), restarting=True)
    return SimpleNamespace(fit_loop=loop, progress=progress.current)


def test_batches_come_without_their_states():
    assert seen(loader()) == [[0, 0, number] for number in range(4)]


@pytest.mark.parametrize("options", [{}, {"persistent_workers": True}], ids=str)
def test_workers_take_turns_in_every_epoch(options):
    ours = loader(workers=2, **options)

    for epoch in (0, 1):
        assert seen(ours) == [[epoch, worker, number] for number in range(4) for worker in (0, 1)]


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("done", [1, 2, 3])
def test_a_pass_goes_on_in_the_order_of_the_unbroken_one(workers: int, done: int):
    whole, broken, resumed = (loader(workers) for _ in range(3))
    expected = [seen(whole), seen(whole)]
    started = seen(itertools.islice(broken, done))

    resumed.load_state_dict(broken.state_dict())
    assert [started + seen(resumed), seen(resumed)] == expected


def test_a_batch_that_is_fetched_ahead_is_not_lost():
    trainer = training()
    ours = loader(trainer=trainer)
    iterator = iter(ours)
    next(iterator), next(iterator)
    trainer.progress.processed = 1  # the second one has been fetched, but not trained on

    assert ours.state_dict() == {"epoch": 0, "batch": 1, "workers": 0, "readers": [{0: 1}]}
    trainer.progress.processed = 2
    assert ours.state_dict()["readers"] == [{0: 2}]


def test_a_position_that_was_loaded_is_there_until_a_pass_goes_on_from_it():
    state = {"epoch": 3, "batch": 2, "workers": 0, "readers": [{0: 2}]}
    ours = loader(trainer=training())
    ours.load_state_dict(state)

    assert ours.state_dict() == state


def test_lightning_tells_the_epoch_to_the_sampler():
    ours = loader()
    ours.sampler.set_epoch(5)

    assert seen(ours) == [[5, 0, number] for number in range(4)]


def test_a_length_that_is_not_known_is_none():
    assert len(loader()) == 4
    with pytest.raises(TypeError):
        len(loader(knows_length=False))


def test_every_rank_takes_its_own_position(monkeypatch):
    monkeypatch.setattr(stream_loader, "_rank_and_devices", lambda: (1, 2))
    ours = loader()
    ours.load_state_dict({"epoch": 0, "batch": 1, "workers": 0, "readers": [{0: 1}, {0: 3}]})

    assert seen(ours) == [[0, 0, 3]]


def test_another_number_of_devices_is_refused():
    with pytest.raises(ConfigError) as error:
        loader().load_state_dict({"epoch": 0, "batch": 1, "workers": 0, "readers": [{0: 1}, {0: 3}]})

    assert str(error.value) == (
        "trainer.devices: the stream was split among 2 devices, now there are 1, which would have other rows. "
        "Resume on as many as before."
    )
