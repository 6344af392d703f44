"""The learning rate rises at the start, whatever scheduler comes afterwards."""

from functools import partial

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    ReduceLROnPlateau,
    StepLR,
)
from torch.utils.data import DataLoader

from ml_core.errors import ConfigError
from ml_core.models.base_module import BaseLitModule
from ml_core.models.optimization import SchedulerSpec
from ml_core.models.utils import CriterionsComposition
from ml_core.models.warmup import LinearWarmup
from ml_core.transforms.base import WrapTransform

BATCHES = 4
DATA = [{"x": torch.ones(1), "y": torch.zeros(1)} for _ in range(BATCHES)]
QUIET = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}


class Rates(Callback):
    """Keeps the learning rate that every optimizer step was made with."""

    def __init__(self):
        self.seen = []

    def on_before_optimizer_step(self, trainer, module, optimizer):
        self.seen.append(optimizer.param_groups[0]["lr"])


def model(scheduler, **beside):
    return BaseLitModule(
        forward_fn=WrapTransform(nn.Linear(1, 1), new_key="output", mapping={"x": "input"}),
        criterions=CriterionsComposition(
            {"mse": nn.MSELoss()}, weights={"mse": 1.0}, mapping={"mse": {"output": "input", "y": "target"}}
        ),
        optimizer=partial(SGD, lr=1.0),
        scheduler=SchedulerSpec(scheduler, **beside),
    )


def rates(scheduler, ckpt_path=None, **options):
    """Return the learning rate of every step of a training."""
    beside = {key: options.pop(key) for key in list(options) if key.startswith(("warmup", "interval", "monitor"))}
    seen = Rates()
    trainer = Trainer(callbacks=[seen], enable_checkpointing=False, **QUIET, **options)
    trainer.fit(model(scheduler, **beside), DataLoader(DATA), ckpt_path=ckpt_path)
    return seen.seen, trainer


def test_it_rises_from_the_first_step_and_is_constant_afterwards():
    seen, _ = rates(partial(ConstantLR, factor=1.0), max_epochs=2, warmup_steps=5)

    assert seen == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1])


def test_the_first_step_is_made_with_the_share_that_is_asked_for():
    seen, _ = rates(partial(ConstantLR, factor=1.0), max_epochs=1, warmup_steps=2, warmup_start=0.5)

    assert seen == pytest.approx([0.5, 0.75, 1, 1])


def test_a_schedule_by_epoch_starts_after_an_epoch_of_warm_up():
    seen, _ = rates(partial(StepLR, step_size=1, gamma=0.1), max_epochs=3, warmup_epochs=1)

    assert seen == pytest.approx([0, 0.25, 0.5, 0.75, *[1] * 4, *[0.1] * 4])


def test_a_schedule_by_step_starts_after_the_warm_up():
    seen, _ = rates(partial(ExponentialLR, gamma=0.5), max_epochs=2, warmup_steps=3, interval="step")

    assert seen == pytest.approx([0, 1 / 3, 2 / 3, 1, 0.5, 0.25, 0.125, 0.0625])


def test_cosine_annealing_is_as_long_as_what_the_warm_up_leaves():
    seen, _ = rates(CosineAnnealingLR, max_epochs=2, warmup_steps=4, interval="step")

    expected = [(1 + torch.tensor(k / 4 * torch.pi).cos().item()) / 2 for k in range(4)]
    assert seen == pytest.approx([0, 0.25, 0.5, 0.75, *expected], abs=1e-6)


def test_a_plateau_scheduler_does_not_count_the_epochs_of_the_warm_up():
    plateau = partial(ReduceLROnPlateau, patience=0, threshold=1e9, threshold_mode="abs", factor=0.1)

    seen, _ = rates(plateau, max_epochs=4, warmup_epochs=1, monitor="train/total")

    assert seen[4:8] == [1.0] * 4
    assert seen[-1] < 1.0


def test_half_an_epoch_is_a_length_too():
    seen, _ = rates(partial(ConstantLR, factor=1.0), max_epochs=1, warmup_epochs=0.5)

    assert seen == pytest.approx([0, 0.5, 1, 1])


def test_the_ratio_of_the_groups_stays():
    optimizer = SGD([{"params": [torch.zeros(1, requires_grad=True)], "lr": lr} for lr in (1.0, 0.01)])
    warmup = LinearWarmup(optimizer, steps=4)
    for step in range(6):
        high, low = (group["lr"] for group in optimizer.param_groups)
        assert high == pytest.approx(min(1, step / 4))
        assert low == pytest.approx(high / 100)
        optimizer.step()
        warmup.step()


@pytest.mark.parametrize("stop", [2, 6])
def test_a_resumed_run_goes_on_with_the_same_rates(tmp_path, stop):
    scheduler, options = partial(ExponentialLR, gamma=0.5), {"warmup_steps": 5, "interval": "step"}
    unbroken, _ = rates(scheduler, max_steps=8, **options)

    before, trainer = cut(scheduler, stop, options)
    trainer.save_checkpoint(tmp_path / "cut.ckpt")
    after, _ = rates(scheduler, max_steps=8, ckpt_path=tmp_path / "cut.ckpt", **options)

    assert before + after == pytest.approx(unbroken)


def cut(scheduler, stop, options):
    """Train for 8 steps, but leave after `stop`."""

    class Leave(Callback):
        def on_train_batch_end(self, trainer, *_):
            trainer.should_stop = trainer.global_step >= stop

    seen = Rates()
    trainer = Trainer(callbacks=[seen, Leave()], enable_checkpointing=False, max_steps=8, min_steps=0, **QUIET)
    trainer.fit(model(scheduler, **options), DataLoader(DATA))
    return seen.seen, trainer


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"warmup_steps": 8},
            "model.scheduler.warmup_steps: asks for 8 steps of warm-up, but the whole training has 8. "
            "Warm up for less, or train for longer.",
        ),
        (
            {"warmup_epochs": 3},
            "model.scheduler.warmup_epochs: asks for 12 steps of warm-up, but the whole training has 8. "
            "Warm up for less, or train for longer.",
        ),
    ],
)
def test_a_warm_up_that_is_not_shorter_than_the_training_is_refused(asked, message):
    with pytest.raises(ConfigError) as caught:
        rates(partial(ConstantLR, factor=1.0), max_epochs=2, **asked)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"warmup_steps": -1}, "warmup_steps: is -1, but must be a whole number from 0."),
        ({"warmup_steps": True}, "warmup_steps: is True, but must be a whole number from 0."),
        ({"warmup_epochs": -0.5}, "warmup_epochs: is -0.5, but must be a number from 0."),
        ({"warmup_start": 1}, "warmup_start: is 1, but must be a share from 0 to below 1."),
        (
            {"warmup_steps": 1, "warmup_epochs": 1},
            "warmup_steps: and warmup_epochs exclude each other. Keep one.",
        ),
    ],
)
def test_a_bad_value_is_refused(asked, message):
    with pytest.raises(ConfigError) as caught:
        SchedulerSpec(ConstantLR, **asked)

    assert str(caught.value) == message
