"""What happens when a loss or a weight is no longer finite; fitted on the smallest of models."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint as LightningModelCheckpoint
from torch import nn
from torch.utils.data import DataLoader

from ml_core.callbacks.model_checkpoint import ModelCheckpoint
from ml_core.data.batches import BatchedDataset
from ml_core.data.epoch_batches import EpochBatches
from ml_core.data.epoch_loader import EpochLoader
from ml_core.data.sampling import Shuffled
from ml_core.errors import DataError, NumericsError, UserError
from ml_core.models import finite
from ml_core.models.base_module import BaseLitModule
from ml_core.models.finite import LossWatch, require_finite_weights
from ml_core.models.position import Position
from ml_core.models.utils import CriterionsComposition
from ml_core.transforms.base import WrapTransform

ADVICE = (
    "Lower model.optimizer.lr, set trainer.gradient_clip_val=1.0, or use trainer.precision=32-true; "
    "trainer.detect_anomaly=true finds the operation."
)


class Poisoned(nn.Module):
    """A mean squared error that is `value` at some calls, counted from 0, with (training) or without gradient."""

    def __init__(self, at: tuple[int, ...], value: float = math.nan, in_training: bool = True) -> None:
        super().__init__()
        self.at, self.value, self.in_training, self.calls = at, value, in_training, -1

    def forward(self, input, target):
        self.calls += input.requires_grad is self.in_training
        is_now = self.calls in self.at and input.requires_grad is self.in_training
        return nn.functional.mse_loss(input, target) + (self.value if is_now else 0.0)


class NanGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * math.nan


def module(loss: nn.Module, lr: float = 0.1) -> BaseLitModule:
    torch.manual_seed(0)
    mapping = {"output": "input", "y": "target"}
    return BaseLitModule(
        WrapTransform(nn.Linear(2, 1), "output", {"x": "input"}),
        CriterionsComposition({"mse": nn.MSELoss(), "bad": loss}, mapping={"mse": mapping, "bad": mapping}),
        lambda params: torch.optim.SGD(params, lr=lr),
    )


def rows(count: int = 8, bad: int | None = None) -> list[dict[str, torch.Tensor]]:
    made = [{"x": torch.full((2,), float(i)), "y": torch.zeros(1)} for i in range(count)]
    if bad is not None:
        made[bad]["x"] = torch.tensor([1.0, math.inf])
    return made


def loader(data: list[dict[str, torch.Tensor]]) -> DataLoader:
    return EpochLoader(BatchedDataset(data), order(len(data)))


def order(count: int = 8) -> EpochBatches:
    return EpochBatches(Shuffled(count), batch_size=2, seed=3)


def fit(
    model: BaseLitModule, folder: Path, data: list | None = None, val: list | None = None, **options: Any
) -> Trainer:
    saving = ModelCheckpoint(dirpath=folder, filename="{step}", save_last=True, every_n_train_steps=1, save_top_k=-1)
    runner = Trainer(
        accelerator="cpu", callbacks=[options.pop("saving", saving)], logger=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, **{"max_epochs": 1, **options},
    )  # fmt: skip
    runner.fit(model, loader(data or rows()), loader(val) if val else None)
    return runner


def failure(model: BaseLitModule, folder: Path, *args: Any, **options: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        fit(model, folder, *args, **options)
    return caught.value


def saved_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return the weight in every checkpoint of a folder."""
    files = sorted(folder.glob("*.ckpt"))
    return {f.name: torch.load(f, weights_only=True)["state_dict"]["forward_fn.transform.weight"] for f in files}


@pytest.mark.parametrize(("value", "name"), [(math.nan, "nan"), (math.inf, "inf")])
def test_n1_n2_a_loss_that_is_not_finite_ends_the_training_before_the_weights_see_it(value, name, tmp_path: Path):
    model = module(Poisoned(at=(2,), value=value), lr=0.001)
    error = failure(model, tmp_path)
    bad = order().rows_of(2)

    assert type(error) is NumericsError
    assert error.exit_code == 70
    assert error.where == "model.criterions.criterions.bad"
    assert error.what.startswith(f"the loss is not finite at step 2 (epoch 0, batch 2): 'bad' is {name}, 'mse' is ")
    assert error.what.endswith(f". Nothing after it is saved. Rows of the train split: {bad[0]}, {bad[1]}.")
    assert error.fix == ADVICE
    assert error.__notes__ == [f"Rows of the train split in this batch: {bad[0]}, {bad[1]}"]

    saved = saved_weights(tmp_path)
    assert list(saved) == ["last.ckpt", "step=1.ckpt", "step=2.ckpt"]
    torch.testing.assert_close(saved["step=2.ckpt"], model.forward_fn.transform.weight.detach())
    assert all(weight.isfinite().all() for weight in saved.values())


def test_d3_data_that_is_not_finite_is_named_with_key_and_row(tmp_path: Path):
    error = failure(module(nn.L1Loss(), lr=0.001), tmp_path, rows(bad=5))
    assert type(error) is DataError
    assert error.exit_code == 65
    assert error.where == "data"
    assert error.what.endswith(". The data holds nan or inf: 'x' in row 5 of the train split.")
    assert error.fix == "Correct these rows, or leave them out."


def test_without_a_known_order_the_row_of_the_batch_is_named():
    batch = {"x": torch.tensor([[0.0, 1.0], [0.0, math.nan]]), "y": torch.zeros(2, 1)}
    with pytest.raises(DataError, match=r"^data: the loss is not finite in this step: .* 'x' in row 1 of this batch\."):
        module(nn.L1Loss()).training_step(batch, 0)


@pytest.mark.parametrize("at", [(1,), (3,)])
def test_where_values_are_read_late_the_first_bad_step_is_still_named(at, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(finite, "is_read_at_once", lambda total: False)  # as on an accelerator
    end = LightningModelCheckpoint(dirpath=tmp_path, save_top_k=-1)
    error = failure(module(Poisoned(at=at), lr=0.001), tmp_path, saving=end, max_epochs=2)
    assert error.what.startswith(f"the loss is not finite at step {at[0]} (epoch 0, batch {at[0]}): 'bad' is nan, ")
    assert saved_weights(tmp_path) == {}


def test_late_reading_happens_every_so_many_steps(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(finite, "is_read_at_once", lambda total: False)
    model = module(Poisoned(at=(1,)), lr=0.001)
    error = failure(model, tmp_path, rows(16), log_every_n_steps=4, saving=LightningModelCheckpoint(dirpath=tmp_path))
    assert "at step 1 (epoch 0, batch 1)" in error.what
    assert model.trainer.global_step == 3


def test_late_reading_happens_before_a_checkpoint_is_written(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(finite, "is_read_at_once", lambda total: False)
    error = failure(module(Poisoned(at=(1,)), lr=0.001), tmp_path)
    assert "at step 1 (epoch 0, batch 1)" in error.what
    assert list(saved_weights(tmp_path)) == ["last.ckpt", "step=1.ckpt"]
    assert all(weight.isfinite().all() for weight in saved_weights(tmp_path).values())


class NanGradientLoss(nn.Module):
    def forward(self, input, target):
        return nn.functional.mse_loss(NanGradient.apply(input), target)


def test_n6_weights_that_a_gradient_spoilt_are_never_saved(tmp_path: Path):
    error = failure(module(NanGradientLoss()), tmp_path, max_steps=1)
    assert str(error) == (
        "model.forward_fn: weights hold nan or inf after step 1: forward_fn.transform.weight, "
        f"forward_fn.transform.bias. This state is not saved. The checkpoints written before are untouched. {ADVICE}"
    )
    assert saved_weights(tmp_path) == {}


def test_anomaly_detection_goes_on_working(tmp_path: Path):
    with pytest.raises(RuntimeError, match="Function 'NanGradientBackward' returned nan values"):
        fit(module(NanGradientLoss()), tmp_path, detect_anomaly=True)


def test_n4_batches_of_validation_that_are_not_finite_are_counted_and_do_not_hide(tmp_path: Path, caplog):
    model = module(Poisoned(at=(1, 2), in_training=False), lr=0.001)
    runner = fit(model, tmp_path, val=rows(20), saving=LightningModelCheckpoint(dirpath=tmp_path))
    assert [r.getMessage() for r in caplog.records if r.name == finite.__name__] == [
        "val: 2 of 10 batches had a total loss that is not finite, so the means are not either."
    ]
    assert math.isnan(runner.callback_metrics["val/total"])
    assert runner.callback_metrics["val/mse"].isfinite()


def test_the_count_starts_anew_and_folds_long_evaluations(monkeypatch, caplog):
    monkeypatch.setattr(finite, "FOLD_AFTER", 2)
    watch = LossWatch()
    for value in (1.0, math.inf, 2.0, math.nan, 3.0):
        watch.count(torch.tensor(value))
    watch.say("test")
    watch.start()
    watch.count(torch.tensor(1.0))
    watch.say("test")
    assert caplog.messages == ["test: 2 of 5 batches had a total loss that is not finite, so the means are not either."]


def test_reading_forgets_what_was_read():
    watch = LossWatch()
    assert watch.keep(Position(0, 0, 0), {"total": torch.tensor(1.0)}) == 1
    watch.read()
    assert watch.keep(Position(1, 0, 1), {"total": torch.tensor(1.0)}) == 1


def test_weights_of_any_kind_are_looked_at():
    layer = nn.Linear(2, 2).half()
    frozen = nn.Parameter(torch.tensor([1]), requires_grad=False)
    named = [*layer.named_parameters(), ("count", frozen), ("none", nn.Parameter(torch.empty(0)))]
    require_finite_weights(named, "after step 1")
    layer.bias.data[1] = math.inf
    with pytest.raises(NumericsError, match=r"^model: weights hold nan or inf after step 1: bias\. "):
        require_finite_weights(named, "after step 1")


def test_a_model_without_weights_is_finite():
    require_finite_weights([], "after step 1")
