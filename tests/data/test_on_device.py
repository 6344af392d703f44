"""Steps of the data on the device: for which batches, in which order, and what they say when they fail."""

from __future__ import annotations

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn

from ml_core.data.base_datamodule import BaseDataModule
from ml_core.data.on_device import DeviceSteps
from ml_core.errors import BatchKeyError
from ml_core.step_errors import StepError
from ml_core.transforms.base import ComposeTransform, RenameTransform

CPU = torch.device("cpu")


class Recorder(LightningModule):
    """Keeps the keys of the batches of each stage."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.seen = {}

    def training_step(self, batch, batch_idx):
        self.seen["train"] = batch
        return self.weight * batch["x"].sum()

    def validation_step(self, batch, batch_idx):
        self.seen["val"] = batch

    def test_step(self, batch, batch_idx):
        self.seen["test"] = batch

    def predict_step(self, batch, batch_idx):
        self.seen["predict"] = batch

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_every_split_is_transformed_and_the_train_split_alone_augmented(tmp_path):
    rows = [{"x": float(row)} for row in range(8)]
    data = BaseDataModule(
        {"train": rows, "validation": rows, "test": rows},
        transform=lambda batch: {"worker": batch["x"]},
        device_transform=lambda batch: {"scaled": batch["worker"] / 8},
        device_augment=lambda batch: {"noisy": batch["scaled"] + 1},
        batch_size=4,
    )
    module = Recorder()
    trainer = Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        default_root_dir=tmp_path, num_sanity_val_steps=2,
    )  # fmt: skip
    trainer.fit(module, data)
    trainer.test(module, data, verbose=False)
    trainer.predict(module, data)
    assert {stage: list(batch) for stage, batch in module.seen.items()} == {
        "train": ["x", "worker", "scaled", "noisy"],
        "val": ["x", "worker", "scaled"],
        "test": ["x", "worker", "scaled"],
        "predict": ["x", "worker", "scaled"],
    }


def test_without_steps_a_batch_is_handed_through():
    batch = {"x": torch.zeros(2)}
    assert DeviceSteps(None, None)(batch, CPU, is_train=True) is batch


def test_the_input_stays_as_it_is():
    batch = {"x": torch.zeros(2)}
    assert list(DeviceSteps(RenameTransform({"x": "y"}), None)(batch, CPU, is_train=False)) == ["x", "y"]
    assert list(batch) == ["x"]


def test_modules_follow_the_batches_to_their_device():
    step = nn.BatchNorm1d(1)
    steps = DeviceSteps(ComposeTransform(norm=step), lambda batch: {})
    steps._move(torch.device("meta"))
    assert step.weight.device.type == "meta"


@pytest.mark.parametrize("name", ["device_transform", "device_augment"])
def test_an_error_in_a_step_has_its_path(name):
    steps = {
        "device_transform": None,
        "device_augment": None,
        name: ComposeTransform(first=RenameTransform({"y": "z"})),
    }
    with pytest.raises(BatchKeyError) as error:
        DeviceSteps(*steps.values())({"x": torch.zeros(2)}, CPU, is_train=True)
    assert str(error.value) == f"data.{name}.first.mapping: no key 'y' in the batch. Keys: x."


def test_a_step_that_fails_is_told_with_what_it_got():
    def broken(batch):
        raise ValueError("no")

    with pytest.raises(StepError, match=r"^data\.device_augment: .*broken failed .*: no\. Keys at this point: x \("):
        DeviceSteps(None, broken)({"x": torch.zeros(2)}, CPU, is_train=True)
