"""The generic module, fitted on plain dict batches from outside: no data module, no configuration."""

from __future__ import annotations

import ast
import csv
import functools
import inspect
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger
from torch import nn
from torch.utils.data import DataLoader

from ml_core.callbacks.metrics_callback import MetricsCallback
from ml_core.errors import BatchKeyError, ConfigError
from ml_core.models import base_module
from ml_core.models.base_module import BaseLitModule
from ml_core.models.utils import CriterionsComposition, MetricsComposition
from ml_core.transforms.base import ComposeTransform, WrapTransform

SGD = functools.partial(torch.optim.SGD, lr=0.1)


def batches(*sizes: int, seed: int = 0) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [{"x": torch.randn(n, 2, generator=generator), "y": torch.randn(n, 1, generator=generator)} for n in sizes]


def module(**changes: Any) -> BaseLitModule:
    torch.manual_seed(0)
    network = WrapTransform(nn.Linear(2, 1), "output", {"x": "input"})
    criterions = CriterionsComposition({"mse": nn.MSELoss()}, mapping={"mse": {"output": "input", "y": "target"}})
    given = {"forward_fn": ComposeTransform(network=network), "criterions": criterions, "optimizer": SGD}
    return BaseLitModule(**{**given, **changes})


def trainer(tmp_path, **changes: Any) -> Trainer:
    quiet = {
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
    }
    return Trainer(accelerator="cpu", max_epochs=1, default_root_dir=tmp_path, **{**quiet, **changes})


def loader(data: list) -> DataLoader:
    return DataLoader(data, batch_size=None)


def test_forward_adds_the_keys_of_forward_fn_and_leaves_its_input_alone():
    (batch,) = batches(3)
    result = module()(batch)
    assert set(result) == {"x", "y", "output"}
    assert set(batch) == {"x", "y"}


def test_a_batch_that_is_a_tuple_is_refused_with_advice():
    with pytest.raises(TypeError, match="a batch must be a dict of named values, got tuple"):
        module()((torch.zeros(1, 2), torch.zeros(1, 1)))


def test_the_logged_loss_is_the_mean_over_samples_not_over_batches(tmp_path):
    data = batches(3, 1)
    model = module()
    runner = trainer(tmp_path)
    runner.validate(model, loader(data), verbose=False)
    everything = {key: torch.cat([batch[key] for batch in data]) for key in ("x", "y")}
    with torch.no_grad():
        expected = nn.functional.mse_loss(model.forward_fn["network"].transform(everything["x"]), everything["y"])
    assert runner.callback_metrics["val/mse"].item() == pytest.approx(expected.item(), rel=1e-6)
    assert runner.callback_metrics["val/total"] == runner.callback_metrics["val/mse"]


def test_the_sanity_check_leaves_nothing_behind(tmp_path):
    values = []
    for steps in (0, 2):
        callback = MetricsCallback(mse_metric(), "error")
        runner = trainer(tmp_path, num_sanity_val_steps=steps, callbacks=[callback])
        runner.fit(module(), loader(batches(4)), loader(batches(3, 1, 2, seed=1)))
        values.append({name: value.item() for name, value in runner.callback_metrics.items()})
    assert values[0] == values[1]
    assert {"val/mse", "val/error", "val/best"} <= set(values[0])


def mse_metric() -> MetricsComposition:
    import torchmetrics

    return MetricsComposition({"error": torchmetrics.MeanSquaredError()}, {"error": {"output": "preds", "y": "target"}})


@pytest.mark.parametrize("stage", ["training_step", "validation_step", "test_step"])
def test_a_column_named_loss_is_an_error_that_says_so(stage: str):
    (batch,) = batches(2)
    with pytest.raises(ConfigError) as error:
        getattr(module(), stage)({**batch, "loss": torch.zeros(2)}, 0)
    assert str(error.value) == (
        "batch.loss: is taken: the step returns its total loss under 'loss'. Rename that column or key."
    )


def test_a_step_returns_the_batch_with_everything_and_the_total_loss():
    (batch,) = batches(2)
    result = module().training_step(batch, 0)
    assert set(result) == {"x", "y", "output", "loss"}
    assert result["loss"].requires_grad


def test_a_key_that_no_step_makes_is_named_with_its_path():
    criterions = CriterionsComposition({"mse": nn.MSELoss()}, mapping={"mse": {"logits": "input", "y": "target"}})
    (batch,) = batches(2)
    with pytest.raises(BatchKeyError) as error:
        module(criterions=criterions).training_step(batch, 0)
    assert str(error.value) == ("model.criterions.mapping.mse: no key 'logits' in the batch. Keys: x, y, output.")


def test_inference_fn_runs_in_validation_test_and_predict_but_not_in_training():
    twice = WrapTransform(lambda output: output * 2, "generated", {"output": "output"})
    model = module(inference_fn=twice)
    (batch,) = batches(2)
    assert "generated" not in model.training_step(batch, 0)
    for step in (model.validation_step, model.test_step, model.predict_step):
        result = step(batch, 0)
        assert torch.equal(result["generated"], result["output"] * 2)


def test_predict_computes_no_loss():
    (batch,) = batches(2)
    assert set(module().predict_step({"x": batch["x"]}, 0)) == {"x", "output"}


def test_weights_of_losses_are_trained_and_those_of_metrics_are_not(tmp_path):
    import torchmetrics

    class LearntScale(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, input, target):
            return (self.scale * (input - target) ** 2).mean()

    class WithNetwork(torchmetrics.MeanSquaredError):
        def __init__(self):
            super().__init__()
            self.network = nn.Linear(1, 1)

    mapping = {"output": "input", "y": "target"}
    metrics = MetricsComposition({"error": WithNetwork()}, {"error": {"output": "preds", "y": "target"}})
    model = module(criterions=CriterionsComposition({"scaled": LearntScale()}, mapping=mapping))
    runner = trainer(tmp_path, callbacks=[MetricsCallback(metrics)])
    runner.fit(model, loader(batches(4)), loader(batches(4)))
    trained = {id(p) for group in runner.optimizers[0].param_groups for p in group["params"]}
    assert id(model.criterions["scaled"].scale) in trained
    assert len(trained) == 3
    assert not any(id(p) in trained or p.requires_grad for p in model.val_metrics.parameters())


def test_weights_load_whether_or_not_the_same_metrics_are_there(tmp_path):
    import torchmetrics

    class WithNetwork(torchmetrics.MeanSquaredError):
        def __init__(self):
            super().__init__()
            self.network = nn.Linear(1, 1)

    metrics = MetricsComposition({"error": WithNetwork()}, {"error": {"output": "preds", "y": "target"}})
    model = module()
    MetricsCallback(metrics).setup(trainer(tmp_path), model, "fit")
    assert any(name.startswith("val_metrics.") for name in model.state_dict())
    plain = module()
    plain.load_state_dict(model.state_dict())
    model.load_state_dict(plain.state_dict())
    with pytest.raises(RuntimeError, match=r"do not fit the model: 2 missing in the checkpoint \("):
        model.load_state_dict({})


def test_the_names_of_the_state_are_the_names_of_the_configuration():
    assert set(module().state_dict()) == {"forward_fn.network.transform.weight", "forward_fn.network.transform.bias"}


def test_on_the_cpu_nothing_is_compiled_and_that_is_said(tmp_path, caplog):
    model = module(compile=True)
    trainer(tmp_path).fit(model, loader(batches(2)))
    assert model.forward_fn._compiled_call_impl is None
    assert "model.compile=true is not done on cpu" in caplog.text


@pytest.mark.parametrize(("is_asked", "steps"), [(False, []), (True, ["1", "3"])])
def test_losses_of_steps_are_logged_when_asked_for(is_asked: bool, steps: list[str], tmp_path):
    logger = CSVLogger(tmp_path, name="", version="")
    runner = trainer(tmp_path, logger=logger, log_every_n_steps=2)
    runner.fit(module(log_train_steps=is_asked), loader(batches(2, 2, 2, 2, 2)))
    with open(tmp_path / "metrics.csv") as file:
        rows = [row for row in csv.DictReader(file) if row.get("train/total_step")]
    assert [row["step"] for row in rows] == steps


def test_loaders_from_outside_work_with_the_metrics(tmp_path):
    runner = trainer(tmp_path, callbacks=[MetricsCallback(mse_metric(), "error")])
    runner.fit(module(), loader(batches(4, 2)), loader(batches(3)))
    assert runner.callback_metrics["val/error"].item() == pytest.approx(runner.callback_metrics["val/mse"].item())


def test_the_module_defines_no_layers():
    tree = ast.parse(inspect.getsource(base_module))
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not [name for name in called if name.startswith(("nn.Linear", "nn.Conv", "torch.nn."))]
