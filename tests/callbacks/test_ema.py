"""The moving average of the weights."""

from functools import partial

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from torch import nn
from torch.optim import SGD
from torch.utils.data import DataLoader

from ml_core.callbacks.ema import EMA
from ml_core.errors import ConfigError
from ml_core.models.base_module import BaseLitModule
from ml_core.models.utils import CriterionsComposition
from ml_core.transforms.base import WrapTransform

NOISE = torch.Generator().manual_seed(0)
SAMPLES = [{"x": torch.randn(2, generator=NOISE), "y": torch.randn(1, generator=NOISE)} for _ in range(12)]
LOADER = DataLoader(SAMPLES, batch_size=3)  # four steps an epoch


def model():
    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    return BaseLitModule(
        forward_fn=WrapTransform(network, new_key="output", mapping={"x": "input"}),
        criterions=CriterionsComposition({"mse": nn.MSELoss()}, mapping={"mse": {"output": "input", "y": "target"}}),
        optimizer=partial(SGD, lr=0.1, momentum=0.9),
    )


def snapshot(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


class Seen(Callback):
    """Keeps the weights after every step, before the averages are put into their place."""

    def __init__(self):
        self.steps, self.validated = [], []

    def on_train_batch_end(self, trainer, pl_module, *_):
        self.steps.append(snapshot(pl_module))

    def on_validation_batch_end(self, trainer, pl_module, *_):
        self.validated.append(snapshot(pl_module))


def fit(ema, *more, epochs=2, ckpt_path=None, **options):
    seen, module = Seen(), model()
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    trainer = Trainer(
        max_epochs=epochs,
        callbacks=[seen, ema, *more],
        enable_checkpointing=False,
        num_sanity_val_steps=0,
        **quiet,
        **options,
    )
    trainer.fit(module, LOADER, LOADER, ckpt_path=ckpt_path)
    return trainer, module, seen


def averaged(start, steps, decay):
    """Return the moving average of every value over the steps, by hand."""
    result = {name: value.clone() for name, value in start.items()}
    for n, weights in enumerate(steps):
        d = min(decay, (1 + n) / (10 + n))
        for name, value in weights.items():
            result[name] = d * result[name] + (1 - d) * value if value.is_floating_point() else value
    return result


def assert_equal(first, second, **tolerance):
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name], **tolerance)


@pytest.mark.parametrize("decay", [0.0, 0.2, 0.9])
def test_the_model_ends_as_the_average_of_its_weights(decay):
    _, module, seen = fit(EMA(decay))

    assert_equal(snapshot(module), averaged(snapshot(model()), seen.steps, decay))


def test_validation_uses_the_averages_and_training_goes_on_with_the_weights():
    _, _, with_average = fit(EMA(0.5))
    _, _, alone = fit(Callback())

    assert_equal(with_average.validated[0], averaged(snapshot(model()), with_average.steps[:4], 0.5))
    for first, second in zip(with_average.steps, alone.steps, strict=True):
        assert_equal(first, second, rtol=0, atol=0)


def test_updates_can_be_rarer_and_start_later():
    _, module, seen = fit(EMA(0.5, every_n_steps=2, start_step=2))

    expected = averaged(seen.steps[1], [seen.steps[3], seen.steps[5], seen.steps[7]], 0.5)
    assert_equal(snapshot(module), expected)


def test_a_step_of_accumulated_gradients_counts_once():
    ema = EMA(0.5)
    fit(ema, accumulate_grad_batches=2)

    assert ema.num_updates == 4


def test_a_checkpoint_holds_the_averages_as_the_weights_of_the_model(tmp_path):
    trainer, module, seen = fit(EMA(0.5))
    trainer.save_checkpoint(tmp_path / "end.ckpt")

    saved = torch.load(tmp_path / "end.ckpt", weights_only=True)
    assert_equal(saved["state_dict"], averaged(snapshot(model()), seen.steps, 0.5))
    fresh = model()
    fresh.load_state_dict(saved["state_dict"])
    assert_equal(snapshot(fresh), snapshot(module))


class SaveAt(Callback):
    """Saves a checkpoint after an optimizer step, or in a validation, as a checkpoint callback may."""

    def __init__(self, path, step, *, in_validation):
        self.path, self.step, self.in_validation = path, step, in_validation

    def save(self, trainer):
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)

    def on_train_batch_end(self, trainer, *_):
        if not self.in_validation:
            self.save(trainer)

    def on_validation_epoch_end(self, trainer, *_):
        if self.in_validation:
            self.save(trainer)


@pytest.mark.parametrize("in_validation", [False, True])
def test_a_resumed_run_ends_equal_to_the_unbroken_one(tmp_path, in_validation):
    _, unbroken, _ = fit(EMA(0.5), SaveAt(tmp_path / "cut.ckpt", 4, in_validation=in_validation))
    _, resumed, _ = fit(EMA(0.5), ckpt_path=tmp_path / "cut.ckpt")

    assert_equal(snapshot(unbroken), snapshot(resumed), rtol=0, atol=0)


def test_a_checkpoint_without_averages_starts_them_anew(tmp_path):
    trainer, module, _ = fit(Callback(), epochs=1)
    trainer.save_checkpoint(tmp_path / "plain.ckpt")

    ema = EMA(0.5)
    _, _, seen = fit(ema, epochs=2, ckpt_path=tmp_path / "plain.ckpt")

    assert ema.num_updates == 4
    assert_equal(ema.averages, averaged(snapshot(module), seen.steps, 0.5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"decay": 1.0}, "decay: is 1.0, but must be a number from 0 to below 1."),
        ({"decay": True}, "decay: is True, but must be a number from 0 to below 1."),
        ({"every_n_steps": 0}, "every_n_steps: is 0, but must be a whole number from 1."),
        ({"start_step": -1}, "start_step: is -1, but must be a whole number from 0."),
    ],
)
def test_a_value_out_of_range_is_refused(arguments, message):
    with pytest.raises(ConfigError) as caught:
        EMA(**arguments)

    assert str(caught.value) == message
