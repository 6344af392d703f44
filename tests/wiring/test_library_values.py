"""What the tables say of libraries is what the libraries themselves take."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from lightning.fabric.plugins.precision import precision as precisions
from lightning.pytorch import Trainer
from lightning.pytorch.accelerators import AcceleratorRegistry
from lightning.pytorch.strategies import StrategyRegistry

from ml_core.value_types import misfit
from ml_core.wiring.library_values import (
    ACCELERATORS,
    ANNOTATIONS,
    LOADER,
    OPTIMIZER,
    PRECISIONS,
    STRATEGIES,
    TRAINER,
    annotation_of,
)
from ml_core.wiring.static_signatures import Resolver

ELSEWHERE = {"hpu", "hpu_parallel", "hpu_single"}
"""Of lightning-habana, which registers itself where it is installed."""
QUIET = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False}


def test_strategies_and_accelerators_are_those_that_lightning_registers():
    assert set(STRATEGIES) - ELSEWHERE == {"auto", *StrategyRegistry.available_strategies()}
    assert set(ACCELERATORS) - ELSEWHERE == {"auto", "gpu", *AcceleratorRegistry.available_accelerators()}


def test_precisions_are_those_that_lightning_annotates():
    kinds = (precisions._PRECISION_INPUT_STR, precisions._PRECISION_INPUT_STR_ALIAS, precisions._PRECISION_INPUT_INT)
    assert set(PRECISIONS) == {value for kind in kinds for value in get_args(kind)}


@pytest.mark.parametrize("owner", ANNOTATIONS)
def test_every_parameter_exists(owner):
    target = f"{owner}.__init__" if owner != OPTIMIZER else "torch.optim.SGD"
    names = set(Resolver().signature(target).names) | ({"eps"} if owner == OPTIMIZER else set())
    assert set(ANNOTATIONS[owner]) <= names


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("strategy", "dpp"),
        ("accelerator", "gpuu"),
        ("precision", "bf61"),
        ("profiler", "simpel"),
        ("gradient_clip_algorithm", "size"),
        ("limit_train_batches", 1.5),
        ("limit_val_batches", -1),
        ("overfit_batches", -1),
        ("max_epochs", -5),
        ("fast_dev_run", -1),
    ],
)
def test_what_is_refused_lightning_refuses_too(name, value):
    assert misfit(value, ANNOTATIONS[TRAINER][name]) is not None
    with pytest.raises(Exception, match=r"\w"):
        Trainer(**{**QUIET, name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit_train_batches", 2),
        ("limit_train_batches", 1.0),
        ("limit_val_batches", 0),
        ("max_epochs", -1),
        ("max_epochs", None),
        ("min_epochs", 0),
        ("fast_dev_run", 3),
        ("fast_dev_run", True),
        ("precision", 32),
        ("precision", "bf16-mixed"),
        ("num_sanity_val_steps", -1),
        ("gradient_clip_val", 0.5),
        ("profiler", "simple"),
    ],
)
def test_what_fits_lightning_takes_too(name, value):
    assert misfit(value, ANNOTATIONS[TRAINER][name]) is None
    Trainer(**{**QUIET, name: value})


def test_an_heir_has_the_ranges_of_its_ancestors():
    owners = Resolver().bases("torch.optim.AdamW")
    assert misfit(-0.1, annotation_of(owners, "lr")) == (
        "is -0.1, but must be a number from 0 or an object (a node with `_target_`)."
    )
    with pytest.raises(ValueError, match="Invalid learning rate"):
        torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=-0.1)


def test_of_other_parameters_nothing_is_known():
    assert annotation_of({TRAINER}, "devices") is None
    assert annotation_of({LOADER}, "max_epochs") is None
