"""The norm of the gradients."""

from functools import partial

import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn
from torch.optim import SGD
from torch.utils.data import DataLoader

from ml_core.callbacks.gradient_norm import GradientNorm
from ml_core.models.base_module import BaseLitModule
from ml_core.models.utils import CriterionsComposition
from ml_core.transforms.base import WrapTransform

# With weight 0 and no learning the gradient of (0 * x - y)^2 is -2 x y
SAMPLES = [{"x": torch.tensor([x]), "y": torch.tensor([1.0])} for x in (1.0, 2.0, 3.0, 10.0)]


def logged(callback, **options):
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    module = BaseLitModule(
        forward_fn=WrapTransform(network, new_key="output", mapping={"x": "input"}),
        criterions=CriterionsComposition({"mse": nn.MSELoss()}, mapping={"mse": {"output": "input", "y": "target"}}),
        optimizer=partial(SGD, lr=0.0),
    )
    trainer = Trainer(
        max_epochs=1, callbacks=[callback], logger=False, accelerator="cpu", enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, **options,
    )  # fmt: skip
    trainer.fit(module, DataLoader(SAMPLES))
    values = trainer.callback_metrics
    return values["train/grad_norm"].item(), values["train/grad_norm_max"].item()


def test_the_mean_and_the_maximum_are_those_of_all_steps():
    assert logged(GradientNorm(every_n_steps=1)) == pytest.approx((8.0, 20.0))


def test_it_looks_as_often_as_the_trainer_logs():
    assert logged(GradientNorm(), log_every_n_steps=2) == pytest.approx((4.0, 6.0))


def test_it_is_the_norm_before_clipping():
    assert logged(GradientNorm(every_n_steps=1), gradient_clip_val=0.1) == pytest.approx((8.0, 20.0))


def test_it_tells_what_it_logs():
    assert GradientNorm().logged_values() == ["train/grad_norm", "train/grad_norm_max"]
