"""Values that early stopping and checkpoints wait for, and that never come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn
from torch.utils.data import DataLoader

from ml_core.callbacks.early_stopping import EarlyStopping
from ml_core.callbacks.model_checkpoint import ModelCheckpoint
from ml_core.errors import ConfigError, StorageError
from ml_core.models.base_module import BaseLitModule
from ml_core.models.utils import CriterionsComposition
from ml_core.transforms.base import WrapTransform

KNOWN = "It logs: train/mse, train/total, val/mse, val/total."


class Foreign(Callback):
    """May log anything, so that a name is not refused before it was waited for."""


class Timid(LightningModule):
    """Logs nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def training_step(self, batch, batch_idx):
        return self.weight.sum()

    def validation_step(self, batch, batch_idx):
        self.log("val/there", torch.tensor(1.0))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def module() -> BaseLitModule:
    criterions = CriterionsComposition({"mse": nn.MSELoss()}, mapping={"output": "input", "y": "target"})
    network = WrapTransform(nn.Linear(2, 1), "output", {"x": "input"})
    return BaseLitModule(network, criterions, lambda params: torch.optim.SGD(params, lr=0.1))


def fit(model: LightningModule, *callbacks: Callback, **options: Any) -> Trainer:
    data = DataLoader([{"x": torch.zeros(1, 2), "y": torch.zeros(1, 1)}], batch_size=None)
    saves = any(isinstance(callback, ModelCheckpoint) for callback in callbacks)
    runner = Trainer(
        accelerator="cpu", max_epochs=1, callbacks=list(callbacks), logger=False, enable_checkpointing=saves,
        enable_progress_bar=False, enable_model_summary=False, **options,
    )  # fmt: skip
    runner.fit(model, data, data)
    return runner


def callback_of(kind: type, folder: Path, **options: Any) -> Callback:
    return kind(**options) if kind is EarlyStopping else kind(dirpath=folder, **options)


CASES = [(EarlyStopping, "early_stopping"), (ModelCheckpoint, "model_checkpoint")]


@pytest.mark.parametrize(("kind", "name"), CASES)
@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_stated_mode_does_not_let_an_unknown_name_through(kind: type, name: str, mode: str, tmp_path: Path):
    with pytest.raises(ConfigError) as caught:
        fit(module(), callback_of(kind, tmp_path, monitor="val/totl", mode=mode))
    assert str(caught.value) == (
        f"callbacks.{name}.monitor: nothing in this run logs 'val/totl'. Did you mean 'val/total'? {KNOWN}"
    )


@pytest.mark.parametrize(("kind", "name"), CASES)
@pytest.mark.parametrize("mode", ["auto", "min"])
def test_values_of_the_test_stage_do_not_come_while_training(kind: type, name: str, mode: str, tmp_path: Path):
    with pytest.raises(ConfigError, match=rf"^callbacks\.{name}\.monitor: .*'test/total'"):
        fit(module(), callback_of(kind, tmp_path, monitor="test/total", mode=mode))


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_where_something_foreign_may_log_it_the_first_look_tells(kind: type, name: str, tmp_path: Path):
    with pytest.raises(ConfigError) as caught:
        fit(Timid(), Foreign(), callback_of(kind, tmp_path, monitor="val/thre", mode="min"))
    assert str(caught.value) == (
        f"callbacks.{name}.monitor: 'val/thre' was not logged. Did you mean 'val/there'? Logged: val/there."
    )


def test_what_is_not_strict_goes_on():
    assert fit(Timid(), EarlyStopping(monitor="val/thre", mode="min", strict=False)).current_epoch == 1


def test_c5_a_folder_that_cannot_be_written_to_is_told_before_training(tmp_path: Path):
    (tmp_path / "file").write_text("")
    model = module()
    with pytest.raises(StorageError) as caught:
        fit(model, ModelCheckpoint(dirpath=tmp_path / "file" / "checkpoints"))
    assert str(caught.value) == (
        f"{tmp_path}/file/checkpoints: checkpoints cannot be written here: Not a directory. Nothing was trained."
    )
    assert caught.value.exit_code == 74
    assert model.trainer.global_step == 0
