"""Level 3: what one real step shows that names and shapes do not."""

from __future__ import annotations

import pytest
import torch
from omegaconf import DictConfig
from setting import Compose
from wiring.mistakes import KEYS, METRIC, NET, wrap
from wiring.planting import FLAT_DATA, example_config, look, noted, plant, told, unchecked

from ml_core.utils import lifecycle
from ml_core.wiring.dry_run import costs
from ml_core.wiring.findings import Findings
from ml_core.wiring.graph import Graph, Node
from ml_core.wiring.one_step import StepReport, check_step

TRANSFORMS = [
    "data.transform.to_tensor",
    "data.transform.normalize",
    "model.forward_fn.network",
    "model.forward_fn.argmax",
]
ACCURACY = f"{METRIC}.metrics.accuracy"


@pytest.fixture
def example(compose_config: Compose) -> DictConfig:
    return plant(example_config(compose_config), {"trainer.accelerator": "cpu"})


def step(cfg: DictConfig, **given) -> tuple[Findings, StepReport]:
    findings, graph = look(cfg, **given)
    assert findings.errors == []
    findings.notes.clear()
    return findings, check_step(cfg, findings, graph, **given)


def test_the_example_gives_no_finding_and_a_cost_for_each_step(example: DictConfig):
    findings, report = step(example)
    assert findings == Findings()
    assert [cost.path for cost in report.costs if cost.stage == "train"] == [
        *TRANSFORMS,
        "model.criterions",
        "backward",
        ACCURACY,
        "model.optimizer",
    ]
    for stage in ("val", "test"):
        assert [cost.path for cost in report.costs if cost.stage == stage] == [
            *TRANSFORMS,
            "model.criterions",
            ACCURACY,
        ]
    assert all(cost.milliseconds > 0 for cost in report.costs)
    assert report.device == "cpu"
    assert set(report.losses) == {"ce", "total"}


def test_memory_is_what_is_kept_for_the_backward_pass(example: DictConfig):
    _, report = step(plant(example, {NET: "{_target_: wiring.planted.MyNet}"}))
    kept = {(cost.path, cost.stage): cost.kept for cost in report.costs}
    images, hidden = 64 * 784 * 4, 64 * 64 * 4
    # The flattened input for fc1's weights, and what relu made for its own gradient and for fc2's weights
    assert kept["model.forward_fn.network", "train"] == images + hidden
    assert kept["model.forward_fn.network", "val"] == 0
    weights = 784 * 64 + 64 + 64 * 10 + 10
    assert kept["model.optimizer", "train"] == 2 * 4 * weights + 4 * 4  # two moments each, and four step counts


def test_mean_and_spread_of_what_a_network_gets_are_shown(example: DictConfig):
    _, report = step(example)
    (image,) = report.inputs
    data = lifecycle.build(example)["datamodule"]
    data.setup()
    (train,) = data.sets["train"]
    rows = [index * len(train.rows) // 64 for index in range(64)]
    expected = data._dataset("train", train).__getitems__(rows)["image"]
    assert (image.key, image.maker) == ("image", "data.transform.normalize")
    assert image.mean == pytest.approx(float(expected.mean()), abs=1e-5)
    assert image.spread == pytest.approx(float(expected.std()), abs=1e-5)
    assert image.is_normalised


def test_an_input_that_is_not_normalised_is_noted(example: DictConfig):
    findings, report = step(
        plant(example, {"data.augment": wrap("wiring.planted.scaled, factor: 300.0", "{image: x}", "image")})
    )
    (image,) = report.inputs
    assert noted(findings) == [
        f"data.augment: gives the network 'image' that is not normalised: mean {image.mean:.3g}, spread "
        f"{image.spread:.3g}, from {image.least:.3g} to {image.most:.3g}."
    ]


def test_idle_modules_and_weights_are_noted_and_attention_is_not(example: DictConfig):
    findings, _ = step(plant(example, {NET: "{_target_: wiring.planted.Idle}"}))
    assert noted(findings) == [
        "model.forward_fn.network: has modules that never run, in no stage: transform.never (Linear).",
        "model.forward_fn.network: has weights that get no gradient: transform.scale.",
    ]


def test_nan_on_the_way_forward_is_told_at_the_step_that_makes_it(example: DictConfig):
    findings, _ = step(plant(example, {NET: "{_target_: wiring.planted.NotFinite, is_forward: true}"}))
    assert told(findings) == ["model.forward_fn.network: makes nan or inf of finite values: 'output' (640 of 640)."]


def test_nan_on_the_way_back_is_told_by_its_weights(example: DictConfig):
    findings, _ = step(plant(example, {NET: "{_target_: wiring.planted.NotFinite, is_forward: false}"}))
    assert told(findings) == [
        "model.forward_fn.network: the gradients of forward_fn.network.transform.fc.weight, "
        "forward_fn.network.transform.fc.bias are not finite, though the loss is. "
        "trainer.detect_anomaly=true finds the operation."
    ]


def test_nan_in_the_data_is_told_before_anything_else(example: DictConfig):
    findings, _ = look(plant(example, {"data": FLAT_DATA % "{_target_: wiring.planted.rows, nan: true}"}))
    assert told(findings) == [
        "data, split train: the data holds nan or inf: 'image' in row 0, 20. Correct the data, fill them in "
        "data.transform (torch.nan_to_num), or leave such rows out: data.on_bad=skip."
    ]


def test_a_loss_that_no_weight_learns_from_is_told(example: DictConfig):
    findings, _ = step(plant(example, {NET: "{_target_: wiring.planted.Detached}"}))
    assert told(findings) == [
        "model.criterions: depends on no weight that is trained, so nothing would be learnt. "
        "Look for detach(), no_grad() or argmax between the network and the loss."
    ]


def test_a_label_that_two_rows_do_not_hold_is_told(example: DictConfig):
    data = "{_target_: wiring.planted.rare_label}"
    findings, _ = step(plant(example, {"data": FLAT_DATA % data, "callbacks": "null"}))
    assert told(findings) == [
        "model.criterions.criterions.ce: 'label' holds 12, but 'output' has 10 classes, 0 to 9. Rows in this batch: "
        "8. Correct the data, give the network as many outputs as there are classes, or let the loss leave the value "
        "out: ignore_index (now -100)."
    ]


def test_a_metric_that_never_changes_is_noted(example: DictConfig):
    findings, _ = step(plant(example, {f"{METRIC}.mapping.accuracy": "{label: [preds, target]}"}))
    assert noted(findings) == [f"{ACCURACY}: is 1 whatever it is fed, so it tells nothing."]


def test_a_wait_for_the_accelerator_is_noted_with_its_line(example: DictConfig):
    findings, report = step(plant(example, {NET: "{_target_: wiring.planted.Picky}"}))
    (place,) = report.host_reads
    assert place.startswith(".item() at planted.py:")
    assert noted(findings) == [f"model.forward_fn: makes the host wait for its accelerator: {place}, 1 a step."]


def test_no_step_is_taken_while_there_are_mistakes(example: DictConfig):
    cfg = plant(example, KEYS["a loss reads a misspelt column"][0])
    findings, graph = look(cfg)
    assert check_step(cfg, findings, graph) == StepReport()
    assert unchecked(findings) == ["model: no step is taken while there are mistakes."]


def test_no_step_is_taken_without_data(example: DictConfig):
    findings, report = step(plant(example, {"data.hf_dict_dataset": "{_target_: wiring.planted.missing}"}))
    assert unchecked(findings)[-1] == "model: no step is taken, because there is no data."
    assert report.costs == []


def test_no_step_is_taken_that_does_not_fit_into_memory(example: DictConfig, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(costs, "_free", lambda device: 2**30)
    graph = Graph([Node("model.forward_fn.network", "network", "network", parameters=7_000_000_000)])
    findings = Findings()
    assert check_step(example, findings, graph) == StepReport("cpu")
    assert unchecked(findings) == [
        "model: no step is taken: 7,000,000,000 weights with their gradients and Adam's state need 104 GiB, "
        "and 1 GiB are free on cpu."
    ]


def test_the_weights_of_a_run_that_was_built_stay_as_they_are(example: DictConfig):
    objects = lifecycle.build(example)
    before = {name: value.clone() for name, value in objects["model"].state_dict().items()}
    findings, report = step(example, objects=objects)
    assert findings == Findings()
    assert report.losses["ce"] == pytest.approx(2.3, abs=0.5)
    assert all(torch.equal(value, before[name]) for name, value in objects["model"].state_dict().items())
    assert all(parameter.grad is None for parameter in objects["model"].parameters())


def test_no_step_is_taken_with_a_model_that_is_out_of_reach(example: DictConfig):
    findings, report = step(plant(example, {NET: "{_target_: wiring.planted.pretrained}"}))
    assert unchecked(findings) == [
        "model.forward_fn.network.transform: cannot be reached from here, so shapes are not checked: "
        "<urlopen error the check does not reach for example.com>",
        "model: no step is taken, because the model cannot be built here.",
    ]
    assert report.costs == []
