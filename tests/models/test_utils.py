"""Losses and metrics that read a dict batch, against torch and scikit-learn."""

import copy
import math
import pickle

import pytest
import sklearn.metrics
import torch
from torch import nn
from torchmetrics import MeanMetric, MeanSquaredError
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassAUROC,
    MulticlassCohenKappa,
    MulticlassConfusionMatrix,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassRecall,
)

from ml_core.errors import BatchKeyError, ConfigError
from ml_core.models.utils import CriterionsComposition, MetricsComposition

CLASSES = {"output": "input", "label": "target"}
IMAGES = {"decoded": "input", "image": "target"}
PREDICTION = {"prediction": "preds", "label": "target"}


def batch_of(size=8, seed=0):
    random = torch.Generator().manual_seed(seed)
    output = torch.randn(size, 3, generator=random)
    return {
        "output": output,
        "prediction": output.argmax(dim=-1),
        "label": torch.randint(3, (size,), generator=random),
        "decoded": torch.rand(size, 4, generator=random),
        "image": torch.rand(size, 4, generator=random),
    }


# ---- CriterionsComposition


def test_total_is_the_weighted_sum():
    batch = batch_of()
    losses = CriterionsComposition(
        {"ce": nn.CrossEntropyLoss(), "mse": nn.MSELoss()},
        weights={"ce": 1.0, "mse": 0.5},
        mapping={"ce": CLASSES, "mse": IMAGES},
    )(batch)

    ce = nn.functional.cross_entropy(batch["output"], batch["label"])
    mse = nn.functional.mse_loss(batch["decoded"], batch["image"])
    assert list(losses) == ["ce", "mse", "total"]
    torch.testing.assert_close(losses["ce"], ce)
    torch.testing.assert_close(losses["mse"], mse)
    torch.testing.assert_close(losses["total"], 1.0 * ce + 0.5 * mse)


def test_a_loss_without_a_weight_counts_once():
    criterions = CriterionsComposition(
        {"a": nn.MSELoss(), "b": nn.L1Loss()}, weights={"b": 3}, mapping={"a": IMAGES, "b": IMAGES}
    )
    losses = criterions(batch_of())

    torch.testing.assert_close(losses["total"], losses["a"] + 3 * losses["b"])


@pytest.mark.parametrize(
    ("criterions", "weights", "mapping", "names"),
    [
        (nn.MSELoss(), None, IMAGES, ["loss"]),
        (nn.MSELoss(), 2.0, IMAGES, ["loss"]),
        (nn.MSELoss(), {"loss": 2.0}, {"loss": IMAGES}, ["loss"]),
        ([nn.MSELoss()], [2.0], [IMAGES], ["loss_0"]),
        ((nn.CrossEntropyLoss(), nn.MSELoss()), [2.0, 0.5], [CLASSES, IMAGES], ["loss_0", "loss_1"]),
        ({"ce": nn.CrossEntropyLoss()}, {"ce": 2.0}, {"ce": CLASSES}, ["ce"]),
        ({"ce": nn.CrossEntropyLoss()}, None, CLASSES, ["ce"]),
    ],
)
def test_losses_are_one_several_or_named(criterions, weights, mapping, names):
    composition = CriterionsComposition(criterions, weights, mapping)

    losses = composition(batch_of())

    factors = [1.0] if weights is None else [2.0, 0.5][: len(names)]
    assert list(losses) == [*names, "total"]
    torch.testing.assert_close(
        losses["total"], sum(factor * losses[name] for factor, name in zip(factors, names, strict=True))
    )


def test_a_single_loss_may_have_the_weight_zero():
    assert CriterionsComposition(nn.MSELoss(), weights=0, mapping=IMAGES)(batch_of())["total"] == 0


def test_plain_functions_are_losses():
    batch = batch_of()

    losses = CriterionsComposition({"mse": nn.functional.mse_loss}, mapping=IMAGES)(batch)

    torch.testing.assert_close(losses["total"], ((batch["decoded"] - batch["image"]) ** 2).mean())


def test_class_weights_are_saved_and_move_with_the_model():
    criterions = CriterionsComposition(
        {"ce": nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]))}, mapping={"ce": CLASSES}
    )

    torch.testing.assert_close(criterions.state_dict(), {"ce.weight": torch.tensor([1.0, 2.0, 3.0])}, check_dtype=True)
    assert criterions.to(torch.float64)["ce"].weight.dtype == torch.float64
    assert criterions.to("meta")["ce"].weight.device.type == "meta"


def test_a_loss_with_weights_of_its_own_is_trained():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, input, target):
            return self.scale * (input - target).abs().mean()

    criterions = CriterionsComposition({"scaled": Scaled()}, mapping=IMAGES)
    criterions(batch_of())["total"].backward()

    assert [name for name, _ in criterions.named_parameters()] == ["scaled.scale"]
    assert criterions["scaled"].scale.grad > 0


@pytest.mark.parametrize("name", ["type", "train", "update", "names", "weights", "pairs"])
def test_a_loss_may_have_any_other_name(name):
    criterions = CriterionsComposition({name: nn.MSELoss()}, weights={name: 2.0}, mapping={name: IMAGES})
    losses = criterions(batch_of())

    torch.testing.assert_close(losses["total"], 2 * losses[name])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"criterions": {}}, "criterions: is empty, so there is nothing to train on."),
        (
            {"criterions": {"total": nn.MSELoss()}, "mapping": {"total": IMAGES}},
            "criterions.total: is taken: 'total' names the weighted sum. Rename this loss.",
        ),
        (
            {"criterions": {"ce": nn.MSELoss(), "kl": nn.MSELoss()}, "weights": {"cee": 1}},
            "weights.cee: names no loss. Did you mean 'ce'? There are: ce, kl.",
        ),
        (
            {"criterions": {"ce": nn.MSELoss()}, "weights": {"ce": "1"}},
            "weights.ce: is '1', but must be a number.",
        ),
        (
            {"criterions": {"ce": nn.MSELoss()}, "weights": {"ce": True}},
            "weights.ce: is True, but must be a number.",
        ),
        (
            {"criterions": {"ce": nn.MSELoss()}, "mapping": {"cee": IMAGES}},
            "mapping.cee: names no loss. Did you mean 'ce'? There are: ce.",
        ),
        (
            {"criterions": {"a": nn.MSELoss(), "b": nn.MSELoss()}, "mapping": {"a": IMAGES}},
            "mapping.b: is missing: the loss 'b' needs {batch_key: parameter}.",
        ),
        (
            {"criterions": {"ce": nn.MSELoss()}},
            "mapping.ce: is missing: the loss 'ce' needs {batch_key: parameter}.",
        ),
        (
            {"criterions": {"ce": nn.MSELoss()}, "mapping": {"ce": {"image": "inputs"}}},
            "mapping.ce.image: torch.nn.modules.loss.MSELoss has no parameter 'inputs'. "
            "Did you mean 'input'? It takes: input, target.",
        ),
        (
            {"criterions": {"ce": 3}, "mapping": {"ce": IMAGES}},
            "ce: is 3, but must be something that can be called.",
        ),
    ],
)
def test_a_mistake_in_the_losses_is_told_with_its_path(arguments, message):
    with pytest.raises(ConfigError) as error:
        CriterionsComposition(**arguments)

    assert str(error.value) == message


def test_a_missing_key_names_the_loss():
    criterions = CriterionsComposition(
        {"ce": nn.CrossEntropyLoss()}, mapping={"ce": {"output": "input", "lable": "target"}}
    )

    with pytest.raises(BatchKeyError) as error:
        criterions({"output": torch.zeros(1, 2), "label": torch.zeros(1)})

    assert str(error.value) == "mapping.ce: no key 'lable' in the batch. Did you mean 'label'? Keys: output, label."


def test_a_loss_that_is_not_one_number_is_refused():
    criterions = CriterionsComposition({"mse": nn.MSELoss(reduction="none")}, mapping=IMAGES)

    with pytest.raises(ConfigError) as error:
        criterions(batch_of(size=8))

    assert str(error.value) == "criterions.mse: gives a tensor [8, 4], not one number. Set its reduction to mean."


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_losses_survive_copies_and_other_processes(travel):
    criterions = CriterionsComposition(
        {"ce": nn.CrossEntropyLoss(), "mse": nn.functional.mse_loss}, {"mse": 0.5}, {"ce": CLASSES, "mse": IMAGES}
    )

    torch.testing.assert_close(travel(criterions)(batch_of()), criterions(batch_of()))


# ---- MetricsComposition

REFERENCES = {
    "accuracy": (MulticlassAccuracy(3, average="micro"), sklearn.metrics.accuracy_score),
    "balanced": (MulticlassAccuracy(3, average="macro"), sklearn.metrics.balanced_accuracy_score),
    "f1": (MulticlassF1Score(3), lambda y, p: sklearn.metrics.f1_score(y, p, average="macro")),
    "precision": (MulticlassPrecision(3), lambda y, p: sklearn.metrics.precision_score(y, p, average="macro")),
    "recall": (MulticlassRecall(3), lambda y, p: sklearn.metrics.recall_score(y, p, average="macro")),
    "kappa": (MulticlassCohenKappa(3), sklearn.metrics.cohen_kappa_score),
    "confusion": (MulticlassConfusionMatrix(3), sklearn.metrics.confusion_matrix),
}


def epoch():
    """Three batches of different sizes, and all their samples together."""
    batches = [batch_of(size, seed) for seed, size in enumerate([20, 20, 7])]
    return batches, {key: torch.cat([batch[key] for batch in batches]) for key in batches[0]}


@pytest.mark.parametrize("name", REFERENCES)
def test_a_metric_over_batches_equals_scikit_learn_over_all_samples(name):
    metric, reference = REFERENCES[name]
    metrics = MetricsComposition({name: metric.clone()}, {name: PREDICTION})
    batches, samples = epoch()

    for batch in batches:
        metrics.update(batch)

    expected = torch.as_tensor(reference(samples["label"].numpy(), samples["prediction"].numpy()))
    torch.testing.assert_close(metrics.compute()[name], expected, check_dtype=False)


def test_metrics_read_different_keys():
    metrics = MetricsComposition(
        {
            "accuracy": MulticlassAccuracy(3, average="micro"),
            "inverse": MulticlassAccuracy(3, average="micro"),
            "auroc": MulticlassAUROC(3),
            "mse": MeanSquaredError(),
        },
        {
            "accuracy": PREDICTION,
            "inverse": {"label": ["preds", "target"]},
            "auroc": {"output": "preds", "label": "target"},
            "mse": {"decoded": "preds", "image": "target"},
        },
    )
    batches, samples = epoch()

    for batch in batches:
        metrics.update(batch)

    result = {name: value.item() for name, value in metrics.compute().items()}
    label, probability = samples["label"].numpy(), samples["output"].softmax(dim=-1).numpy()
    assert result == pytest.approx(
        {
            "accuracy": sklearn.metrics.accuracy_score(label, samples["prediction"].numpy()),
            "inverse": 1.0,
            "auroc": sklearn.metrics.roc_auc_score(label, probability, average="macro", multi_class="ovr"),
            "mse": sklearn.metrics.mean_squared_error(samples["image"].numpy(), samples["decoded"].numpy()),
        }
    )


def test_a_reset_forgets_the_batches():
    metrics = MetricsComposition({"mean": MeanMetric()}, {"mean": {"x": "value"}})
    metrics.update({"x": torch.tensor(9.0)})
    metrics.reset()
    metrics.update({"x": torch.tensor([1.0, 2.0])})

    assert metrics.compute() == {"mean": 1.5}


def test_a_clone_has_a_prefix_and_a_state_of_its_own():
    metrics = MetricsComposition({"mean": MeanMetric()}, {"mean": {"x": "value"}})
    metrics.update({"x": torch.tensor(9.0)})
    clone = metrics.clone(prefix="val/")
    clone.reset()
    clone.update({"x": torch.tensor(1.0)})

    assert clone.compute() == {"val/mean": 1.0}
    assert metrics.compute() == {"mean": 9.0}


def test_calling_gives_the_value_of_one_batch_and_keeps_the_epoch():
    metrics = MetricsComposition({"mean": MeanMetric()}, {"mean": {"x": "value"}})

    assert [metrics({"x": torch.tensor(value)}) for value in (1.0, 3.0)] == [{"mean": 1.0}, {"mean": 3.0}]
    assert metrics.compute() == {"mean": 2.0}


@pytest.mark.parametrize(
    ("metrics", "mapping", "names"),
    [
        (MeanMetric(), {"x": "value"}, ["metric"]),
        ([MeanMetric(), MeanMetric()], [{"x": "value"}, {"y": "value"}], ["metric_0", "metric_1"]),
        ({"a": MeanMetric(), "b": MeanMetric()}, {"a": {"x": "value"}, "b": {"y": "value"}}, ["a", "b"]),
    ],
)
def test_metrics_are_one_several_or_named(metrics, mapping, names):
    composition = MetricsComposition(metrics, mapping)

    composition.update({"x": torch.tensor(1.0), "y": torch.tensor(2.0)})

    assert composition.compute() == dict(zip(names, [1.0, 2.0], strict=False))


def test_a_stage_has_the_metrics_that_want_it():
    metrics = MetricsComposition(
        {"fast": MeanMetric(), "slow": MeanMetric()},
        {"fast": {"x": "value"}, "slow": {"x": "value"}},
        stages={"slow": ["test"]},
    )

    assert {stage: list(metrics.of_stage(stage)) for stage in ("train", "val", "test")} == {
        "train": ["fast"],
        "val": ["fast"],
        "test": ["fast", "slow"],
    }
    train = metrics.of_stage("train")
    train.update({"x": torch.tensor(4.0)})
    assert train.compute() == {"fast": 4.0}
    assert train["fast"] is metrics["fast"]


@pytest.mark.parametrize(
    ("metric", "direction"),
    [(MulticlassAccuracy(3), "max"), (MeanSquaredError(), "min"), (MulticlassConfusionMatrix(3), None)],
)
def test_a_metric_knows_its_direction(metric, direction):
    parameters = {"prediction": "preds", "label": "target"}

    assert MetricsComposition({"m": metric}, {"m": parameters}).direction("m") == direction


def test_states_move_and_parameters_none():
    metrics = MetricsComposition({"mean": MeanMetric()}, {"mean": {"x": "value"}})

    assert metrics.to("meta")["mean"].mean_value.device.type == "meta"
    assert list(metrics.parameters()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"metrics": {"acc": nn.MSELoss()}},
            "metrics.acc: is MSELoss(), but must be a torchmetrics metric.",
        ),
        (
            {"metrics": {"acc": MeanMetric()}},
            "mapping.acc: is missing: the metric 'acc' needs {batch_key: parameter}.",
        ),
        (
            {"metrics": {"acc": MeanMetric()}, "mapping": {"ac": {"x": "value"}}},
            "mapping.ac: names no metric. Did you mean 'acc'? There are: acc.",
        ),
        (
            {"metrics": {"mse": MeanSquaredError()}, "mapping": {"mse": {"preds": "prediction"}}},
            "mapping.mse.preds: torchmetrics.regression.mse.MeanSquaredError.update has no parameter 'prediction'. "
            "A mapping reads {batch_key: parameter}, so turn it round: {prediction: preds}. It takes: preds, target.",
        ),
        (
            {"metrics": {"acc": MeanMetric()}, "mapping": {"acc": {"x": "value"}}, "stages": {"acc": ["valid"]}},
            "stages.acc: names 'valid', which is no stage. Stages: train, val, test.",
        ),
        (
            {"metrics": {"acc": MeanMetric()}, "mapping": {"acc": {"x": "value"}}, "stages": {"ac": ["val"]}},
            "stages.ac: names no metric. Did you mean 'acc'? There are: acc.",
        ),
    ],
)
def test_a_mistake_in_the_metrics_is_told_with_its_path(arguments, message):
    with pytest.raises(ConfigError) as error:
        MetricsComposition(**arguments)

    assert str(error.value) == message


@pytest.mark.parametrize(
    "name",
    ["update", "keys", "compute", "type", "pairs", "stages", "direction", "of_stage", "prefix", "training", "a.b"],
)
def test_a_metric_may_not_take_a_name_that_is_in_use(name):
    with pytest.raises(ConfigError, match=rf"^metrics\.{name}: "):
        MetricsComposition({name: MeanMetric()}, {name: {"x": "value"}})


def test_a_missing_key_names_the_metric():
    metrics = MetricsComposition({"acc": MulticlassAccuracy(3)}, {"acc": {"predicton": "preds", "label": "target"}})

    with pytest.raises(BatchKeyError) as error:
        metrics.update({"prediction": torch.zeros(1), "label": torch.zeros(1)})

    assert (
        str(error.value)
        == "mapping.acc: no key 'predicton' in the batch. Did you mean 'prediction'? Keys: prediction, label."
    )


def test_a_mean_of_no_batches_is_not_a_number():
    with pytest.warns(UserWarning, match="before the ``update``"):
        value = MetricsComposition(MeanMetric(), {"x": "value"}).compute()["metric"]

    assert math.isnan(value)
