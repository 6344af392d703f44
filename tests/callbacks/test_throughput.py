"""Speed of the training."""

import time
from functools import partial

import torch
from lightning.pytorch import Trainer
from torch import nn
from torch.optim import SGD
from torch.utils.data import DataLoader, Dataset

from ml_core.callbacks.throughput import Throughput
from ml_core.models.base_module import BaseLitModule
from ml_core.models.utils import CriterionsComposition
from ml_core.transforms.base import WrapTransform

REST = 0.01


def rest(x):
    time.sleep(REST)
    return x


class Samples(Dataset):
    """Twelve samples; each takes as long as it is told."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __len__(self):
        return 12

    def __getitem__(self, index):
        time.sleep(self.seconds)
        return {"x": torch.ones(1), "y": torch.ones(1)}


def figures(train_seconds=0.0, step=None, val_seconds=None):
    steps = nn.Sequential(nn.Linear(1, 1), nn.Identity())
    if step is not None:
        steps[1].forward = step
    module = BaseLitModule(
        forward_fn=WrapTransform(steps, new_key="output", mapping={"x": "input"}),
        criterions=CriterionsComposition({"mse": nn.MSELoss()}, mapping={"mse": {"output": "input", "y": "target"}}),
        optimizer=partial(SGD, lr=0.1),
    )
    trainer = Trainer(
        max_epochs=1, callbacks=[Throughput()], logger=False, accelerator="cpu", enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    val = None if val_seconds is None else DataLoader(Samples(val_seconds), batch_size=3)
    start = time.perf_counter()
    trainer.fit(module, DataLoader(Samples(train_seconds), batch_size=3), val)
    values = {name.partition("/")[2]: value.item() for name, value in trainer.callback_metrics.items()}
    return values, time.perf_counter() - start


def test_samples_and_steps_are_counted_against_the_clock():
    values, seconds = figures(train_seconds=REST)

    assert 12 / seconds < values["samples_per_second"] <= 12 / (12 * REST)
    assert abs(values["steps_per_second"] * 3 / values["samples_per_second"] - 1) < 1e-3


def test_slow_data_is_waited_for_and_a_slow_step_is_not():
    slow_data, _ = figures(train_seconds=REST)
    slow_step, _ = figures(step=rest)

    assert slow_step["data_wait"] < 0.5 < slow_data["data_wait"] <= 1


def test_the_time_of_the_validation_does_not_count():
    values, seconds = figures(step=rest, val_seconds=5 * REST)

    assert values["samples_per_second"] > 2 * 12 / seconds


def test_the_peak_of_memory_holds_at_least_the_libraries():
    values, _ = figures()

    assert values["peak_memory_mib"] > 50


def test_it_tells_what_it_logs():
    values, _ = figures()

    assert {f"throughput/{name}" for name in values if name not in ("mse", "total")} == set(
        Throughput().logged_values()
    )
