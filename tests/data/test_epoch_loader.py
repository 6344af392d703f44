"""The loader of an epoch's batches."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader, SequentialSampler

from ml_core.data.epoch_batches import EpochBatches
from ml_core.data.epoch_loader import EpochLoader
from ml_core.data.sampling import Shuffled
from ml_core.errors import ConfigError


class Noisy:
    """Batches of row numbers beside random ones."""

    def __init__(self, num_rows: int = 20) -> None:
        self.num_rows = num_rows

    def __len__(self) -> int:
        return self.num_rows

    def __getitems__(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        return {"row": torch.as_tensor(rows), "noise": torch.rand(len(rows))}


def loader(trainer=None, batch_size: int = 4, num_rows: int = 20, **options) -> EpochLoader:
    batches = EpochBatches(Shuffled(num_rows), batch_size, is_random=True)
    return EpochLoader(Noisy(num_rows), batches, trainer, **options)


def seen(batches) -> list[tuple[list[int], list[float]]]:
    return [(batch["row"].tolist(), batch["noise"].tolist()) for batch in batches]


def training(done: int, is_restarting: bool = True) -> SimpleNamespace:
    """A trainer that has trained on so many batches of its epoch."""
    progress = SimpleNamespace(current=SimpleNamespace(processed=done))
    return SimpleNamespace(
        fit_loop=SimpleNamespace(epoch_loop=SimpleNamespace(batch_progress=progress), restarting=is_restarting)
    )


@pytest.mark.parametrize("options", [{"num_workers": 1}, {"num_workers": 2, "persistent_workers": True}], ids=str)
def test_workers_change_nothing(options):
    alone, with_workers = loader(), loader(**options)

    for _ in range(2):
        assert seen(with_workers) == seen(alone)


def test_every_pass_is_an_epoch_of_its_own_unless_one_is_told():
    ours = loader()

    first, second = seen(ours), seen(ours)
    assert first != second
    ours.sampler.set_epoch(0)
    assert seen(ours) == first


def test_it_looks_like_the_data_loader_that_it_is():
    ours = loader(num_workers=2)

    assert isinstance(ours, DataLoader)
    assert (ours.batch_size, ours.num_workers, len(ours)) == (4, 2, 5)


def test_it_takes_no_numbers_from_the_global_generator():
    before = torch.get_rng_state()
    seen(loader())
    seen(loader(num_workers=1))

    assert torch.equal(torch.get_rng_state(), before)


def test_a_pass_goes_on_where_another_was_broken_off():
    whole, broken, resumed = loader(), loader(), loader()
    expected = [seen(whole), seen(whole)]
    iterator = iter(broken)
    started = seen([next(iterator), next(iterator)])

    resumed.load_state_dict(broken.state_dict())
    assert [started + seen(resumed), seen(resumed)] == expected


def test_a_batch_that_is_still_in_training_counts_as_not_trained_on():
    ours = loader(training(done=1))
    iterator = iter(ours)
    next(iterator), next(iterator)  # as where one is fetched ahead

    assert {key: ours.state_dict()[key] for key in ("epoch", "batch")} == {"epoch": 0, "batch": 1}


def test_a_finished_epoch_is_followed_by_the_next_one():
    whole = loader()
    seen(whole)
    state, expected = whole.state_dict(), seen(whole)

    resumed = loader(training(done=0, is_restarting=False))
    resumed.load_state_dict(state)
    resumed.sampler.set_epoch(1)
    assert seen(resumed) == expected


def test_a_position_that_was_loaded_is_there_until_a_pass_goes_on_from_it():
    state = {**loader().state_dict(), "epoch": 2, "batch": 3}
    ours = loader(training(done=0))
    ours.load_state_dict(state)

    assert ours.state_dict() == state


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"batch_size": 5},
         "data.batch_size: is 5, but the checkpoint was written after batch 2 of 5 of an epoch with batches of 4, so "
         "it is not known which rows are left. Set data.batch_size=4, or go on from a checkpoint at the end of an "
         "epoch."),
        ({"num_rows": 30},
         "data: an epoch has 30 samples, but the checkpoint was written after batch 2 of 5 of an epoch of 20, so it is "
         "not known which are left. Go on with the same data, or from a checkpoint at the end of an epoch."),
    ],
)  # fmt: skip
def test_other_data_in_the_middle_of_an_epoch_is_refused(changed, message):
    state = {**loader().state_dict(), "batch": 2}

    with pytest.raises(ConfigError) as error:
        loader(**changed).load_state_dict(state)
    assert str(error.value) == message
    loader(**changed).load_state_dict({**state, "batch": 5})  # the end of an epoch


class Model(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.rows = torch.nn.Linear(1, 1), []

    def training_step(self, batch, batch_idx):
        self.rows.append(batch["row"].tolist())
        return self.layer(batch["noise"][:, None]).mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_lightning_saves_and_restores_it_where_there_is_no_data_module(tmp_path):
    def fit(steps: int, checkpoint=None) -> Model:
        trainer = Trainer(
            accelerator="cpu", max_steps=steps, logger=False, enable_progress_bar=False, enable_model_summary=False,
            enable_checkpointing=False,
        )  # fmt: skip
        model = Model()
        trainer.fit(model, loader(), ckpt_path=checkpoint)
        trainer.save_checkpoint(tmp_path / f"{steps}.ckpt")
        return model

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        broken, whole = fit(3), fit(8)
        resumed = fit(8, tmp_path / "3.ckpt")
    assert broken.rows + resumed.rows == whole.rows
    assert not [warning for warning in told if "not resumable" in str(warning.message)]


def test_lightning_can_make_its_own_loader_for_overfitting():
    from datasets import Dataset, DatasetDict

    from ml_core.data.base_datamodule import BaseDataModule

    datamodule = BaseDataModule(DatasetDict(train=Dataset.from_dict({"row": range(9)})), val_ratio=0, batch_size=2)
    datamodule.trainer = Trainer(accelerator="cpu", overfit_batches=2, logger=False, enable_checkpointing=False)

    assert type(datamodule.train_dataloader()) is DataLoader
    assert isinstance(datamodule.train_dataloader().sampler, SequentialSampler)
