"""Which objects make an experiment, as a check needs them: its own, so that the run's stay as they are?"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig
from torch import nn

from ml_core.errors import UserError
from ml_core.utils.instantiators import Guard
from ml_core.wiring.dry_run.budget import Budget, TooMuch
from ml_core.wiring.dry_run.lenient import LenientBuilder
from ml_core.wiring.dry_run.offline import Offline
from ml_core.wiring.fake import ShapeMode, fake_copy, on_fake_tensors
from ml_core.wiring.nodes import entries

MODEL_PARTS = ("forward_fn", "inference_fn", "criterions", "optimizer")
CHEAP = ("ml_core", "lightning")
"""Packages whose callbacks are built for a check; making one of another package may do anything."""


@dataclass(frozen=True)
class Attempt:
    """How a check treats the model.

    Attributes:
        is_fake: Whether its tensors are fake.
        elements: Elements that its weights may have where they are real.
        seconds: Time that one pass may take where they are real.
        gives_up: Whether steps that need values are left out where they are fake.
    """

    is_fake: bool
    elements: int = 0
    seconds: float = 0.0
    gives_up: bool = False


@dataclass
class Experiment:
    """The parts of an experiment; `Unbuilt` where one could not be built, None where there is none.

    Attributes:
        datamodule: The data.
        module: The model as a whole.
        parts: Its parts by argument name, `forward_fn` and so on; there also where the whole could not be built.
        callbacks: `{YAML path: callback}`.
        fake: Mode of the model's tensors; None where they are real.
        mistakes: What is wrong with nodes that could not be built.
        unreachable: `{YAML path: reason}` of nodes that cannot be built here.
        builder: What built it; None for copies of what a run has built.
    """

    datamodule: Any
    module: Any
    parts: dict[str, Any]
    callbacks: dict[str, Any]
    fake: ShapeMode | None = None
    mistakes: list[UserError] = field(default_factory=list)
    unreachable: dict[str, str] = field(default_factory=dict)
    builder: LenientBuilder | None = None


def built(cfg: DictConfig, attempt: Attempt, guard: Guard | None, offline: Offline) -> Experiment:
    """Build all that a check needs; nothing that writes or connects.

    Raises:
        TooMuch: If the weights are more than the attempt allows.
        NeedsValues: If the model cannot be built on fake tensors.
    """
    builder, mode = LenientBuilder(cfg, guard, offline, attempt.gives_up), ShapeMode() if attempt.is_fake else None
    with on_fake_tensors(mode) if mode else Budget(attempt.elements):
        module = builder.build("model")
        parts = {name: builder.build(f"model.{name}") for name in MODEL_PARTS}
    callbacks = {path: builder.build(path) for path, target in callback_targets(cfg).items() if _is_cheap(target)}
    datamodule = builder.build("data")
    return Experiment(datamodule, module, parts, callbacks, mode, builder.mistakes, builder.unreachable, builder)


def copied(objects: Mapping[str, Any], cfg: DictConfig, attempt: Attempt) -> Experiment:
    """Return copies of what a run has built; the data module is the run's, so that data is loaded once.

    Raises:
        TooMuch: If the weights are more than the attempt allows.
    """
    mode = ShapeMode() if attempt.is_fake else None
    weights = sum(parameter.numel() for parameter in objects["model"].parameters())
    if mode is None and weights > attempt.elements:
        raise TooMuch
    targets = callback_targets(cfg)
    pairs = zip(targets, objects["callbacks"], strict=True)
    callbacks = {path: callback for path, callback in pairs if _is_cheap(targets[path])}
    both = (objects["model"], callbacks)
    module, callbacks = fake_copy(both, mode) if mode else copy.deepcopy(both)
    parts = {name: getattr(module, name, None) for name in MODEL_PARTS}
    return Experiment(objects["datamodule"], module, parts, callbacks, mode)


def callback_targets(cfg: DictConfig) -> dict[str, str]:
    """Return `{YAML path: _target_}` of the callbacks that a run has, in order."""
    return {path: str(node._target_) for path, node in entries(cfg, "callbacks") if "_target_" in node}


def weights_of(item: Any) -> int | None:
    """Return the number of weights of a module, each counted once; None where it has none."""
    return sum(p.numel() for p in item.parameters()) or None if isinstance(item, nn.Module) else None


def _is_cheap(target: str) -> bool:
    return target.split(".")[0] in CHEAP
