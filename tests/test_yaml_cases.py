"""What a user must be able to write: experiments of one YAML file, trained for a few steps, and looked into."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from ml_core.data.sources import mnist_mini
from ml_core.errors import ConfigError
from ml_core.train import train
from ml_core.utils.project_root import config_folder
from ml_core.wiring.findings import Findings
from ml_core.wiring.flow import check_flow

HEAD = """\
# @package _global_
defaults:
  - override /data: mnist_mini
  - override /model: {model}
  - override /logger: none
seed: 1
trainer: {{accelerator: cpu, min_epochs: 1, max_epochs: 1, limit_train_batches: 4, limit_val_batches: 2}}
extras: {{print_config: false}}
"""

SHARED = """
params:
  instances:
    encoder: {_target_: torch.nn.Linear, in_features: 784, out_features: 8}
    decoder: {_target_: torch.nn.Linear, in_features: 8, out_features: 784}
    judge: {_target_: torch.nn.Linear, in_features: 784, out_features: 2}
model:
  _target_: ml_core.models.base_module.BaseLitModule
  optimizer: {_target_: torch.optim.SGD, _partial_: true, lr: 0.1}
  forward_fn:
    _target_: ml_core.transforms.base.ComposeTransform
    flat: {_target_: ml_core.transforms.base.WrapTransform, transform: {_target_: torch.nn.Flatten},
           mapping: {image: input}, new_key: view_a}
    flip: {_target_: ml_core.transforms.base.WrapTransform,
           transform: {_target_: torch.flip, _partial_: true, dims: [1]}, mapping: {view_a: input}, new_key: view_b}
    code_a: {_target_: ml_core.transforms.base.WrapTransform, transform: "${params.instances.encoder}",
             mapping: {view_a: input}, new_key: code_a}
    code_b: {_target_: ml_core.transforms.base.WrapTransform, transform: "${params.instances.encoder}",
             mapping: {view_b: input}, new_key: code_b}
    again: {_target_: ml_core.transforms.base.WrapTransform, transform: "${params.instances.decoder}",
            mapping: {code_a: input}, new_key: again}
    none: {_target_: ml_core.transforms.base.WrapTransform, transform: {_target_: torch.sub, _partial_: true},
           mapping: {view_a: [input, other]}, new_key: zeros}
  inference_fn:
    _target_: ml_core.transforms.base.WrapTransform
    transform: "${params.instances.decoder}"
    mapping: {code_b: input}
    new_key: generated
  criterions:
    _target_: ml_core.models.utils.CriterionsComposition
    criterions: [{_target_: torch.nn.MSELoss}, {_target_: torch.nn.L1Loss}]
    mapping: [{again: input, view_a: target}, {code_a: input, code_b: target}]
callbacks:
  metrics_callback:
    tracked_metric_name: error
    metrics:
      _target_: ml_core.models.utils.MetricsComposition
      metrics:
        error: {_target_: torchmetrics.MeanSquaredError}
        judged: {_target_: judging.Judged, network: "${params.instances.judge}", encoder: "${params.instances.encoder}"}
      mapping:
        error: {generated: preds, view_a: target}
        judged: {generated: fake}
      stages: {error: [val, test], judged: [val, test]}
"""

JUDGING = '''
import torch
import torchmetrics


class Judged(torchmetrics.Metric):
    """Mean score of what was generated, by a network that only this metric uses."""

    higher_is_better = True

    def __init__(self, network, encoder):
        super().__init__()
        self.network, self.encoder = network, encoder
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, fake):
        self.total += self.network(fake).sum()

    def compute(self):
        return self.total
'''

TINY = """
from torch import nn


class TinyNet(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.width = width
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.ReLU(), nn.Linear(width, 10))

    def forward(self, x):
        return self.layers(x)
"""

ECOSYSTEM = """
data:
  transform:
    to_rgb: {_target_: ml_core.transforms.image.TorchVisionTransform, key: image,
             transform: {_target_: torchvision.transforms.v2.Grayscale, num_output_channels: 3}}
model:
  _target_: ml_core.models.base_module.BaseLitModule
  forward_fn:
    _target_: ml_core.transforms.base.WrapTransform
    transform: {_target_: torchvision.models.resnet18, num_classes: 10}
    mapping: {image: x}
    new_key: logits
  criterions:
    _target_: ml_core.models.utils.CriterionsComposition
    criterions: {_target_: torch.nn.CrossEntropyLoss, label_smoothing: 0.1}
    mapping: {logits: input, label: target}
  optimizer: {_target_: torch.optim.NAdam, _partial_: true, lr: 0.001, momentum_decay: 0.005}
  scheduler: {_target_: torch.optim.lr_scheduler.OneCycleLR, _partial_: true, max_lr: 0.01, interval: step}
"""

VALIDATION_SETS = """
data:
  hf_dict_dataset:
    _target_: datasets.load_dataset
    path: parquet
    data_files: {train: FOLDER/train.parquet, validation_matched: FOLDER/a.parquet,
                 validation_mismatched: FOLDER/b.parquet, test: FOLDER/test.parquet}
  splits:
    train: train
    val: {matched: validation_matched, mismatched: validation_mismatched}
    test: test
  batch_size: {train: 64, val: 100, test: 100}
callbacks:
  metrics_callback:
    tracked_metric_name: mismatched/f1
    metrics:
      _target_: ml_core.models.utils.MetricsComposition
      metrics:
        f1: {_target_: torchmetrics.F1Score, task: multiclass, num_classes: 10, average: macro}
      mapping: {f1: {prediction: preds, label: target}}
  model_checkpoint: {monitor: val/matched/f1}
"""


@pytest.fixture
def run(tmp_path: Path):
    """Train an experiment that a user keeps in a folder of their own."""

    def train_experiment(text: str, model: str = "null", *overrides: str):
        (tmp_path / "configs" / "experiment").mkdir(parents=True, exist_ok=True)
        (tmp_path / "configs" / "experiment" / "mine.yaml").write_text(HEAD.format(model=model) + text)
        words = [f"hydra.searchpath=[file://{tmp_path / 'configs'}]", "experiment=mine", *overrides]
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(config_folder()), version_base="1.3"):
            cfg = compose("train.yaml", [*words, f"paths.output_dir={tmp_path}", f"paths.work_dir={tmp_path}"])
        return train(cfg)

    return train_experiment


@pytest.fixture
def shared(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "judging.py").write_text(JUDGING)
    monkeypatch.syspath_prepend(tmp_path)
    return run(SHARED)


def test_a_network_of_ones_own_takes_the_place_of_another(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "tiny.py").write_text(TINY)
    monkeypatch.syspath_prepend(tmp_path)
    _, objects = run("model: {forward_fn: {network: {transform: {_target_: tiny.TinyNet, width: 32}}}}\n", "mnist")
    network = objects["model"].forward_fn["network"].transform
    assert (type(network).__name__, network.width) == ("TinyNet", 32)


def test_one_network_takes_two_inputs_and_is_one_object(shared):
    _, objects = shared
    steps = objects["model"].forward_fn
    assert steps["code_a"].transform is steps["code_b"].transform
    assert objects["model"].inference_fn.transform is steps["again"].transform


def test_one_key_feeds_two_arguments(shared):
    _, objects = shared
    batch = next(iter(objects["datamodule"].val_dataloader()))
    assert not objects["model"](batch)["zeros"].any()


def test_what_the_model_uses_is_trained_once_and_what_only_a_metric_uses_is_not(shared):
    _, objects = shared
    trained = [p for group in objects["trainer"].optimizers[0].param_groups for p in group["params"]]
    steps = objects["model"].forward_fn
    expected = [*steps["code_a"].transform.parameters(), *steps["again"].transform.parameters()]
    assert {id(p) for p in trained} == {id(p) for p in expected}
    assert len(trained) == 4


def test_metrics_of_every_stage_use_the_very_network_of_the_model(shared):
    _, objects = shared
    encoder = objects["model"].forward_fn["code_a"].transform
    judges = {id(objects["model"].val_metrics["judged"].network), id(objects["model"].test_metrics["judged"].network)}
    assert objects["model"].val_metrics["judged"].encoder is encoder
    assert len(judges) == 1


def test_metrics_look_at_what_was_generated_in_the_stages_that_are_wanted(shared):
    metrics, _ = shared
    assert {"val/error", "test/error", "val/judged", "test/judged", "train/loss_0", "train/loss_1"} <= set(metrics)
    assert not {"train/error", "train/judged"} & set(metrics)
    assert metrics["val/best"] == metrics["val/error"]


def test_a_network_that_only_a_metric_uses_goes_through_a_checkpoint(shared, tmp_path: Path):
    _, objects = shared
    judge = objects["model"].val_metrics["judged"].network
    state = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert torch.equal(state["val_metrics.judged.network.weight"], judge.weight)


def test_anything_from_the_ecosystem_is_used_as_its_own_documentation_writes_it(run):
    _, objects = run(ECOSYSTEM)
    (config,) = objects["trainer"].lr_scheduler_configs
    assert config.interval == "step"
    assert config.scheduler.total_steps == 4
    assert type(objects["trainer"].optimizers[0]).__name__ == "NAdam"


def test_pointing_at_a_node_elsewhere_is_refused_with_the_way_out(run):
    with pytest.raises(ConfigError) as error:
        run(ECOSYSTEM + 'callbacks: {other: {_target_: torch.nn.Sequential, _args_: ["${model.criterions}"]}}\n')
    assert str(error.value) == (
        "callbacks.other._args_[0]: points at the node 'model.criterions', which has a `_target_`, so it would "
        "become a second object. Move that node to params.instances and point both places at it."
    )


@pytest.fixture
def several_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Case 9 of the requirements' hard cases, with files: `mismatched` is two of the ten digits alone."""
    rows = mnist_mini()
    few = rows["test"].filter(lambda label: label in (3, 8), input_columns="label", keep_in_memory=True)
    parts = {"train": rows["train"].select(range(640)), "a": rows["test"].select(range(300)), "b": few,
             "test": rows["test"].select(range(300, 400))}  # fmt: skip
    for name, part in parts.items():
        part.to_parquet(tmp_path / f"{name}.parquet")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    return VALIDATION_SETS.replace("FOLDER", str(tmp_path))


def test_several_validation_sets_log_by_name_and_one_of_them_is_tracked(run, several_sets: str):
    metrics, objects = run(several_sets, "mnist", "trainer.limit_val_batches=1.0", "+optimized_metric=val/matched/f1")

    assert {"val/matched/f1", "val/mismatched/f1", "val/matched/total", "val/mismatched/total", "val/total",
            "test/f1"} <= set(metrics)  # fmt: skip
    assert metrics["val/best"] == metrics["val/mismatched/f1"] != metrics["val/matched/f1"]
    checkpoint = next(c for c in objects["callbacks"] if hasattr(c, "best_model_score"))
    assert (checkpoint.mode, checkpoint.best_model_score) == ("max", metrics["val/matched/f1"])


def test_what_looks_at_one_of_several_sets_is_drawn(several_sets: str, run, monkeypatch: pytest.MonkeyPatch):
    findings, graphs = Findings(), []
    monkeypatch.setattr("ml_core.utils.lifecycle.require_flow", lambda cfg, _: graphs.append(check_flow(cfg, findings)))
    run(several_sets, "mnist")

    (graph,) = graphs
    assert (findings.errors, findings.unchecked) == ([], [])
    edges = [edge.source for edge in graph.edges if edge.key == "val/matched/f1"]
    assert edges == ["callbacks.metrics_callback.metrics.metrics.f1"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("callbacks.metrics_callback.tracked_metric_name=f1", "callbacks.metrics_callback.tracked_metric_name: there "
         "is no metric 'f1' in validation. Metrics: matched/f1, mismatched/f1."),
        ("callbacks.model_checkpoint.monitor=val/f1", "callbacks.model_checkpoint.monitor: nothing in this run logs "
         "'val/f1'."),
        ("data.splits.val.matched=validation", "data.splits.val.matched: there is no split 'validation'. Did you mean "
         "'validation_matched'?"),
    ],
)  # fmt: skip
def test_a_name_that_no_validation_set_has_is_told_before_anything_runs(run, several_sets: str, override, message):
    with pytest.raises(ConfigError) as error:
        run(several_sets, "mnist", override)

    assert str(error.value).startswith(message)
