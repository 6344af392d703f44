"""Which rows of the data are in a batch."""

from __future__ import annotations

from types import SimpleNamespace

from torch.utils.data import DataLoader

from ml_core.data.epoch_batches import EpochBatches
from ml_core.data.epoch_loader import EpochLoader
from ml_core.data.sampling import Shuffled
from ml_core.models.position import Position, rows_of


class Echo:
    """Batches that are their rows."""

    def __len__(self):
        return 10

    def __getitems__(self, rows):
        return rows.tolist()


def test_the_rows_of_a_batch_follow_from_seed_and_epoch():
    loader = EpochLoader(Echo(), EpochBatches(Shuffled(10), batch_size=3, seed=1))
    loader.sampler.set_epoch(4)
    drawn = list(loader)
    trainer = SimpleNamespace(train_dataloader=loader)
    assert [rows_of(trainer, i) for i in range(5)] == [*drawn, []]


def test_an_order_that_cannot_be_repeated_gives_no_rows():
    assert rows_of(SimpleNamespace(train_dataloader=DataLoader(range(4), shuffle=True)), 0) == []
    assert rows_of(SimpleNamespace(train_dataloader=[1, 2]), 0) == []


def test_a_position_reads_like_one():
    assert str(Position(step=7, epoch=1, batch=3)) == "at step 7 (epoch 1, batch 3)"
