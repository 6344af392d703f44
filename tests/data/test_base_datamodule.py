"""The data module: splits, loaders, transforms, several devices."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict

from ml_core.batch import select
from ml_core.data.base_datamodule import BaseDataModule
from ml_core.data.sources import mnist_mini
from ml_core.errors import BatchKeyError, ConfigError, DataError
from ml_core.transforms.base import RenameTransform


def rows(start, stop):
    """A data set whose column `x` numbers its rows."""
    return Dataset.from_dict({"x": list(range(start, stop)), "label": [i % 2 for i in range(start, stop)]})


def train_only(size=100):
    return DatasetDict(train=rows(0, size))


def all_splits():
    return DatasetDict(train=rows(0, 80), validation=rows(80, 90), test=rows(90, 100))


def seen(loader):
    """Every value of `x` in the order of the loader."""
    return [x for batch in loader for x in batch["x"].tolist()]


def attach(datamodule, world_size=1, rank=0, epoch=0):
    """Give a data module what it asks of a trainer, without starting processes."""
    progress = SimpleNamespace(current=SimpleNamespace(processed=epoch))
    fit_loop = SimpleNamespace(epoch_progress=progress)
    datamodule.trainer = SimpleNamespace(world_size=world_size, global_rank=rank, fit_loop=fit_loop)
    return datamodule


# ---- splits


def test_validation_is_split_off_train():
    datamodule = BaseDataModule(train_only(600), val_ratio=0.1)

    train, validation = seen(datamodule.train_dataloader()), seen(datamodule.val_dataloader())

    assert (len(train), len(validation)) == (540, 60)
    assert sorted(train + validation) == list(range(600))


def test_a_split_off_validation_leaves_test_alone():
    datamodule = BaseDataModule(DatasetDict(train=rows(0, 90), test=rows(90, 100)))

    assert len(seen(datamodule.val_dataloader())) == 9
    assert seen(datamodule.test_dataloader()) == seen(datamodule.predict_dataloader()) == list(range(90, 100))


def test_given_splits_are_used_as_they_are():
    datamodule = BaseDataModule(all_splits(), val_ratio=0.5)

    assert sorted(seen(datamodule.train_dataloader())) == list(range(80))
    assert seen(datamodule.val_dataloader()) == list(range(80, 90))
    assert seen(datamodule.test_dataloader()) == list(range(90, 100))


def test_the_split_follows_from_the_seed_alone():
    def validation(seed, noise):
        for generator in (random.seed, np.random.seed, torch.manual_seed):
            generator(noise)
        return seen(BaseDataModule(train_only(), seed=seed).val_dataloader())

    assert validation(seed=1, noise=0) == validation(seed=1, noise=99)
    assert validation(seed=1, noise=0) != validation(seed=2, noise=0)


def numpy_state():
    return np.random.get_state(legacy=False)  # noqa: NPY002


def test_loading_takes_no_numbers_from_the_global_generators():
    states = random.getstate(), numpy_state(), torch.get_rng_state()

    seen(BaseDataModule(train_only()).train_dataloader())

    assert random.getstate() == states[0]
    np.testing.assert_equal(numpy_state(), states[1])
    assert torch.equal(torch.get_rng_state(), states[2])


@pytest.mark.parametrize("kind", ["datasets", "list"])
def test_both_kinds_of_data_set_split_the_same_rows(kind):
    source = train_only() if kind == "datasets" else {"train": list(train_only()["train"])}

    assert sorted(seen(BaseDataModule(source).val_dataloader())) == sorted(
        seen(BaseDataModule(train_only()).val_dataloader())
    )


def test_setting_up_again_changes_no_split():
    datamodule = BaseDataModule(train_only())
    before = seen(datamodule.val_dataloader())

    for stage in ("fit", "validate", "test", None):
        datamodule.setup(stage)

    assert seen(datamodule.val_dataloader()) == before


def test_a_stratified_validation_split_keeps_the_shares():
    labels = [0] * 50 + [1] * 30 + [2] * 20
    source = DatasetDict(train=Dataset.from_dict({"x": list(range(100)), "label": labels}))

    datamodule = BaseDataModule(source, val_ratio=0.2, stratify_by="label", batch_size=100)

    count = {stage: next(iter(loader))["label"].bincount().tolist() for stage, loader in
             (("train", datamodule.train_dataloader()), ("val", datamodule.val_dataloader()))}  # fmt: skip
    assert count == {"train": [40, 24, 16], "val": [10, 6, 4]}


def test_stratifying_works_with_class_names_and_on_plain_data_sets():
    named = DatasetDict(train=rows(0, 20).cast_column("label", ClassLabel(names=["even", "odd"])))
    plain = {"train": [{"x": i, "label": i % 2} for i in range(20)]}

    for source in (named, plain):
        validation = seen(BaseDataModule(source, val_ratio=0.2, stratify_by="label").val_dataloader())
        assert sorted(x % 2 for x in validation) == [0, 0, 1, 1]


def test_a_ratio_of_zero_means_no_validation():
    datamodule = BaseDataModule(train_only(), val_ratio=0)

    assert datamodule.val_dataloader() == []
    assert sorted(seen(datamodule.train_dataloader())) == list(range(100))


@pytest.mark.parametrize("ratio", [-0.1, 1, 1.5, True, "0.1", None])
def test_a_bad_ratio_is_refused(ratio):
    with pytest.raises(ConfigError) as error:
        BaseDataModule(train_only(), val_ratio=ratio)

    assert str(error.value) == f"val_ratio: is {ratio!r}, but must be a share from 0 (no validation) to below 1."


@pytest.mark.parametrize(("size", "ratio", "samples"), [(1, 0.1, "1 sample"), (10, 0.99, "10 samples")])
@pytest.mark.parametrize("kind", [Dataset.from_list, list])
def test_too_few_samples_to_split_are_told(size, ratio, samples, kind):
    source = {"train": kind([{"x": i} for i in range(size)])}

    with pytest.raises(ConfigError) as error:
        BaseDataModule(source, val_ratio=ratio).setup()

    assert str(error.value) == (
        f"data.val_ratio: is {ratio}, but the train split has {samples}: too few to split any off and keep some to "
        "train on. Set data.val_ratio=0 for no validation."
    )


@pytest.mark.parametrize("kind", [Dataset.from_list, list])
def test_an_empty_train_split_is_told_before_it_is_divided(kind):
    with pytest.raises(DataError, match=r"^data: the train split is empty\.$"):
        BaseDataModule({"train": kind([])}, val_ratio=0.1).setup()


def test_a_missing_column_to_stratify_by_is_told():
    with pytest.raises(ConfigError) as error:
        BaseDataModule(train_only(), stratify_by="lable").setup()

    assert str(error.value) == "data.stratify_by: there is no column 'lable'. Did you mean 'label'? Columns: x, label."


def test_a_missing_column_of_a_plain_data_set_is_told():
    with pytest.raises(ConfigError) as error:
        BaseDataModule({"train": [{"label": 0}] * 10}, stratify_by="lable").setup()

    assert str(error.value) == "data.stratify_by: there is no column 'lable'. Did you mean 'label'? Columns: label."


@pytest.mark.parametrize(
    ("source", "loader", "message"),
    [
        (train_only(), "test_dataloader", "data: there is no test split. Splits: train, validation."),
        (train_only(), "predict_dataloader", "data: there is no test split. Splits: train, validation."),
        ({"test": rows(0, 5)}, "train_dataloader", "data: there is no train split. Splits: test."),
        ({}, "train_dataloader", "data: there is no train split. Splits: none."),
        ({"train": rows(0, 20), "test": rows(0, 0)}, "test_dataloader", "data: the test split is empty."),
        ({"train": rows(0, 5), "validation": rows(0, 0)}, "val_dataloader", "data: the validation split is empty."),
    ],
)
def test_a_split_that_is_missing_or_empty_is_told(source, loader, message):
    with pytest.raises(DataError) as error:
        getattr(BaseDataModule(source), loader)()

    assert str(error.value) == message


def test_data_without_named_splits_is_refused():
    with pytest.raises(ConfigError) as error:
        BaseDataModule(lambda: rows(0, 5)).setup()

    assert str(error.value) == (
        "data.hf_dict_dataset: gave a Dataset, but must give named splits (a DatasetDict or mapping). "
        "Load without `split=`."
    )


def test_no_validation_can_be_split_off_what_streams():
    with pytest.raises(ConfigError) as error:
        BaseDataModule({"train": rows(0, 5).to_iterable_dataset()}).train_dataloader()

    assert str(error.value) == (
        "data.hf_dict_dataset: the split 'train' streams, so its rows cannot be chosen. "
        "Give the data a validation split, set data.val_ratio=0, or load it without streaming."
    )


def test_has_stage_knows_the_split_that_is_split_off():
    datamodule = BaseDataModule(train_only())

    assert [datamodule.has_stage(name) for name in ("train", "val", "test")] == [True, True, False]


def test_several_sets_of_a_stage_are_loaded_by_name():
    source = {"train": rows(0, 20), "a": rows(20, 30), "b": rows(30, 35)}

    datamodule = BaseDataModule(source, splits={"val": {"first": "a", "second": "b"}, "test": "b"})

    loaders = datamodule.val_dataloader()
    assert {name: seen(loader) for name, loader in loaders.items()} == {
        "first": list(range(20, 30)), "second": list(range(30, 35)),
    }  # fmt: skip
    assert datamodule.set_names("val") == ("first", "second")
    assert seen(datamodule.test_dataloader()) == list(range(30, 35))
    assert datamodule.set_names("test") == ()


def test_a_test_split_is_taken_from_train_when_it_is_asked_for():
    datamodule = BaseDataModule(train_only(), val_ratio=0.2, test_ratio=0.3)

    parts = [seen(loader) for loader in (datamodule.train_dataloader(), datamodule.val_dataloader(),
                                         datamodule.test_dataloader())]  # fmt: skip
    assert [len(part) for part in parts] == [50, 20, 30]
    assert sorted(x for part in parts for x in part) == list(range(100))


def test_the_folds_validate_every_row_once():
    folds = [BaseDataModule(train_only(), fold=fold, num_folds=4) for fold in range(4)]

    assert sorted(x for fold in folds for x in seen(fold.val_dataloader())) == list(range(100))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"splits": {"vall": "x"}}, "splits: names no stage 'vall'. Did you mean 'val'? Stages: train, val, test."),
        ({"fold": 3, "num_folds": 3}, "fold: is 3, but must be a whole number from 0 to 2, as num_folds is 3."),
        ({"val_ratio": 0.5, "test_ratio": 0.5}, "test_ratio: is 0.5 and val_ratio 0.5, which leaves no rows to train "
                                                "on. Keep their sum below 1."),
    ],
)  # fmt: skip
def test_a_bad_way_to_split_is_refused_before_anything_is_loaded(options, message):
    with pytest.raises(ConfigError) as error:
        BaseDataModule(pytest.fail, **options)

    assert str(error.value) == message


# ---- loading


def test_constructing_loads_nothing():
    calls = []

    def load():
        calls.append("load")
        return train_only()

    datamodule = BaseDataModule(load)
    assert calls == []

    datamodule.prepare_data()
    datamodule.setup("fit")
    datamodule.setup("test")
    assert calls == ["load"]


# ---- loaders


def test_a_batch_is_a_dict_of_columns():
    batch = next(iter(BaseDataModule(mnist_mini, batch_size=4).test_dataloader()))

    assert type(batch) is dict
    assert [image.size for image in batch["image"]] == [(28, 28)] * 4
    assert batch["label"].shape == (4,)
    assert batch["label"].dtype == torch.int64


def test_a_mapping_of_plain_torch_data_sets_works():
    class Squares(torch.utils.data.Dataset):
        def __len__(self):
            return 10

        def __getitem__(self, index):
            return {"x": index, "square": torch.tensor([float(index**2)])}

    datamodule = BaseDataModule({"train": Squares(), "test": Squares()}, batch_size=5)

    batch = next(iter(datamodule.test_dataloader()))
    torch.testing.assert_close(batch["square"], torch.tensor([[0.0], [1.0], [4.0], [9.0], [16.0]]))
    assert len(seen(datamodule.train_dataloader())) == 9


def test_collate_fn_gets_samples_and_comes_before_transform():
    datamodule = BaseDataModule(
        all_splits(),
        batch_size=5,
        collate_fn=lambda samples: {"x": torch.tensor([sample["x"] for sample in samples]), "size": len(samples)},
        transform=lambda batch: {"half": batch["size"] / 2},
    )

    assert [(batch["size"], batch["half"]) for batch in datamodule.val_dataloader()] == [(5, 2.5), (5, 2.5)]


def test_only_train_is_shuffled():
    datamodule = BaseDataModule(all_splits(), batch_size=10)

    assert seen(datamodule.train_dataloader()) != list(range(80))
    assert seen(datamodule.val_dataloader()) == list(range(80, 90))


def test_shuffling_can_be_switched_off():
    assert seen(BaseDataModule(all_splits(), shuffle=False).train_dataloader()) == list(range(80))


def test_every_epoch_has_its_own_order_that_it_always_has():
    def epoch(number, noise):
        torch.manual_seed(noise)
        loader = BaseDataModule(all_splits()).train_dataloader()
        loader.sampler.set_epoch(number)
        return seen(loader)

    assert epoch(1, noise=0) == epoch(1, noise=99)
    assert epoch(1, noise=0) != epoch(2, noise=0)
    assert sorted(epoch(2, noise=0)) == list(range(80))


def test_a_resumed_run_starts_with_the_order_of_its_epoch():
    unbroken = BaseDataModule(all_splits()).train_dataloader()
    unbroken.sampler.set_epoch(3)

    resumed = attach(BaseDataModule(all_splits()), epoch=3).train_dataloader()

    assert seen(resumed) == seen(unbroken)


def test_the_order_follows_the_seed_of_the_run(monkeypatch):
    def order(seed):
        monkeypatch.setenv("PL_GLOBAL_SEED", seed)
        return seen(BaseDataModule(all_splits()).train_dataloader())

    assert order("1") == order("1")
    assert order("1") != order("2")


def test_drop_last_is_for_train_alone():
    datamodule = BaseDataModule(all_splits(), batch_size=32, drop_last=True)

    assert [len(batch["x"]) for batch in datamodule.train_dataloader()] == [32, 32]
    assert [len(batch["x"]) for batch in datamodule.val_dataloader()] == [10]


def test_dropping_the_only_batch_is_an_error():
    with pytest.raises(DataError) as error:
        BaseDataModule(all_splits(), batch_size=81, drop_last=True).train_dataloader()

    assert str(error.value) == (
        "data: the train split has 80 samples, less than one batch of 81. "
        "Lower data.batch_size or set data.drop_last=false."
    )


def test_worker_arguments_without_workers_are_left_out():
    datamodule = BaseDataModule(
        all_splits(), num_workers=0, persistent_workers=True, prefetch_factor=2, timeout=5, pin_memory=True
    )

    assert sorted(seen(datamodule.train_dataloader())) == list(range(80))


def test_worker_processes_give_the_same_batches():
    transform = RenameTransform({"x": "y"})

    def batches(num_workers):
        datamodule = BaseDataModule(all_splits(), batch_size=30, num_workers=num_workers, transform=transform)
        return [batch["y"].tolist() for batch in datamodule.train_dataloader()]

    assert batches(num_workers=2) == batches(num_workers=0)


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({"batchsize": 2}, "batchsize: neither BaseDataModule nor DataLoader takes 'batchsize' here. "
                           "Did you mean 'batch_size'? They take: augment, batch_size, "),
        ({"val_ration": 2}, "val_ration: neither BaseDataModule nor DataLoader takes 'val_ration' here. "
                            "Did you mean 'val_ratio'? They take: "),
        ({"batch_sampler": None}, "batch_sampler: neither BaseDataModule nor DataLoader takes 'batch_sampler' here."),
        ({"dataset": None}, "dataset: neither BaseDataModule nor DataLoader takes 'dataset' here."),
    ],
)  # fmt: skip
def test_an_unknown_argument_is_refused_with_the_nearest_name(options, start):
    with pytest.raises(ConfigError) as error:
        BaseDataModule(train_only(), **options)

    assert str(error.value).startswith(start)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size: is 0, but must be a whole number from 1."),
        ({"batch_size": 2.5}, "batch_size: is 2.5, but must be a whole number from 1."),
        ({"batch_size": None}, "batch_size: is None, but must be a whole number from 1."),
        ({"batch_size": True}, "batch_size: is True, but must be a whole number from 1."),
        ({"num_workers": -1}, "num_workers: is -1, but must be a whole number from 0."),
    ],
)
def test_a_bad_number_is_refused(options, message):
    with pytest.raises(ConfigError) as error:
        BaseDataModule(train_only(), **options)

    assert str(error.value) == message


# ---- transforms


def test_transform_is_for_every_split_and_augment_for_train_alone():
    datamodule = BaseDataModule(
        all_splits(),
        batch_size=5,
        transform=lambda batch: {"half": batch["x"] / 2},
        augment=lambda batch: {"noisy": batch["half"] + 1},
    )

    loaders = datamodule.train_dataloader(), datamodule.val_dataloader(), datamodule.test_dataloader()
    train, validation, test = (next(iter(loader)) for loader in loaders)
    assert list(train) == ["x", "label", "half", "noisy"]
    assert list(validation) == list(test) == ["x", "label", "half"]
    torch.testing.assert_close(train["noisy"], train["x"] / 2 + 1)


def test_augmented_batches_differ_from_pass_to_pass_and_validation_does_not():
    def noise(batch):
        return {"noise": torch.rand(len(batch["x"]))}

    def passes(loader):
        return [[value for batch in loader for value in batch.get("noise", batch["x"]).tolist()] for _ in range(2)]

    datamodule = BaseDataModule(all_splits(), batch_size=5, augment=noise)

    first, second = passes(datamodule.train_dataloader())
    assert first != second
    first, second = passes(datamodule.val_dataloader())
    assert first == second


def test_an_error_in_a_transform_names_it():
    datamodule = BaseDataModule(all_splits(), transform=RenameTransform({"imge": "image"}))

    with pytest.raises(BatchKeyError) as error:
        next(iter(datamodule.val_dataloader()))

    assert str(error.value) == "data.transform.mapping: no key 'imge' in the batch. Keys: x, label."


# ---- several devices


def test_the_batch_size_is_divided_among_devices_once():
    datamodule = attach(BaseDataModule(all_splits(), batch_size=8), world_size=2, rank=1)

    for stage in ("fit", "validate", "test", "fit"):
        datamodule.setup(stage)

    assert [datamodule.train_dataloader().batch_size, datamodule.test_dataloader().batch_size] == [4, 4]
    assert (datamodule.batch_size, datamodule.per_device_batch_size) == (8, 4)


def test_a_batch_size_that_cannot_be_divided_is_refused():
    with pytest.raises(ConfigError) as error:
        attach(BaseDataModule(all_splits(), batch_size=9), world_size=2).train_dataloader()

    assert str(error.value) == "data.batch_size: 9 cannot be divided by the 2 devices. Use a multiple."


@pytest.mark.parametrize("loader", ["train_dataloader", "val_dataloader", "test_dataloader"])
def test_the_ranks_together_see_every_row_once(loader):
    parts = [
        seen(getattr(attach(BaseDataModule(all_splits(), batch_size=4), world_size=2, rank=rank), loader)())
        for rank in (0, 1)
    ]

    start, stop = {"train_dataloader": (0, 80), "val_dataloader": (80, 90), "test_dataloader": (90, 100)}[loader]
    assert len(parts[0]) == len(parts[1])
    assert sorted(parts[0] + parts[1]) == list(range(start, stop))


def test_every_rank_splits_off_the_same_validation():
    datamodules = [attach(BaseDataModule(train_only(), batch_size=2), world_size=2, rank=rank) for rank in (0, 1)]

    train, validation = (
        [x for datamodule in datamodules for x in seen(getattr(datamodule, loader)())]
        for loader in ("train_dataloader", "val_dataloader")
    )
    assert sorted(train + validation) == list(range(100))


def reading_what_is_not_there(batch):
    return select(batch, (("imgae", "x"),), "mapping")


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_mistake_in_a_transform_is_told_alike_with_and_without_workers(num_workers):
    datamodule = BaseDataModule(
        {"train": rows(0, 8)}, val_ratio=0, transform=reading_what_is_not_there, batch_size=4, num_workers=num_workers
    )

    with pytest.raises(BatchKeyError) as error:
        next(iter(datamodule.train_dataloader()))

    assert str(error.value) == "data.transform.mapping: no key 'imgae' in the batch. Keys: x, label."


# ---- sizes


def test_every_stage_may_have_its_own_batch_size():
    datamodule = BaseDataModule(all_splits(), batch_size={"train": 8, "val": 5, "test": 2})

    loaders = datamodule.train_dataloader(), datamodule.val_dataloader(), datamodule.test_dataloader()
    assert [len(next(iter(loader))["x"]) for loader in loaders] == [8, 5, 2]
    assert datamodule.batch_size == 8


def test_a_stage_without_a_batch_size_has_that_of_train_and_all_are_divided_among_devices():
    datamodule = attach(BaseDataModule(all_splits(), batch_size={"train": 8, "val": 4}), world_size=2)

    loaders = datamodule.train_dataloader(), datamodule.val_dataloader(), datamodule.test_dataloader()
    assert [len(next(iter(loader))["x"]) for loader in loaders] == [4, 2, 4]


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ({"trian": 8}, "batch_size: names no stage 'trian'. Did you mean 'train'? Stages: train, val, test."),
        ({"train": 0}, "batch_size.train: is 0, but must be a whole number from 1."),
        ({"val": 8}, "batch_size.train: is missing: the other stages take it where they have none of their own."),
    ],
)
def test_a_bad_batch_size_of_a_stage_is_refused(size, message):
    with pytest.raises(ConfigError) as error:
        BaseDataModule(train_only(), batch_size=size)

    assert str(error.value) == message


def test_sizes_are_in_the_state_and_those_that_were_tuned_are_taken_from_it():
    tuned = BaseDataModule(all_splits(), batch_size=8, num_workers=2)
    tuned.per_device_batch_size = 16

    state = tuned.state_dict()
    assert (state["per_device_batch_size"], state["per_device_num_workers"]) == (16, 2)

    resumed = BaseDataModule(all_splits(), batch_size=4, num_workers=0)
    resumed.load_state_dict(state)
    assert (resumed.per_device_batch_size, resumed.batch_size, resumed.per_device_num_workers) == (16, 16, 0)
    assert len(next(iter(resumed.train_dataloader()))["x"]) == 16


def test_a_state_without_sizes_changes_none():
    datamodule = BaseDataModule(all_splits(), batch_size=8)
    datamodule.load_state_dict({})

    assert (datamodule.per_device_batch_size, datamodule.per_device_num_workers) == (8, 0)
