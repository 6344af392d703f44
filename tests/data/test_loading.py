"""Which loader a split gets: order, ranks, and what torch must not be told."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from datasets import Dataset
from torch.utils.data import DataLoader, TensorDataset

from ml_core.data.batches import BatchedDataset
from ml_core.data.columns import NamedFields, TensorColumns
from ml_core.data.epoch_loader import EpochLoader
from ml_core.data.loading import build_loader, makes_samples, order_seed, plain_loader
from ml_core.data.sampling import BalancedSampler
from ml_core.data.splitting import ChosenRows
from ml_core.errors import DataError


def dataset(size: int = 10) -> BatchedDataset:
    return BatchedDataset(TensorColumns({"x": torch.arange(size), "label": torch.arange(size) % 5 // 4}))


def seen(loader: DataLoader) -> list[int]:
    return [x for batch in loader for x in batch["x"].tolist()]


def test_train_is_shuffled_and_the_rest_is_in_order():
    train, rest = (build_loader(dataset(), {}, batch_size=4, is_train=is_train) for is_train in (True, False))

    assert isinstance(train, EpochLoader)
    assert seen(rest) == list(range(10)) == sorted(seen(train)) != seen(train)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_data_set_of_samples_is_asked_for_plain_numbers(num_workers):
    class Kinds(torch.utils.data.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return {"x": index, "kind": type(index).__name__}

    batch = next(iter(build_loader(BatchedDataset(Kinds()), {"num_workers": num_workers}, 4, is_train=True)))
    assert batch["kind"] == ["int"] * 4


def test_a_sampler_takes_the_place_of_the_order():
    loader = build_loader(dataset(), {}, 4, True, sampler=BalancedSampler(dataset().source, by="label"))

    assert torch.cat([batch["label"] for batch in loader]).bincount().tolist() == [5, 5]


def test_torch_is_told_nothing_about_workers_that_are_not_there():
    options = {"num_workers": 0, "persistent_workers": True, "prefetch_factor": 2, "timeout": 5, "pin_memory": True}

    assert sorted(seen(build_loader(dataset(), options, 4, is_train=True))) == list(range(10))


@pytest.mark.parametrize(("options", "seconds"), [({}, 600), ({"timeout": 5}, 5), ({"timeout": 0}, 0)])
def test_workers_that_give_nothing_end_the_run(options, seconds):
    assert build_loader(dataset(), {"num_workers": 1, **options}, 4, is_train=True).timeout == seconds


@pytest.mark.parametrize("size", [3, 0])
def test_a_train_split_without_a_full_batch_is_told(size):
    with pytest.raises(DataError) as error:
        build_loader(dataset(size), {"drop_last": True}, 4, is_train=True)

    assert str(error.value) == (
        f"data: the train split has {size} samples, less than one batch of 4. "
        "Lower data.batch_size or set data.drop_last=false."
    )


def test_fewer_rows_than_devices_are_told():
    with pytest.raises(DataError) as error:
        build_loader(dataset(1), {}, 4, is_train=False, trainer=SimpleNamespace(world_size=2, global_rank=0))

    assert str(error.value) == "data: there are 1 rows for 2 devices. Each needs one: use fewer devices."


def test_the_seed_is_that_of_the_run(monkeypatch):
    monkeypatch.setenv("PL_GLOBAL_SEED", "7")
    assert order_seed() == build_loader(dataset(), {}, 4, is_train=True).batches.seed == 7
    monkeypatch.delenv("PL_GLOBAL_SEED")
    assert order_seed() == 0


def test_what_lightning_makes_loaders_from_is_torchs_own():
    loader = plain_loader(dataset(), {"shuffle": True, "drop_last": True, "num_workers": 0}, batch_size=4)

    assert type(loader) is DataLoader
    assert seen(loader) == list(range(10))


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        (TensorColumns({"x": torch.zeros(2)}), False),
        (Dataset.from_dict({"x": [1]}), False),
        (Dataset.from_dict({"x": [1]}).with_transform(lambda batch: batch), True),
        (NamedFields(TensorDataset(torch.zeros(2)), ["x"]), False),
        (NamedFields([(1,)], ["x"]), True),
        (ChosenRows(NamedFields([(1,)], ["x"]), torch.zeros(1)), True),
        ([{"x": 1}], True),
    ],
)
def test_samples_that_are_made_one_by_one_may_be_random(source, answer):
    assert makes_samples(source) is answer
