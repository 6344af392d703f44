"""Metrics per stage against scikit-learn, the best value, and its direction."""

from __future__ import annotations

import functools
import itertools

import pytest
import torch
import torchmetrics
from lightning.pytorch import Trainer
from sklearn.metrics import accuracy_score, f1_score
from torch import nn
from torch.utils.data import DataLoader

from ml_core.callbacks.early_stopping import EarlyStopping
from ml_core.callbacks.metrics_callback import MetricsCallback
from ml_core.callbacks.model_checkpoint import ModelCheckpoint
from ml_core.errors import ConfigError
from ml_core.models.base_module import BaseLitModule
from ml_core.models.utils import CriterionsComposition, MetricsComposition
from ml_core.step_errors import StepError
from ml_core.transforms.base import ComposeTransform, WrapTransform

MAPPING = {"prediction": "preds", "y": "target"}


class Recorder(MetricsCallback):
    """Keeps what the steps return, so that the metrics can be computed again by other means."""

    seen: dict[str, list]

    def _update(self, stage, outputs, set_index=0):
        self.seen.setdefault(stage, []).append((outputs["prediction"].clone(), outputs["y"]))
        super()._update(stage, outputs)


def samples(count: int, seed: int) -> DataLoader:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 4, generator=generator)
    y = torch.randint(3, (count,), generator=generator)
    return DataLoader([{"x": x[i : i + 8], "y": y[i : i + 8]} for i in range(0, count, 8)], batch_size=None)


def classifier() -> BaseLitModule:
    torch.manual_seed(0)
    steps = {
        "network": WrapTransform(nn.Linear(4, 3), "output", {"x": "input"}),
        "argmax": WrapTransform(functools.partial(torch.argmax, dim=-1), "prediction", {"output": "input"}),
    }
    criterions = CriterionsComposition(nn.CrossEntropyLoss(), mapping={"output": "input", "y": "target"})
    return BaseLitModule(ComposeTransform(**steps), criterions, functools.partial(torch.optim.SGD, lr=0.5))


def metrics(**kwargs) -> MetricsComposition:
    named = {
        "accuracy": torchmetrics.Accuracy(task="multiclass", num_classes=3),
        "f1": torchmetrics.F1Score(task="multiclass", num_classes=3, average="macro"),
    }
    return MetricsComposition(named, dict.fromkeys(named, MAPPING), **kwargs)


def trainer(tmp_path, callback, **kwargs) -> Trainer:
    return Trainer(
        accelerator="cpu", max_epochs=kwargs.pop("max_epochs", 1), callbacks=[callback], logger=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path, **kwargs,
    )  # fmt: skip


def test_every_stage_has_its_own_metrics_and_they_are_what_scikit_learn_finds(tmp_path):
    callback = Recorder(metrics(), "accuracy")
    callback.seen = {}
    runner = trainer(tmp_path, callback, num_sanity_val_steps=0)
    model = classifier()
    runner.fit(model, samples(50, 0), samples(30, 1))
    logged = dict(runner.callback_metrics)
    runner.test(model, samples(40, 2), verbose=False)
    logged |= runner.callback_metrics
    assert len({logged[f"{stage}/accuracy"].item() for stage in ("train", "val", "test")}) == 3
    for stage, seen in callback.seen.items():
        predicted, true = (torch.cat(column) for column in zip(*seen, strict=True))
        assert logged[f"{stage}/accuracy"].item() == pytest.approx(accuracy_score(true, predicted))
        assert logged[f"{stage}/f1"].item() == pytest.approx(f1_score(true, predicted, average="macro"), abs=1e-6)


def test_metrics_are_attributes_of_the_module(tmp_path):
    model = classifier()
    MetricsCallback(metrics(), "f1").setup(trainer(tmp_path, MetricsCallback()), model, "fit")
    for name in ("train_metrics", "val_metrics", "test_metrics"):
        assert isinstance(getattr(model, name), MetricsComposition)
    assert isinstance(model.best_val_tracked_metric, torchmetrics.MaxMetric)


def test_two_fits_with_different_metrics_work_one_after_the_other(tmp_path):
    model = classifier()
    trainer(tmp_path, MetricsCallback(metrics(), "f1")).fit(model, samples(8, 0), samples(8, 1))
    error = MetricsComposition(torchmetrics.MeanAbsoluteError(), {"prediction": "preds", "y": "target"})
    runner = trainer(tmp_path, MetricsCallback(error, "metric"))
    runner.fit(model, samples(8, 0), samples(8, 1))
    assert "val/metric" in runner.callback_metrics
    assert "val/f1" not in runner.callback_metrics


def giving(values: list[float], higher_is_better: bool | None) -> torchmetrics.Metric:
    """A metric that gives just these values, one at each validation."""

    class Scripted(torchmetrics.Metric):
        def update(self, preds, target):
            self.calls = getattr(self, "calls", -1)

        def compute(self):
            self.calls += 1
            return torch.tensor(values[self.calls])

    Scripted.higher_is_better = higher_is_better
    return Scripted()


def scripted(values: list[float], tmp_path, name: str | None, **metric) -> Trainer:
    """Validate once per value, with a metric that gives just these values."""
    composition = MetricsComposition({"m": giving(values, metric.get("higher_is_better"))}, {"m": MAPPING})
    callback = MetricsCallback(composition, name, mode=metric.get("mode"))
    runner = trainer(tmp_path, callback, max_epochs=len(values), num_sanity_val_steps=0)
    runner.fit(classifier(), samples(8, 0), samples(8, 1))
    return runner


@pytest.mark.parametrize(
    ("metric", "best"),
    [
        ({"higher_is_better": True}, 0.9),
        ({"higher_is_better": False}, 0.2),
        ({"higher_is_better": None, "mode": "max"}, 0.9),
        ({"higher_is_better": None, "mode": "min"}, 0.2),
        ({"higher_is_better": True, "mode": "min"}, 0.2),
    ],
)
def test_the_best_value_follows_the_direction_of_the_metric(metric: dict, best: float, tmp_path):
    runner = scripted([0.5, 0.9, 0.2, 0.4], tmp_path, "m", **metric)
    assert runner.callback_metrics["val/best"].item() == pytest.approx(best)
    assert runner.callback_metrics["val/m"].item() == pytest.approx(0.4)


def test_a_value_that_is_not_a_number_is_no_best_value(tmp_path):
    runner = scripted([0.5, float("nan")], tmp_path, "m", higher_is_better=True)
    assert runner.callback_metrics["val/best"].item() == 0.5
    assert runner.callback_metrics["val/m"].isnan()


def test_without_a_tracked_metric_the_best_value_is_the_lowest_total_loss(tmp_path):
    callback = MetricsCallback()
    runner = trainer(tmp_path, callback, max_epochs=3)
    runner.fit(classifier(), samples(50, 0), samples(30, 1))
    assert callback.mode == "min"
    assert runner.callback_metrics["val/best"] <= runner.callback_metrics["val/total"]


def test_a_metric_may_be_wanted_in_some_stages_only(tmp_path):
    callback = MetricsCallback(metrics(stages={"f1": ["val", "test"]}), "f1")
    runner = trainer(tmp_path, callback)
    runner.fit(classifier(), samples(8, 0), samples(8, 1))
    assert "val/f1" in runner.callback_metrics
    assert "train/f1" not in runner.callback_metrics
    assert "train/accuracy" in runner.callback_metrics


def test_one_value_per_class_is_logged_by_number(tmp_path):
    each = MetricsComposition(torchmetrics.Recall(task="multiclass", num_classes=3, average="none"), MAPPING)
    runner = trainer(tmp_path, MetricsCallback(each))
    runner.fit(classifier(), samples(30, 0), samples(30, 1))
    assert {f"val/metric/{i}" for i in range(3)} <= set(runner.callback_metrics)


def test_the_best_value_goes_through_a_checkpoint():
    callback = MetricsCallback(metrics(), "accuracy")
    callback.load_state_dict({"best": 0.75})
    assert callback.state_dict() == {"best": 0.75}
    assert MetricsCallback().state_dict() == {"best": None}


def test_a_shared_network_is_not_copied_for_each_stage():
    network = nn.Linear(1, 1)

    class WithNetwork(torchmetrics.MeanSquaredError):
        def __init__(self):
            super().__init__()
            self.network = network

    callback = MetricsCallback(lambda: MetricsComposition(WithNetwork(), MAPPING))
    assert all(m["metric"].network is network for m in callback.collections.values())
    assert len({id(m["metric"]) for m in callback.collections.values()}) == 3


def test_an_unknown_tracked_metric_is_named_at_once():
    with pytest.raises(ConfigError) as error:
        MetricsCallback(metrics(), "acuracy")
    assert str(error.value) == (
        "tracked_metric_name: there is no metric 'acuracy' in validation. Did you mean 'accuracy'? "
        "Metrics: accuracy, f1."
    )


def test_a_metric_without_a_direction_asks_for_one(tmp_path):
    with pytest.raises(ConfigError, match="'m' does not say whether lower or higher is better"):
        scripted([0.1], tmp_path, "m", higher_is_better=None)


def test_a_key_that_the_step_does_not_return_is_named_with_its_path(tmp_path):
    wrong = MetricsComposition(
        torchmetrics.Accuracy(task="multiclass", num_classes=3), {"pred": "preds", "y": "target"}
    )
    with pytest.raises(ConfigError) as error:
        trainer(tmp_path, MetricsCallback(wrong)).fit(classifier(), samples(8, 0), samples(8, 1))
    assert str(error.value) == (
        "callbacks.metrics_callback.metrics.mapping.metric: no key 'pred' in the batch. "
        "Keys: x, y, output, prediction, loss."
    )


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_the_order_of_callbacks_changes_nothing(order: tuple[int, ...], tmp_path):
    values = [0.5, 0.9, 0.2]
    callbacks = [
        MetricsCallback(MetricsComposition({"m": giving(values, True)}, {"m": MAPPING}), "m"),
        EarlyStopping(monitor="val/best", patience=9),
        ModelCheckpoint(dirpath=tmp_path, monitor="val/best", filename="{epoch}"),
    ]
    runner = Trainer(
        accelerator="cpu", max_epochs=3, callbacks=[callbacks[i] for i in order], logger=False, num_sanity_val_steps=0,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    runner.fit(classifier(), samples(8, 0), samples(8, 1))
    assert runner.callback_metrics["val/best"].item() == pytest.approx(0.9)
    assert [path.name for path in tmp_path.glob("*.ckpt")] == ["epoch=1.ckpt"]


def test_a_metric_that_cannot_take_the_values_is_told_as_a_step():
    metrics = MetricsComposition({"mse": torchmetrics.MeanSquaredError()}, {"mse": {"output": "preds", "y": "target"}})
    callback = MetricsCallback(metrics)
    with pytest.raises(StepError) as error:
        callback._update("val", {"output": torch.zeros(2, 1), "y": torch.zeros(3, 1)})
    assert error.value.where == "callbacks.metrics_callback.metrics.metrics.mse"
    assert error.value.what.startswith("torchmetrics.regression.mse.MeanSquaredError failed: ")
    assert error.value.fix.startswith(
        "The step got preds: float32 [2, 1] from 'output', target: float32 [3, 1] from 'y'."
    )


class Broken(torchmetrics.MeanSquaredError):
    def compute(self):
        raise ZeroDivisionError("division by zero")


def test_a_metric_that_cannot_be_computed_is_told_with_its_line():
    metrics = MetricsComposition({"mse": Broken()}, {"mse": {"output": "preds", "y": "target"}})
    callback = MetricsCallback(metrics)
    callback._update("val", {"output": torch.zeros(2, 1), "y": torch.zeros(2, 1)})
    with pytest.raises(StepError) as error:
        callback._log("val", None)
    assert str(error.value).startswith("callbacks.metrics_callback.metrics: Broken failed (test_metrics_callback.py:")
    assert str(error.value).endswith(" in Broken.compute): ZeroDivisionError: division by zero.")
