"""Groups of weights that the optimizer treats in their own way."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.optim import SGD, AdamW

from ml_core.errors import ConfigError
from ml_core.models.optimization import build_optimizer

NETWORK = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 1))
NAMED = dict(NETWORK.named_parameters())
NAME_OF = {id(weight): name for name, weight in NAMED.items()}


DECAYING = partial(AdamW, lr=0.1, weight_decay=0.01)


def groups(*rules, factory=DECAYING):
    """Return `{names: (lr, weight decay)}` of the optimizer that comes out."""
    built = build_optimizer(factory, NAMED, rules).param_groups
    return {tuple(NAME_OF[id(p)] for p in group["params"]): (group["lr"], group["weight_decay"]) for group in built}


def test_without_rules_there_is_one_group():
    assert groups() == {tuple(NAMED): (0.1, 0.01)}


def test_norms_and_biases_do_not_decay():
    assert groups({"match": "*.bias|1.*", "weight_decay": 0.0}) == {
        ("0.bias", "1.weight", "1.bias", "2.bias"): (0.1, 0.0),
        ("0.weight", "2.weight"): (0.1, 0.01),
    }


def test_all_rules_that_match_hold_and_the_later_one_has_the_last_word():
    found = groups(
        {"match": "*.bias", "weight_decay": 0.0}, {"match": "0.*", "lr": 1e-3}, {"match": "0.bias", "lr": 1e-4}
    )

    assert found == {
        ("0.weight",): (1e-3, 0.01),
        ("0.bias",): (1e-4, 0.0),
        ("1.bias", "2.bias"): (0.1, 0.0),
        ("1.weight", "2.weight"): (0.1, 0.01),
    }


def test_every_weight_is_in_one_group():
    built = build_optimizer(
        partial(SGD, lr=1.0), NAMED, [{"match": "*.weight", "lr": 0.5}, {"match": "0.*", "lr": 0.1}]
    )

    assert sorted(id(p) for g in built.param_groups for p in g["params"]) == sorted(map(id, NAMED.values()))


def test_the_rate_decays_from_layer_to_layer():
    found = groups({"match": "#.*", "lr_decay": 0.5})

    assert {names[0]: rate for names, (rate, _) in found.items()} == pytest.approx(
        {"0.weight": 0.025, "1.weight": 0.05, "2.weight": 0.1}
    )


def test_a_rate_can_be_a_share_of_the_optimizers():
    assert groups({"match": "0.*", "lr_scale": 0.1})["0.weight", "0.bias"] == pytest.approx((0.01, 0.01))


def test_weights_that_do_not_decay_keep_their_size_where_the_gradient_is_zero():
    network = nn.Linear(1, 1)
    rule = {"match": "bias", "weight_decay": 0.0}
    optimizer = build_optimizer(partial(AdamW, lr=0.1, weight_decay=0.5), dict(network.named_parameters()), [rule])
    before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    network(torch.zeros(1, 1)).mul(0).sum().backward()
    optimizer.step()

    assert torch.equal(network.bias, before["bias"])
    assert torch.allclose(network.weight, before["weight"] * (1 - 0.1 * 0.5))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            {"match": "*.bias", "weight_decai": 0.0},
            "model.parameter_groups[0].weight_decai: is no option of the optimizer. Did you mean 'weight_decay'? "
            "A group takes: match, lr_scale, lr_decay, lr, ",
        ),
        ({"match": "head.*"}, "model.parameter_groups[0].match: 'head.*' matches no weight. Weights: 0.weight"),
        ({"lr": 0.1}, "model.parameter_groups[0].match: is '', but must be a pattern such as '*.bias|*.norm*'."),
        ({"match": "0.*", "lr_decay": 0.5}, "model.parameter_groups[0].lr_decay: needs a '#' in `match`"),
        ({"match": "0.*", "lr_scale": -1}, "model.parameter_groups[0].lr_scale: is -1, but must be a number from 0."),
        ("*.bias", "model.parameter_groups[0]: is '*.bias', but must hold `match` and options of the optimizer."),
    ],
)
def test_a_rule_that_does_not_fit_is_refused(rule, message):
    with pytest.raises(ConfigError) as caught:
        groups(rule)

    assert str(caught.value).startswith(message)


def test_a_share_needs_a_rate_to_be_a_share_of():
    with pytest.raises(ConfigError, match=r"model.optimizer.lr is not set. Set it."):
        groups({"match": "0.*", "lr_scale": 0.1}, factory=AdamW)
