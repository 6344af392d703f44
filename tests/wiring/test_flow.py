"""Level 2: keys and shapes of whole experiments, without a false alarm, and every planted mistake by its message."""

from __future__ import annotations

import itertools
import os
import random
import resource
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from omegaconf import DictConfig
from setting import ROOT, Compose
from wiring.mistakes import (
    KEYS,
    MAPPING,
    METRIC,
    MONITORS,
    NET,
    OBJECTS,
    SHAPES,
    TURNED,
    WRITTEN_BY_A_MODEL,
    module,
    wrap,
)
from wiring.planting import FLAT_DATA, example_config, look, noted, plant, told, unchecked

from ml_core.callbacks.metrics_callback import MetricsCallback
from ml_core.utils import lifecycle
from ml_core.wiring import flow
from ml_core.wiring.dry_run.experiment import Attempt
from ml_core.wiring.findings import Findings
from ml_core.wiring.flow import check_flow
from ml_core.wiring.graph import Tensor
from ml_core.wiring.one_step import check_step

EXPERIMENTS = sorted(path.stem for path in (ROOT / "configs" / "experiment").glob("*.yaml"))
PLANTED = {**KEYS, **TURNED, **SHAPES, **OBJECTS, **MONITORS}
IMAGE, OUTPUT, LABEL = "float32 [64, 1, 28, 28]", "float32 [64, 10]", "int64 [64]"
ACCURACY = f"{METRIC}.metrics.accuracy"

LANGUAGE = {
    "data": FLAT_DATA.replace("64", "8") % "{_target_: wiring.planted.texts}",
    "data.transform": "{_target_: wiring.planted.NextToken}",
    "model.forward_fn": "{_target_: ml_core.transforms.base.ComposeTransform}",
    MAPPING: "{scores: input, next: target}",
    "callbacks": "null",
    "model.scheduler": "null",
}


@pytest.fixture
def example(compose_config: Compose) -> DictConfig:
    return example_config(compose_config)


def language_model(example: DictConfig, **sizes: int) -> DictConfig:
    arguments = "".join(f", {name}: {size}" for name, size in sizes.items())
    network = module(f"{{_target_: wiring.planted.LanguageModel{arguments}}}", "{given: tokens}", "scores")
    return plant(example, {**LANGUAGE, "model.forward_fn.network": network})


# ---- what ships


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_no_shipped_experiment_gives_a_finding(compose_config: Compose, experiment: str):
    cfg = compose_config(f"experiment={experiment}")
    if experiment == "mnist":
        cfg = plant(cfg, {"data.hf_dict_dataset": "{_target_: ml_core.data.sources.mnist_mini}"})
    assert look(cfg)[0] == Findings()


@pytest.mark.parametrize("model", ["base", "classifier", "mnist"])
@pytest.mark.parametrize("precision", ["32-true", "bf16-true", "64-true", "bf16-mixed"])
def test_no_shipped_model_gives_a_mistake_in_any_precision(compose_config: Compose, model: str, precision: str):
    findings, _ = look(compose_config(f"model={model}", f"trainer.precision={precision}"))
    assert (findings.errors, findings.unchecked) == ([], [])


def test_the_example_has_these_nodes(example: DictConfig):
    nodes = look(example)[1].nodes
    assert [(node.path, node.kind, node.target.rpartition(".")[2]) for node in nodes[:9]] == [
        ("data", "data", "mnist_mini"),
        ("data.transform.to_tensor", "transform", "ToTensor"),
        ("data.transform.normalize", "transform", "Normalize"),
        ("model.forward_fn.network", "network", "SimpleDenseNet"),
        ("model.forward_fn.argmax", "transform", "argmax"),
        ("model.criterions.criterions.ce", "criterion", "CrossEntropyLoss"),
        ("model.criterions", "criterion", "CriterionsComposition"),
        (ACCURACY, "metric", "Accuracy"),
        ("model.optimizer", "optimizer", "Adam"),
    ]
    assert [node.path for node in nodes if node.kind in ("callback", "logger")] == [
        "callbacks.metrics_callback",
        "callbacks.model_checkpoint",
        "callbacks.early_stopping",
        "callbacks.model_summary",
        "callbacks.rich_progress_bar",
        "logger.csv",
    ]


def test_the_example_has_these_edges(example: DictConfig):
    edges = [(e.source, e.target, e.key, e.parameter, str(e.value)) for e in look(example)[1].edges]
    loss = "model.criterions.criterions.ce"
    assert edges == [
        ("data", "data.transform.to_tensor", "image", "", "PIL.Image"),
        ("data.transform.to_tensor", "data.transform.normalize", "image", "", IMAGE),
        ("data.transform.normalize", "model.forward_fn.network", "image", "x", IMAGE),
        ("model.forward_fn.network", "model.forward_fn.argmax", "output", "input", OUTPUT),
        ("model.forward_fn.network", loss, "output", "input", OUTPUT),
        ("data", loss, "label", "target", LABEL),
        ("model.forward_fn.argmax", ACCURACY, "prediction", "preds", LABEL),
        ("data", ACCURACY, "label", "target", LABEL),
        (loss, "model.criterions", "ce", "1", "None"),
        ("model.criterions", "model.optimizer", "total", "loss", "None"),
        ("callbacks.metrics_callback", "callbacks.model_checkpoint", "val/best", "monitor", "None"),
        ("callbacks.metrics_callback", "callbacks.early_stopping", "val/best", "monitor", "None"),
    ]


def test_the_example_has_these_weights(example: DictConfig):
    _, graph = look(example)
    widths = [784, 256, 256, 256]
    expected = sum(a * b + 3 * b for a, b in itertools.pairwise(widths)) + 256 * 10 + 10
    assert graph.node("model.forward_fn.network").parameters == expected
    (group,) = graph.groups
    assert (group.name, group.parameters, group.options["lr"]) == ("all", expected, "0.002")


def test_a_node_shows_its_yaml_without_secrets(example: DictConfig):
    cfg = plant(example, {"logger.csv.api_key": "hunter2"})
    _, graph = look(cfg)
    assert "hunter2" not in graph.node("logger.csv").yaml
    assert "image: x" in graph.node("model.forward_fn.network").yaml


def test_steps_tell_in_which_stages_they_run(example: DictConfig):
    cfg = plant(
        example,
        {
            "data.augment": wrap("wiring.planted.scaled, factor: 2.0", "{image: x}", "image"),
            "model.inference_fn": wrap("torch.softmax, dim: 1", "{output: input}", "probabilities"),
            f"{METRIC}.mapping.accuracy": "{probabilities: preds, label: target}",
            f"{METRIC}.stages": "{accuracy: [val, test]}",
        },
    )
    findings, graph = look(cfg)
    stages = {node.path: node.stages for node in graph.nodes}
    assert findings.errors == []
    assert stages["data.augment"] == ("train",)
    assert stages["model.inference_fn"] == ("val", "test", "predict")
    assert stages[ACCURACY] == ("val", "test")


# ---- mistakes


@pytest.mark.parametrize("name", PLANTED)
def test_a_mistake_is_told_once_and_whole(example: DictConfig, name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    changes, messages = PLANTED[name]
    findings, graph = look(plant(example, changes))
    assert told(findings) == messages
    on_nodes = [error for error in findings.errors if error.where != "optimized_metric"]
    assert len({fault for node in graph.nodes for fault in node.faults}) == len(on_nodes)


def test_a_key_that_no_step_makes_comes_from_nowhere(example: DictConfig):
    _, graph = look(plant(example, KEYS["a loss reads a key that goes by another name"][0]))
    edges = [edge for edge in graph.edges if edge.key == "logits"]
    assert [(edge.source, edge.target, edge.value) for edge in edges] == [
        (None, "model.criterions.criterions.ce", None)
    ]


def test_a_mistake_in_a_run_that_was_built_is_told_too(example: DictConfig):
    cfg = plant(example, SHAPES["a network takes another size"][0])
    findings, _ = look(cfg, objects=lifecycle.build(cfg))
    assert told(findings) == SHAPES["a network takes another size"][1]


# ---- notes


def test_a_key_that_nothing_reads_is_noted_and_drawn(example: DictConfig):
    data = FLAT_DATA % "{_target_: wiring.planted.named_classes}"
    findings, graph = look(plant(example, {"callbacks": "null", "data": data}))
    assert noted(findings) == [
        "data: has columns that nothing reads: id.",
        "model.forward_fn.argmax: makes 'prediction', which nothing reads.",
    ]
    assert [edge.key for edge in graph.edges if edge.target is None] == ["id", "prediction"]


def test_a_column_that_a_step_replaces_is_noted(example: DictConfig):
    step = wrap("wiring.planted.cast, dtype: int64", "{prediction: x}", "label")
    findings, _ = look(plant(example, {"model.forward_fn.relabel": step}))
    assert noted(findings)[0] == (
        "model.forward_fn.relabel: replaces 'label' (int64 [64], a column of the data), which it does not read."
    )


def test_a_step_that_changes_its_input_in_place_is_noted(example: DictConfig):
    step = wrap("wiring.planted.halved_in_place", "{image: x}", "half")
    findings, _ = look(plant(example, {"model.forward_fn.half": step}))
    assert noted(findings) == [
        "model.forward_fn.half: changes 'image' in place, for every other step that reads it too.",
        "model.forward_fn.half: makes 'half', which nothing reads.",
    ]


# ---- data


def test_data_that_cannot_be_reached_is_not_checked_and_keys_are_followed_by_name(example: DictConfig):
    later = KEYS["a step reads what a later one makes"][0]
    findings, graph = look(plant(example, {"data.hf_dict_dataset": "{_target_: wiring.planted.missing}", **later}))
    assert findings.errors == []
    assert unchecked(findings) == [
        "data.hf_dict_dataset: cannot be reached from here, so shapes are not checked: no folder /data/none"
    ]
    assert ("model.forward_fn.argmax", ACCURACY) in {(edge.source, edge.target) for edge in graph.edges}


def test_a_data_set_of_the_hub_is_not_downloaded(
    compose_config: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    was = datasets.config.HF_HUB_OFFLINE
    findings, _ = look(compose_config("experiment=mnist"))
    assert unchecked(findings) == [
        "data.hf_dict_dataset: cannot be reached from here, so shapes are not checked: "
        "Couldn't reach 'ylecun/mnist' on the Hub (OfflineModeIsEnabled)"
    ]
    assert findings.errors == []
    assert not (tmp_path / "cache").exists()
    assert was == datasets.config.HF_HUB_OFFLINE


def test_local_files_are_looked_at_and_not_prepared(
    example: DictConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    header = ",".join([*(f"p{i}" for i in range(3)), "label"])
    (tmp_path / "a.csv").write_text("\n".join([header, *("0.1,0.2,0.3,1" for _ in range(1000))]))
    source = f"{{_target_: datasets.load_dataset, path: csv, data_files: {tmp_path / 'a.csv'}}}"
    network = module("{_target_: torch.nn.Linear, in_features: 1, out_features: 10}", "{p0: input}", "output")
    findings, graph = look(plant(example, {"data": FLAT_DATA % source, "model.forward_fn.network": network}))
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert [edge.value for edge in graph.edges if edge.key == "p0"] == [Tensor((64,), "float32")]
    assert told(findings)[0].startswith("model.forward_fn.network: Linear (1 -> 10) cannot take float32 [64]")


def test_loading_that_takes_long_is_left_out(example: DictConfig, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ml_core.wiring.dry_run.splits.SECONDS", 0.2)
    findings, _ = look(plant(example, {"data.hf_dict_dataset": "{_target_: wiring.planted.slow}"}))
    assert unchecked(findings) == ["data.hf_dict_dataset: takes more than 0.2 s, so shapes are not checked."]


def test_a_function_that_a_language_model_would_write_is_left_to_the_run(
    example: DictConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    step = WRITTEN_BY_A_MODEL.replace("new_key", f"path: {tmp_path}/files, new_key")
    findings, _ = look(plant(example, {"model.forward_fn.ai": step}))
    assert unchecked(findings) == [
        "model.forward_fn.ai: cannot be reached from here, so shapes are not checked: "
        "its function is not written yet; the run will ask a language model for it"
    ]
    assert not (tmp_path / "files").exists()


# ---- large networks


def test_seven_billion_parameters_flow_in_little_memory(example: DictConfig):
    cfg = language_model(example, width=4096, depth=32, heads=32, vocabulary=50_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    findings, graph = look(cfg)
    assert findings.errors == []
    assert graph.node("model.forward_fn.network").parameters == 6_853_804_880
    assert graph.groups[0].parameters == 6_853_804_880
    (scores,) = [edge.value for edge in graph.edges if edge.key == "scores"]
    assert str(scores) == "float32 [8, 50000, 64]"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600 * 1024


def test_the_layer_that_does_not_fit_is_named_in_a_large_network(example: DictConfig):
    cfg = language_model(example, width=4096, depth=32, heads=32, vocabulary=50_000, head=4095)
    assert told(look(cfg)[0]) == [
        "model.forward_fn.network: LanguageModel.head (Linear 4095 -> 50000) cannot take float32 [8, 64, 4096] "
        "(planted.py in LanguageModel.forward): a and b must have same reduction dim, but got [512, 4096] X "
        "[4095, 50000]. tokens comes from 'given' (int64 [8, 64], made by data.transform). "
        "model.forward_fn.network.transform.head is 4095; 4096 would fit."
    ]


def test_a_large_network_that_looks_at_values_runs_for_real(example: DictConfig):
    findings, graph = look(plant(example, {NET: "{_target_: wiring.planted.Picky, width: 8000}"}))
    assert noted(findings) == [
        "model.forward_fn.network: looks at the values of tensors (.item(), a condition on a tensor), "
        "which fake tensors do not have; so it ran for real, on two samples."
    ]
    assert findings.errors == []
    assert [str(edge.value) for edge in graph.edges if edge.key == "output"] == [OUTPUT, OUTPUT]


def test_one_that_is_too_large_for_that_is_not_checked(example: DictConfig):
    findings, _ = look(plant(example, {NET: "{_target_: wiring.planted.Picky, width: 40000}"}))
    assert unchecked(findings) == [
        "model.forward_fn.network: needs the values of tensors, and is too large to run for real."
    ]
    assert findings.errors == []


def test_copies_of_what_a_run_has_built_may_be_fake(example: DictConfig, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(flow, "ATTEMPTS", (Attempt(is_fake=True),))
    objects = lifecycle.build(example)
    findings, graph = look(example, objects=objects)
    assert findings == Findings()
    assert [str(edge.value) for edge in graph.edges if edge.key == "output"] == [OUTPUT, OUTPUT]


# ---- traces


def test_a_check_leaves_no_trace(compose_config: Compose, tmp_path: Path):
    example = compose_config("experiment=example")
    lifecycle.prepare(3)
    objects = lifecycle.build(example)
    weights = {name: value.clone() for name, value in objects["model"].state_dict().items()}
    metrics = next(c for c in objects["callbacks"] if isinstance(c, MetricsCallback)).collections
    before = (random.getstate(), torch.get_rng_state(), dict(os.environ), Path.cwd(), torch.is_grad_enabled())
    numpy = np.random.get_state()[1].copy()  # noqa: NPY002, the global one is what must not change
    files = sorted(tmp_path.rglob("*"))

    findings = Findings()
    graph = check_flow(example, findings, objects)
    check_step(example, findings, graph, objects)

    after = (random.getstate(), torch.get_rng_state(), dict(os.environ), Path.cwd(), torch.is_grad_enabled())
    assert [a == b for a, b in zip(before[2:], after[2:], strict=True)] == [True] * 3
    assert before[0] == after[0]
    assert torch.equal(before[1], after[1])
    assert (np.random.get_state()[1] == numpy).all()  # noqa: NPY002
    assert all(torch.equal(value, weights[name]) for name, value in objects["model"].state_dict().items())
    assert not any(metric.update_called for part in metrics.values() for metric in part.values())
    assert objects["model"].training
    assert sorted(tmp_path.rglob("*")) == files


def test_a_model_of_another_kind_is_not_followed(example: DictConfig):
    findings = Findings()
    cfg = plant(example, {"model": "{_target_: lightning.pytorch.demos.boring_classes.BoringModel}"})
    assert check_flow(cfg, findings) is None
    assert unchecked(findings) == [
        "model: lightning.pytorch.demos.boring_classes.BoringModel is no BaseLitModule, so its keys are not followed."
    ]
