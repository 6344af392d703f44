"""Which values a run can log, and what is said of one that nothing logs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import LearningRateMonitor, ModelSummary
from torch import nn
from torchmetrics import Accuracy, Metric
from torchmetrics.wrappers import ClasswiseWrapper

from ml_core.callbacks.metrics_callback import MetricsCallback
from ml_core.callbacks.run_state import RunState
from ml_core.errors import ConfigError
from ml_core.models.base_module import BaseLitModule
from ml_core.models.utils import CriterionsComposition, MetricsComposition
from ml_core.transforms.base import WrapTransform
from ml_core.utils.logged_values import loggable, not_logged, require_logged

MAPPING = {"output": "preds", "y": "target"}
LOSSES = {f"{stage}/{name}" for stage in ("train", "val", "test") for name in ("mse", "total")}
METRICS = {"val/best", "train/f1", "val/f1", "test/f1"}


def module() -> BaseLitModule:
    criterions = CriterionsComposition({"mse": nn.MSELoss()}, mapping={"output": "input", "y": "target"})
    return BaseLitModule(WrapTransform(nn.Linear(2, 1), "output", {"x": "input"}), criterions, torch.optim.SGD)


def metrics(metric: Metric | None = None) -> MetricsCallback:
    metric = metric or Accuracy(task="multiclass", num_classes=3)
    return MetricsCallback(MetricsComposition({"f1": metric}, {"f1": MAPPING}))


class Foreign(Callback):
    """A callback of a user's own, which may log anything."""


class OwnModule(BaseLitModule):
    """A module of a user's own, which may log anything."""


class Unannotated(Accuracy(task="multiclass", num_classes=3).__class__):
    def compute(self):
        return {"made_up": torch.tensor(1.0)}


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        ([module()], LOSSES),
        ([module(), metrics(), RunState({}), ModelSummary()], LOSSES | METRICS),
        ([module(), LearningRateMonitor()], LOSSES | {"lr-"}),
        ([module(), Foreign()], None),
        ([OwnModule(module().forward_fn, module().criterions, torch.optim.SGD)], None),
        ([module(), metrics(ClasswiseWrapper(Accuracy(task="multiclass", num_classes=3, average=None)))], None),
        ([module(), metrics(Unannotated(num_classes=3))], None),
    ],
    ids=["module", "all", "rates", "callback", "subclass", "dict", "unannotated"],
)
def test_what_a_run_logs_is_known_unless_something_foreign_is_in_it(sources: list[Any], names: set[str] | None):
    assert loggable(sources) == names


@pytest.mark.parametrize("name", ["val/f1", "val/best", "train/total", "lr-Adam", "epoch", "step", "val/f1/0", None])
def test_a_value_that_is_logged_may_be_waited_for(name: str | None):
    require_logged(name, [module(), metrics(), LearningRateMonitor()], "callbacks.x.monitor")


@pytest.mark.parametrize("name", ["val/f2", "lr-Adam", "f1", "test/f1", "val/mse_step"])
def test_a_value_that_nothing_logs_may_not(name: str):
    with pytest.raises(ConfigError, match=rf"^callbacks\.x\.monitor: nothing in this run logs '{name}'\."):
        require_logged(name, [module(), metrics()], "callbacks.x.monitor")


def test_the_nearest_and_all_others_are_told():
    with pytest.raises(ConfigError) as caught:
        require_logged("val/bset", [module(), metrics()], "callbacks.early_stopping.monitor")
    assert caught.value.exit_code == 64
    assert str(caught.value) == (
        "callbacks.early_stopping.monitor: nothing in this run logs 'val/bset'. Did you mean 'val/best'? "
        "It logs: train/f1, train/mse, train/total, val/best, val/f1, val/mse, val/total."
    )


def test_the_test_stage_is_there_for_whoever_looks_after_it():
    require_logged("test/f1", [module(), metrics()], "optimized_metric", in_training=False)


def test_a_foreign_part_may_log_anything():
    require_logged("val/anything", [module(), Foreign()], "callbacks.x.monitor")


def test_a_value_that_was_not_logged_after_all_is_told_alike():
    assert str(not_logged("val/best", {"val/total": 1.0}, "callbacks.x.monitor")) == (
        "callbacks.x.monitor: 'val/best' was not logged. "
        "It comes from callbacks.metrics_callback, which is switched off. Logged: val/total."
    )
