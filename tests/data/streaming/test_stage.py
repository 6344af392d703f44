"""A split that streams, in the data module and in a training."""

import datasets
import pytest
import torch
from data.streaming.shards import write
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import IterableDataset

from ml_core.data.base_datamodule import BaseDataModule
from ml_core.data.sources import mixture
from ml_core.data.streaming import ParquetStream
from ml_core.errors import ConfigError, DataError
from ml_core.transforms.table import Standardize
from ml_core.utils import lifecycle


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "train", [30, 30, 40])
    write(tmp_path / "rest", [20])
    return tmp_path


def data(folder, train=None, **options):
    source = {"train": train or ParquetStream(str(folder / "train")), "validation": ParquetStream(str(folder / "rest"))}
    return BaseDataModule(source, **({"batch_size": 8} | options))


def seen(loader):
    return [x for batch in loader for x in batch["x"].tolist()]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_training_is_shuffled_anew_each_epoch_and_validation_comes_in_order(folder, num_workers):
    module = data(folder, num_workers=num_workers)
    loader = module.train_dataloader()

    epochs = []
    for epoch in (0, 1):
        loader.counter.set_epoch(epoch)
        epochs.append(seen(loader))

    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(100))
    assert epochs[0] != epochs[1]
    assert sorted(seen(module.val_dataloader())) == list(range(20))
    assert num_workers or seen(module.val_dataloader()) == list(range(20))
    assert len(loader) == sum(1 for _ in loader)


def test_the_order_can_be_that_of_the_files(folder):
    assert seen(data(folder, shuffle=False).train_dataloader()) == list(range(100))


def test_a_hugging_face_stream_needs_no_node_of_its_own(folder):
    files = [str(path) for path in sorted((folder / "train").iterdir())]
    train = datasets.load_dataset("parquet", data_files=files, streaming=True, split="train")

    assert sorted(seen(data(folder, train).train_dataloader())) == list(range(100))


def test_transform_and_augment_see_whole_batches(folder):
    module = data(
        folder,
        transform=lambda batch: {"half": batch["x"] / 2},
        augment=lambda batch: {"noise": torch.rand(len(batch["x"]))},
    )

    batch = next(iter(module.train_dataloader()))
    torch.testing.assert_close(batch["half"], batch["x"] / 2)
    assert torch.equal(next(iter(module.train_dataloader()))["noise"], batch["noise"])
    assert "noise" not in next(iter(module.val_dataloader()))


@pytest.mark.parametrize("repeat", [False, True])
def test_a_transform_learns_from_one_pass_over_the_stream(folder, repeat):
    module = data(folder, ParquetStream(str(folder / "train"), repeat=repeat), transform=Standardize("pair"))

    module.setup()

    batch = next(iter(module.val_dataloader()))
    every = torch.stack([torch.arange(100.0), torch.arange(100.0) + 0.5], dim=1)
    expected = (torch.stack([batch["x"], batch["x"] + 0.5], dim=1) - every.mean(0)) / every.std(0, correction=0)
    torch.testing.assert_close(batch["pair"], expected.float())


def test_nothing_can_be_learnt_from_what_has_no_end(folder):
    endless = mixture({"a": ParquetStream(str(folder / "train"), repeat=True)}, {"a": 1})

    with pytest.raises(ConfigError) as error:
        data(folder, endless, transform=Standardize("pair")).setup()

    assert "has no end, so nothing can be learnt from all of it. Set repeat: false." in str(error.value)


def fail_on_7(batch):
    if (batch["x"] % 50 == 7).any():
        raise ValueError("no sevens")
    return {"y": batch["x"]}


@pytest.mark.parametrize("num_workers", [0, 2])
def test_bad_rows_are_left_out_and_counted(folder, num_workers, caplog):
    module = data(folder, transform=fail_on_7, on_bad="skip", max_bad=2, num_workers=num_workers)

    assert sorted(seen(module.train_dataloader())) == [x for x in range(100) if x % 50 != 7]
    module.left_out["train"].say()
    assert "data, split train: 2 of 100 rows are left out (data.on_bad=skip)." in caplog.text


def test_too_many_bad_rows_are_an_error(folder):
    module = data(folder, transform=fail_on_7, on_bad="skip", max_bad=1)

    with pytest.raises(DataError) as error:
        seen(module.train_dataloader())

    assert "rows are bad, and data.max_bad allows 1. Correct the data, or allow more." in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cache": True}, "data.cache: keeps rows by number, but one has none in a stream: data, split train. "
                          "Set data.cache=false."),
        ({"sampler": lambda rows: None}, "data.sampler: needs to know all rows, but the train split streams. "
                                         "Leave it out, or do not stream."),
    ],
)  # fmt: skip
def test_what_needs_rows_by_number_is_refused(folder, options, message):
    with pytest.raises(ConfigError) as error:
        data(folder, **options).train_dataloader()

    assert str(error.value) == message


def test_no_rows_are_split_off_a_stream(folder):
    module = BaseDataModule({"train": ParquetStream(str(folder / "train"))}, val_ratio=0.1)

    with pytest.raises(ConfigError) as error:
        module.setup()

    assert "stream" in str(error.value)
    assert "data.val_ratio=0" in str(error.value)


def test_validating_on_what_repeats_without_end_is_refused(folder):
    source = {"validation": ParquetStream(str(folder / "rest"), repeat=True)}

    with pytest.raises(ConfigError) as error:
        BaseDataModule(source).val_dataloader()

    assert str(error.value) == (
        "data, split validation: repeats without end, so its pass would never be over. Set repeat: false there."
    )


class Numbers(IterableDataset):
    """Samples that know nothing of workers."""

    def __iter__(self):
        return ({"x": number} for number in range(20))


def test_other_iterables_have_one_reader(folder):
    assert sorted(seen(data(folder, Numbers()).train_dataloader())) == list(range(20))

    with pytest.raises(ConfigError) as error:
        seen(data(folder, Numbers(), num_workers=2).train_dataloader())

    assert str(error.value) == (
        "data: a stream of Numbers cannot be split among 2 readers. Use one device with data.num_workers of 0 or 1, or "
        "stream Parquet files or a datasets.IterableDataset."
    )


def test_what_can_be_gone_through_only_once_is_refused(folder):
    with pytest.raises(ConfigError) as error:
        data(folder, iter([{"x": 1}])).train_dataloader()

    assert str(error.value) == (
        "dataset: is a list_iterator, which can be gone through only once. "
        "Give what makes one, such as a torch IterableDataset."
    )


@pytest.mark.parametrize("value", [0, 2.5, True, None])
def test_a_bad_buffer_is_refused(folder, value):
    with pytest.raises(ConfigError) as error:
        ParquetStream(str(folder / "train"), shuffle_buffer=value)

    assert str(error.value) == (
        f"shuffle_buffer: is {value!r}, but must be a whole number from 1. data.shuffle=false reads in order."
    )


class Noise:
    """Adds noise to the features; it draws from the global generator, as any augmentation does."""

    reads = writes = ("features",)

    def __call__(self, batch):
        return {"features": batch["features"] + 0.1 * torch.randn_like(batch["features"])}


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("option", ["streaming_parquet", "mixture"])
def test_a_training_that_was_broken_off_ends_with_the_weights_of_the_unbroken_one(
    option, num_workers, compose_config, tmp_path
):
    def fit(steps, ckpt_path=None):
        cfg = compose_config(
            f"experiment=data/{option}", "logger=none", "trainer=cpu", "callbacks=none", f"+trainer.max_steps={steps}",
            "trainer.max_epochs=-1", "trainer.min_epochs=null", "+trainer.enable_progress_bar=false",
            "+trainer.enable_model_summary=false", f"data.num_workers={num_workers}",
        )  # fmt: skip
        lifecycle.prepare(1)
        objects = lifecycle.build(cfg)
        objects["datamodule"].augment = Noise()
        trainer = objects["trainer"]
        trainer.callbacks.append(ModelCheckpoint(tmp_path / str(steps), every_n_train_steps=17, save_top_k=-1))
        trainer.fit(objects["model"], datamodule=objects["datamodule"], ckpt_path=ckpt_path, weights_only=True)
        return objects["model"].state_dict()

    whole = fit(60)
    fit(17)
    (checkpoint,) = (tmp_path / "17").iterdir()

    resumed = fit(60, str(checkpoint))

    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
