"""Several data sets for a stage: their losses and metrics by name, against scikit-learn and torch."""

from __future__ import annotations

import functools

import pytest
import torch
import torchmetrics
from datasets import Dataset
from lightning.pytorch import Trainer
from sklearn.metrics import accuracy_score
from torch import nn

from ml_core.callbacks.direction import direction_of
from ml_core.callbacks.early_stopping import EarlyStopping
from ml_core.callbacks.metrics_callback import MetricsCallback
from ml_core.callbacks.model_checkpoint import ModelCheckpoint
from ml_core.data.base_datamodule import BaseDataModule
from ml_core.errors import ConfigError
from ml_core.models.base_module import BaseLitModule
from ml_core.models.utils import CriterionsComposition, MetricsComposition
from ml_core.transforms.base import ComposeTransform, WrapTransform
from ml_core.utils.data_sets import prefixes, sets_of

SPLITS = {
    "val": {"matched": "validation_matched", "mismatched": "validation_mismatched"},
    "test": {"here": "test_here", "there": "test_there"},
}
SIZES = {"train": 40, "validation_matched": 24, "validation_mismatched": 9, "test_here": 10, "test_there": 7}


def source() -> dict[str, Dataset]:
    generator = torch.Generator().manual_seed(0)
    return {
        name: Dataset.from_dict({"x": torch.randn(size, 4, generator=generator).tolist(),
                                 "y": torch.randint(3, (size,), generator=generator).tolist()})
        for name, size in SIZES.items()
    }  # fmt: skip


def data(**options) -> BaseDataModule:
    return BaseDataModule(source(), splits=SPLITS, batch_size=8, **options)


def classifier() -> BaseLitModule:
    torch.manual_seed(0)
    steps = {
        "network": WrapTransform(nn.Linear(4, 3), "output", {"x": "input"}),
        "argmax": WrapTransform(functools.partial(torch.argmax, dim=-1), "prediction", {"output": "input"}),
    }
    criterions = CriterionsComposition(nn.CrossEntropyLoss(), mapping={"output": "input", "y": "target"})
    return BaseLitModule(ComposeTransform(**steps), criterions, functools.partial(torch.optim.SGD, lr=0.5))


def accuracy() -> MetricsComposition:
    metric = torchmetrics.Accuracy(task="multiclass", num_classes=3)
    return MetricsComposition({"accuracy": metric}, {"accuracy": {"prediction": "preds", "y": "target"}})


def trainer(tmp_path, *callbacks, **options) -> Trainer:
    return Trainer(
        accelerator="cpu", max_epochs=2, callbacks=[*callbacks], logger=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=tmp_path,
        enable_checkpointing=any(isinstance(c, ModelCheckpoint) for c in callbacks), **options,
    )  # fmt: skip


def judged(model: BaseLitModule, *splits: str) -> tuple[float, float]:
    """Return accuracy and loss over all rows of some splits, without any of our code."""
    rows = [row for split in splits for row in source()[split]]
    x, y = torch.tensor([row["x"] for row in rows]), torch.tensor([row["y"] for row in rows])
    with torch.no_grad():
        output = model.forward_fn["network"].transform(x)
    return accuracy_score(y, output.argmax(-1)), nn.functional.cross_entropy(output, y).item()


def test_each_validation_and_test_set_has_values_of_its_own(tmp_path):
    runner = trainer(tmp_path, MetricsCallback(accuracy(), "mismatched/accuracy"))
    model = classifier()

    runner.fit(model, datamodule=data())
    logged = {name: value.item() for name, value in runner.callback_metrics.items()}
    runner.test(model, datamodule=data(), verbose=False)
    logged |= {name: value.item() for name, value in runner.callback_metrics.items()}

    for stage, names in SPLITS.items():
        for name, split in names.items():
            expected = judged(model, split)
            assert (logged[f"{stage}/{name}/accuracy"], logged[f"{stage}/{name}/total"]) == pytest.approx(expected)
        assert logged[f"{stage}/total"] == pytest.approx(judged(model, *names.values())[1])
        assert f"{stage}/accuracy" not in logged


@pytest.mark.parametrize(("monitor", "mode"), [("val/mismatched/accuracy", "max"), ("val/matched/total", "min"),
                                               ("val/total", "min"), ("val/best", "max")])  # fmt: skip
def test_any_of_their_values_can_be_monitored(tmp_path, monitor, mode):
    checkpoint, stopping = ModelCheckpoint(monitor=monitor, dirpath=tmp_path), EarlyStopping(monitor)
    callback = MetricsCallback(accuracy(), "mismatched/accuracy")

    runner = trainer(tmp_path, callback, checkpoint, stopping)
    runner.fit(classifier(), datamodule=data())

    assert (checkpoint.mode, stopping.mode) == (mode, mode)
    assert checkpoint.best_model_score is not None
    assert direction_of(monitor, runner, runner.lightning_module, "") == mode


def test_the_best_value_is_that_of_the_set_that_is_tracked(tmp_path):
    seen = []

    class Keep(MetricsCallback):
        def on_validation_epoch_end(self, trainer, pl_module):
            super().on_validation_epoch_end(trainer, pl_module)
            if not trainer.sanity_checking:
                seen.append(judged(pl_module, "validation_mismatched")[0])

    runner = trainer(tmp_path, Keep(accuracy(), "mismatched/accuracy"))
    runner.fit(classifier(), datamodule=data())

    assert len(seen) == 2
    assert runner.callback_metrics["val/best"].item() == pytest.approx(max(seen))


def test_without_a_tracked_metric_the_best_is_the_loss_over_all_sets(tmp_path):
    runner = trainer(tmp_path, MetricsCallback(accuracy()), limit_train_batches=0.2)
    runner.fit(classifier(), datamodule=data())

    everything = judged(runner.lightning_module, "validation_matched", "validation_mismatched")[1]
    assert runner.callback_metrics["val/total"].item() == pytest.approx(everything)
    assert runner.callback_metrics["val/best"] <= runner.callback_metrics["val/total"]


@pytest.mark.parametrize(
    ("tracked", "meant"), [("mathced/accuracy", "matched/accuracy"), ("accuracy", "matched/accuracy")]
)
def test_a_tracked_metric_names_one_of_the_sets(tmp_path, tracked, meant):
    with pytest.raises(ConfigError) as error:
        trainer(tmp_path, MetricsCallback(accuracy(), tracked)).fit(classifier(), datamodule=data())

    assert str(error.value) == (
        f"callbacks.metrics_callback.tracked_metric_name: there is no metric '{tracked}' in validation. "
        f"Did you mean '{meant}'? Metrics: matched/accuracy, mismatched/accuracy."
    )


def test_metrics_of_each_set_belong_to_the_module_and_are_not_trained(tmp_path):
    model = classifier()
    trainer(tmp_path, MetricsCallback(accuracy(), "matched/accuracy")).fit(model, datamodule=data())

    assert [type(metrics) for metrics in model.val_metrics] == [MetricsComposition] * 2
    assert len({id(metrics["accuracy"]) for metrics in model.val_metrics}) == 2


# ---- loaders from outside


@pytest.mark.parametrize("as_given", [list, lambda loaders: dict(zip(("0", "1"), loaders, strict=True))])
def test_loaders_from_outside_have_their_keys_or_numbers_for_names(tmp_path, as_given):
    loaders = [BaseDataModule({"test": source()[name]}, batch_size=8).test_dataloader() for name in
               ("validation_matched", "validation_mismatched")]  # fmt: skip
    runner = trainer(tmp_path, MetricsCallback(accuracy(), "1/accuracy"),
                     ModelCheckpoint(monitor="val/1/accuracy", dirpath=tmp_path))  # fmt: skip
    model = classifier()

    runner.fit(model, data().train_dataloader(), as_given(loaders))

    logged = runner.callback_metrics
    assert logged["val/0/accuracy"].item() == pytest.approx(judged(model, "validation_matched")[0])
    assert logged["val/1/accuracy"].item() == pytest.approx(judged(model, "validation_mismatched")[0])


def test_one_loader_from_outside_has_no_name(tmp_path):
    runner = trainer(tmp_path, MetricsCallback(accuracy(), "accuracy"))
    model = classifier()
    plain = torch.utils.data.DataLoader(list(source()["validation_matched"]), batch_size=5, collate_fn=as_batch)

    runner.fit(model, train_dataloaders=plain, val_dataloaders=plain)

    assert runner.callback_metrics["val/accuracy"].item() == pytest.approx(judged(model, "validation_matched")[0])


def as_batch(samples: list[dict]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor([sample[name] for sample in samples]) for name in samples[0]}


# ---- names


def test_names_come_from_what_a_data_module_says():
    assert sets_of(data()) == {"val": ("matched", "mismatched"), "test": ("here", "there")}
    assert sets_of(BaseDataModule(source())) == {}
    assert sets_of(object()) == {}


def test_log_keys_begin_with_stage_and_name():
    assert prefixes("val", ()) == ["val"]
    assert prefixes("val", ("a", "b")) == ["val/a", "val/b"]
