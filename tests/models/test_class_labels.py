"""Labels that are no class, on a CPU and before they reach an accelerator.

The meta device stands for the accelerator: its tensors have shapes and no values, so whoever reads one fails.
"""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from ml_core.errors import DataError
from ml_core.models.base_module import BaseLitModule
from ml_core.models.class_labels import ClassLoss, HostLabels
from ml_core.models.utils import CriterionsComposition
from ml_core.step_errors import StepError
from ml_core.transforms.base import ComposeTransform, WrapTransform

META = torch.device("meta")
MAPPING = {"logits": "input", "label": "target"}
FIX = (
    "Correct the data, give the network as many outputs as there are classes, "
    "or let the loss leave the value out: ignore_index (now -100)."
)


def criterions(loss: Any = None) -> CriterionsComposition:
    return CriterionsComposition({"ce": loss or nn.CrossEntropyLoss()}, mapping={"ce": MAPPING})


def batch(*labels: int, **more: Any) -> dict[str, Any]:
    return {"x": torch.randn(len(labels), 3), "label": torch.tensor(labels), **more}


def module(loss: Any = None, **steps: Any) -> BaseLitModule:
    network = WrapTransform(nn.Linear(3, 10), "logits", {"x": "input"})
    return BaseLitModule(ComposeTransform(network=network, **steps), criterions(loss), torch.optim.SGD)


def step_on_meta(model: BaseLitModule, data: dict[str, Any]) -> dict[str, Any]:
    """Do what the trainer does with a batch of the data loader."""
    model.to(META)
    return model.test_step(model.transfer_batch_to_device(data, META, 0), 0)


@pytest.mark.parametrize("on", ["cpu", "meta"])
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ((0, 10, 9, -1), "'label' holds -1, 10, but 'logits' has 10 classes, 0 to 9. Rows in this batch: 1, 3."),
        ((-100, 12, 1), "'label' holds 12, but 'logits' has 10 classes, 0 to 9. Rows in this batch: 1."),
        (tuple(range(10, 20)), "'label' holds 10, 11, 12, 13, 14, 15, 16, 17, 2 more, but 'logits' has 10 classes, "
                               "0 to 9. Rows in this batch: 0, 1, 2, 3, 4, 5, 6, 7, 2 more."),
    ],
)  # fmt: skip
def test_d5_labels_that_are_no_class_are_named_with_their_rows(labels, message: str, on: str):
    model = module()
    with pytest.raises(DataError) as caught:
        model.test_step(batch(*labels), 0) if on == "cpu" else step_on_meta(model, batch(*labels))
    assert (caught.value.where, caught.value.what, caught.value.fix) == ("model.criterions.criterions.ce", message, FIX)
    assert caught.value.exit_code == 65


@pytest.mark.parametrize("labels", [(0, 9), (-100, 3)])
def test_the_label_that_the_loss_leaves_out_is_allowed(labels):
    assert module().test_step(batch(*labels), 0)["loss"].isfinite()
    assert step_on_meta(module(), batch(*labels))["loss"].device == META


@pytest.mark.parametrize(
    "loss",
    [nn.CrossEntropyLoss(ignore_index=10), functools.partial(functional.cross_entropy, ignore_index=10)],
    ids=["module", "function"],
)
def test_another_value_may_be_left_out(loss):
    step_on_meta(module(loss), batch(0, 10))
    with pytest.raises(DataError, match=r"'label' holds 11, .* ignore_index \(now 10\)\.$"):
        step_on_meta(module(loss), batch(10, 11))


def test_labels_of_pixels_are_looked_at_too():
    loss = ClassLoss.of("criterions.ce", nn.CrossEntropyLoss(), (("scores", "input"), ("mask", "target")))
    mask = torch.zeros(2, 4, 4, dtype=torch.int64)
    mask[1, 2, 3] = 3
    with pytest.raises(
        DataError, match=r"'mask' holds 3, but 'scores' has 3 classes, 0 to 2\. Rows in this batch: 1\."
    ):
        loss.check({"scores": torch.zeros(2, 3, 4, 4, device=META)}, mask)


def test_labels_that_a_step_on_the_device_makes_are_not_compared_with_those_of_the_host():
    halve = WrapTransform(lambda label: label // 2, "label", {"label": "label"})
    step_on_meta(module(halve=halve), batch(18, 19))


def test_probabilities_and_other_losses_are_left_alone():
    mixed = {"x": torch.randn(2, 3), "label": torch.full((2, 10), 0.1)}
    assert step_on_meta(module(), mixed)["loss"].device == META
    assert ClassLoss.of("criterions.mse", nn.MSELoss(), (("a", "input"), ("b", "target"))) is None
    assert ClassLoss.of("criterions.ce", nn.CrossEntropyLoss(), (("b", "target"),)) is None


def test_a_batch_that_stays_where_it_is_keeps_nothing():
    labels = HostLabels(criterions().class_losses())
    host = batch(0, 11)
    labels.keep(host, host)
    labels.check({**host, "logits": torch.zeros(2, 10)})  # the loss itself tells it there


def test_a_loss_of_ones_own_is_looked_at_where_it_fails():
    class Focal(nn.Module):
        def forward(self, logits, label):
            return functional.cross_entropy(logits, label) ** 2

    losses = CriterionsComposition({"focal": Focal()}, mapping={"focal": {"logits": "logits", "label": "label"}})
    with pytest.raises(DataError, match=r"^criterions\.focal: 'label' holds 10, but 'logits' has 10 classes"):
        losses({"logits": torch.zeros(1, 10), "label": torch.tensor([10])})


def test_another_failure_of_a_loss_is_told_as_one_of_a_step():
    with pytest.raises(StepError) as caught:
        criterions()({"logits": torch.zeros(4, 10), "label": torch.zeros(3, dtype=torch.int64)})
    assert str(caught.value) == (
        "criterions.ce: torch.nn.modules.loss.CrossEntropyLoss failed: "
        "Expected input batch_size (4) to match target batch_size (3). "
        "The step got input: float32 [4, 10] from 'logits', target: int64 [3] from 'label'. "
        "Keys at this point: logits (float32 [4, 10]), label (int64 [3])."
    )
