"""Weights of losses that move with the training."""

import math

import pytest
import torch
from torch import nn

from ml_core.errors import ConfigError
from ml_core.models.schedules import Cosine, Linear, Uncertainty
from ml_core.models.utils import CriterionsComposition

BATCH = {"output": torch.tensor([3.0]), "label": torch.tensor([1.0])}  # squared error 4, absolute error 2
MAPPING = {name: {"output": "input", "label": "target"} for name in ("mse", "mae")}


def losses(weights):
    return CriterionsComposition({"mse": nn.MSELoss(), "mae": nn.L1Loss()}, weights, MAPPING)


def test_a_linear_weight_goes_from_start_to_end():
    weight = Linear(start=0.0, end=0.5, steps=10, begin=2)

    assert [weight(step) for step in (0, 2, 7, 12, 99)] == pytest.approx([0, 0, 0.25, 0.5, 0.5])


def test_a_cosine_weight_is_halfway_in_the_middle_and_slow_at_both_ends():
    weight = Cosine(start=1.0, end=0.0, steps=10)

    assert [weight(step) for step in (0, 5, 10)] == pytest.approx([1, 0.5, 0])
    assert weight(1) == pytest.approx((1 + math.cos(math.pi / 10)) / 2)


def test_the_total_follows_the_weight_of_the_step():
    composition = losses({"mse": Linear(0.0, 1.0, steps=4), "mae": 3.0})

    assert [composition(BATCH, step)["total"].item() for step in (0, 1, 4)] == pytest.approx([6, 7, 10])
    assert composition(BATCH, 1)["mse"].item() == 4  # a loss itself is logged without its weight


def test_a_learnt_weight_is_trained_and_saved_with_the_model():
    composition = losses({"mse": Uncertainty(start=0.5)})
    (name,) = dict(composition.named_parameters())
    total = composition(BATCH)["total"]
    total.backward()

    s = math.log(2)
    assert total.item() == pytest.approx(math.exp(-s) * 4 + s / 2 + 2)
    assert composition.get_parameter(name).grad.item() == pytest.approx(-math.exp(-s) * 4 + 0.5)
    assert name in composition.state_dict()


def test_a_learnt_weight_ends_at_the_inverse_of_twice_its_loss():
    weight = Uncertainty()
    optimizer = torch.optim.SGD(weight.parameters(), lr=0.1)
    for _ in range(500):
        optimizer.zero_grad()
        weight(torch.tensor(4.0)).backward()
        optimizer.step()

    assert math.exp(-weight.log_variance.item()) == pytest.approx(1 / 8, rel=1e-3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Linear(0, 1, steps=0), "steps: is 0, but must be a whole number from 1."),
        (lambda: Linear(0, 1, steps=2.5), "steps: is 2.5, but must be a whole number from 1."),
        (lambda: Cosine(0, 1, steps=1, begin=-1), "begin: is -1, but must be a whole number from 0."),
        (lambda: Uncertainty(start=0), "start: is 0, but must be above 0."),
        (lambda: losses({"mse": "high"}), "weights.mse: is 'high', but must be a number."),
    ],
)
def test_a_value_that_cannot_be_is_refused(make, message):
    with pytest.raises(ConfigError) as caught:
        make()

    assert str(caught.value) == message
