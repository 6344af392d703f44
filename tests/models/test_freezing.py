"""Weights that stand still."""

from functools import partial
from itertools import pairwise

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from torch import nn
from torch.optim import AdamW
from torch.utils.data import DataLoader

from ml_core.errors import ConfigError
from ml_core.models.base_module import BaseLitModule
from ml_core.models.utils import CriterionsComposition
from ml_core.transforms.base import ComposeTransform, WrapTransform

SAMPLES = [{"x": torch.randn(2), "y": torch.randn(1)} for _ in range(8)]


def model(freeze):
    body = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    return BaseLitModule(
        forward_fn=ComposeTransform(
            body=WrapTransform(body, new_key="features", mapping={"x": "input"}),
            head=WrapTransform(nn.Linear(3, 1), new_key="output", mapping={"features": "input"}),
        ),
        criterions=CriterionsComposition({"mse": nn.MSELoss()}, mapping={"mse": {"output": "input", "y": "target"}}),
        optimizer=partial(AdamW, lr=0.1, weight_decay=0.5),
        freeze=freeze,
    )


class States(Callback):
    """Keeps the state of the body at the end of every epoch, and whether it was in training mode."""

    def __init__(self):
        self.states, self.modes = [], []

    def on_train_epoch_end(self, trainer, pl_module):
        body = pl_module.forward_fn["body"]
        self.states.append({name: value.clone() for name, value in body.state_dict().items()})
        self.modes.append(body.training)


def trained(freeze, epochs=2):
    seen, module = States(), model(freeze)
    start = {name: value.clone() for name, value in module.forward_fn["body"].state_dict().items()}
    head = module.forward_fn["head"].transform.weight.detach().clone()
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    trainer = Trainer(max_epochs=epochs, callbacks=[seen], enable_checkpointing=False, **quiet)
    trainer.fit(module, DataLoader(SAMPLES, batch_size=4))
    assert not torch.equal(head, module.forward_fn["head"].transform.weight)
    return [start, *seen.states], seen.modes, trainer


def equal(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def test_frozen_weights_and_running_statistics_stand_still_while_the_rest_learns():
    states, modes, trainer = trained({"match": "body.*"})

    assert equal(states[0], states[-1])
    assert modes == [False, False]
    assert sum(p.numel() for g in trainer.optimizers[0].param_groups for p in g["params"]) == 4


def test_weights_that_are_frozen_until_an_epoch_learn_from_then_on():
    states, modes, _ = trained({"match": "body.*", "until_epoch": 1})

    assert equal(states[0], states[1])
    assert not equal(states[1], states[2])
    assert modes == [False, True]


def test_several_rules_thaw_one_after_the_other():
    rules = [{"match": "body.0.weight", "until_epoch": 1}, {"match": "body.0.bias", "until_epoch": 2}]
    states, _, _ = trained(rules, epochs=3)

    names = ("transform.0.weight", "transform.0.bias")
    moved = [[not torch.equal(a[name], b[name]) for name in names] for a, b in pairwise(states)]
    assert moved == [[False, False], [True, False], [True, True]]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"match": "bodi.*"}, "model.freeze.match: 'bodi.*' matches no weight."),
        ({"match": "body.*", "until": 3}, "model.freeze.until: is no key of it. Did you mean 'until_epoch'?"),
        ({"match": "body.*", "until_epoch": 0}, "model.freeze.until_epoch: is 0, but must be a whole number from 1."),
        ([{"match": "body.*"}, "head.*"], "model.freeze[1]: is 'head.*', but must hold `match`"),
    ],
)
def test_a_rule_that_does_not_fit_is_refused(rule, message):
    with pytest.raises(ConfigError) as caught:
        model(rule)

    assert str(caught.value).startswith(message)


def test_a_network_without_anything_left_to_train_is_refused_before_the_first_step():
    with pytest.raises(ConfigError) as caught:
        model({"match": "*"}).make_optimizer()

    assert str(caught.value) == "model.optimizer: has nothing to train: all weights are frozen (model.freeze)."
