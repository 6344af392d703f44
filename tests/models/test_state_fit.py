"""What is said when a checkpoint belongs to another model or optimizer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ml_core.errors import ConfigError
from ml_core.models.state_fit import WeightsMismatchError, mismatch, require_own_state


def state(*names: str, width: int = 2) -> dict[str, torch.Tensor]:
    return {name: torch.zeros(width, 3) for name in names}


@pytest.mark.parametrize(
    ("own", "given", "where", "what"),
    [
        (
            state("forward_fn.net.transform.fc1.weight", width=128),
            state("forward_fn.net.transform.fc1.weight", width=64),
            "model.forward_fn.net",
            "1 of another shape (forward_fn.net.transform.fc1.weight [64, 3] there, [128, 3] here).",
        ),
        (
            state("forward_fn.net.a", "forward_fn.net.b"),
            state("forward_fn.net.a", "forward_fn.head.b"),
            "model",
            "1 missing in the checkpoint (forward_fn.net.b); 1 unknown to the model (forward_fn.head.b).",
        ),
        (
            state(*(f"forward_fn.net.l{i}.weight" for i in range(6))),
            {},
            "model.forward_fn.net",
            "6 missing in the checkpoint (forward_fn.net.l0.weight, forward_fn.net.l1.weight, "
            "forward_fn.net.l2.weight, forward_fn.net.l3.weight, 2 more).",
        ),
    ],
)
def test_what_differs_is_listed(own, given, where: str, what: str):
    error = mismatch(own, given)
    assert type(error) is WeightsMismatchError
    assert error.exit_code == 64
    assert str(error) == (
        f"{where}: the weights of the checkpoint do not fit the model: {what} "
        "Give the model that the checkpoint was made with, or leave ckpt_path out to train from the start."
    )


def test_the_state_of_another_optimizer_is_refused():
    weights = [nn.Parameter(torch.zeros(1))]
    optimizer = torch.optim.SGD(weights, lr=0.1)
    require_own_state(optimizer)
    optimizer.load_state_dict(torch.optim.Adam(weights).state_dict())
    with pytest.raises(ConfigError) as caught:
        require_own_state(optimizer)
    assert str(caught.value) == (
        "model.optimizer: the checkpoint holds the state of another optimizer: torch.optim.sgd.SGD needs momentum, "
        "dampening. Resume with the optimizer that the checkpoint was made with."
    )
