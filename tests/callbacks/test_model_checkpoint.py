"""Which checkpoints are written, and what they are called, for given values of the monitored metric."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn
from torch.utils.data import DataLoader

from ml_core.callbacks.early_stopping import EarlyStopping
from ml_core.callbacks.model_checkpoint import ModelCheckpoint
from ml_core.errors import ConfigError
from ml_core.utils.checkpoint_io import AtomicCheckpointIO


class Scripted(LightningModule):
    """Logs a given `val/m` after each epoch; its weight is the number of epochs that it has seen."""

    def __init__(self, values: list[float], direction: str = "max") -> None:
        super().__init__()
        self.values, self.direction = values, direction
        self.weight = nn.Parameter(torch.zeros(1))

    def directions(self) -> dict[str, str]:
        return {"val/m": self.direction}

    def training_step(self, batch, batch_idx):
        return (self.weight * 0).sum()

    def on_train_epoch_end(self) -> None:
        self.weight.data += 1

    def validation_step(self, batch, batch_idx):
        self.log("val/m", torch.tensor(self.values[self.current_epoch]))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(values: list[float], folder: Path, direction: str = "max", ckpt_path: Path | None = None, **changes) -> Trainer:
    settings = {"monitor": "val/m", "filename": "epoch_{epoch}", "save_last": True, "auto_insert_metric_name": False}
    callbacks = [ModelCheckpoint(dirpath=folder, **{**settings, **changes})]
    runner = Trainer(
        accelerator="cpu", max_epochs=len(values), callbacks=callbacks, plugins=AtomicCheckpointIO(), logger=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    data = DataLoader(torch.zeros(2, 1))
    runner.fit(Scripted(values, direction), data, data, ckpt_path=ckpt_path, weights_only=True)
    return runner


def epoch_of(path: Path) -> int:
    return torch.load(path, weights_only=True)["epoch"]


@pytest.mark.parametrize(
    ("values", "direction", "best"),
    [
        ([0.1, 0.9, 0.5], "max", 1),
        ([0.5, 0.2, 0.9], "min", 1),
        ([0.1, 0.2, 0.3], "max", 2),
        ([0.3, 0.3, 0.3], "max", 0),
    ],
)
def test_the_best_by_the_metrics_own_direction_is_kept_and_last_is_the_newest(values, direction, best, tmp_path: Path):
    fit(values, tmp_path, direction)
    assert {path.name for path in tmp_path.iterdir()} == {f"epoch_{best}.ckpt", "last.ckpt"}
    assert epoch_of(tmp_path / f"epoch_{best}.ckpt") == best
    assert epoch_of(tmp_path / "last.ckpt") == 2


def test_after_five_epochs_two_files_are_left(tmp_path: Path):
    fit([0.1, 0.5, 0.2, 0.6, 0.3], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch_3.ckpt", "last.ckpt"]


def test_best_and_last_of_one_epoch_share_their_bytes(tmp_path: Path):
    fit([0.1, 0.9], tmp_path)
    assert (tmp_path / "last.ckpt").samefile(tmp_path / "epoch_1.ckpt")


def test_last_is_written_although_nothing_is_monitored_as_best(tmp_path: Path):
    fit([0.5, 0.4], tmp_path, save_top_k=0)
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


def test_checkpoints_can_be_written_by_steps(tmp_path: Path):
    fit([0.1, 0.2], tmp_path, monitor=None, save_top_k=-1, every_n_train_steps=1, filename="step_{step}")
    assert {f"step_{step}.ckpt" for step in (1, 2, 3, 4)} <= {path.name for path in tmp_path.iterdir()}


def test_a_run_resumed_in_another_folder_knows_the_best_so_far_and_deletes_nothing_of_the_old(tmp_path: Path):
    fit([0.9, 0.1], tmp_path / "old")
    runner = fit([0.9, 0.1, 0.5, 0.95], tmp_path / "new", ckpt_path=tmp_path / "old" / "last.ckpt")
    assert runner.checkpoint_callback.best_model_path == str(tmp_path / "new" / "epoch_3.ckpt")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"epoch_3.ckpt", "last.ckpt"}
    assert {path.name for path in (tmp_path / "old").iterdir()} == {"epoch_0.ckpt", "last.ckpt"}


def test_a_worse_epoch_after_resuming_is_not_the_best(tmp_path: Path):
    fit([0.9, 0.1], tmp_path / "old")
    runner = fit([0.9, 0.1, 0.5], tmp_path / "new", ckpt_path=tmp_path / "old" / "last.ckpt")
    assert runner.checkpoint_callback.best_model_path == str(tmp_path / "old" / "epoch_0.ckpt")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["last.ckpt"]


def test_the_best_is_found_after_its_folder_was_moved(tmp_path: Path):
    fit([0.9, 0.1], tmp_path / "old")
    (tmp_path / "old").rename(tmp_path / "moved")
    runner = fit([0.9, 0.1, 0.5], tmp_path / "new", ckpt_path=tmp_path / "moved" / "last.ckpt")
    assert runner.checkpoint_callback.best_model_path == str(tmp_path / "moved" / "epoch_0.ckpt")


def test_an_unknown_monitor_is_named_before_training(tmp_path: Path):
    with pytest.raises(ConfigError) as error:
        fit([0.1], tmp_path, monitor="val/mm")
    assert str(error.value) == (
        "callbacks.model_checkpoint.monitor: 'val/mm' is not a value that this run is known to log. "
        "Did you mean 'val/m'? Known: val/m. For any other value set `mode` to min or max."
    )


def test_a_stated_mode_is_taken_as_it_is(tmp_path: Path):
    fit([0.1, 0.9, 0.5], tmp_path, direction="max", mode="min")
    assert (tmp_path / "epoch_0.ckpt").exists()


def test_monitoring_validation_without_any_is_an_error(tmp_path: Path):
    callback = ModelCheckpoint(dirpath=tmp_path, monitor="val/m")
    runner = Trainer(accelerator="cpu", max_epochs=1, callbacks=[callback], logger=False, enable_progress_bar=False)
    with pytest.raises(ConfigError, match="'val/m' is logged in validation, but this run has no validation batches"):
        runner.fit(Scripted([0.1]), DataLoader(torch.zeros(2, 1)))


@pytest.mark.parametrize(("direction", "stopped"), [("max", 3), ("min", 4)])
def test_early_stopping_follows_the_direction_too(direction: str, stopped: int, tmp_path: Path):
    values = [0.5, 0.6, 0.4, 0.3, 0.45, 0.5, 0.5, 0.5]
    stopping = EarlyStopping(monitor="val/m", patience=2 if direction == "max" else 1)
    if direction == "min":
        values = [0.5, 0.4, 0.3, 0.2, 0.45, 0.1]
    runner = Trainer(
        accelerator="cpu", max_epochs=8, callbacks=[stopping], logger=False, enable_progress_bar=False,
        enable_checkpointing=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    data = DataLoader(torch.zeros(2, 1))
    runner.fit(Scripted(values, direction), data, data)
    assert stopping.stopped_epoch == stopped


def test_early_stopping_keeps_the_configured_patience_on_resuming():
    stopping = EarlyStopping(monitor="val/m", patience=7)
    stopping.load_state_dict({**EarlyStopping(monitor="val/m", patience=2).state_dict(), "wait_count": 1})
    assert (stopping.patience, stopping.wait_count) == (7, 1)


def test_the_signature_tells_every_argument_of_lightnings_callback():
    import inspect

    from lightning.pytorch.callbacks import ModelCheckpoint as Original

    ours, theirs = inspect.signature(ModelCheckpoint), inspect.signature(Original)
    assert list(ours.parameters) == list(theirs.parameters)
    assert ours.parameters["mode"].default == "auto"
