"""Do a loss and a metric take what is fed to them, and is it what they are meant for?"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from ml_core.batch import Pairs, select
from ml_core.errors import ConfigError, UserError, listed
from ml_core.models.class_labels import ClassLoss
from ml_core.models.utils import CriterionsComposition
from ml_core.step_errors import described, step_error
from ml_core.wiring.dry_run.keys import DATA, Keys
from ml_core.wiring.dry_run.lenient import NotRun
from ml_core.wiring.dry_run.steps import Step
from ml_core.wiring.fake import zeros_like_fake

MOST_ELEMENTS = 20_000_000
"""Elements of all that a metric gets up to which it is tried."""

BROADCAST = "Using a target size"
"""How torch's losses begin to warn of shapes that differ."""

CLASS_NUMBERS = (torch.int64, torch.uint8)
"""Types of class numbers that torch's losses take."""


def run_criterion(step: Step, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Compute a loss on a batch, as `CriterionsComposition` does.

    Raises:
        ConfigError: If it does not take what it is fed, or compares every sample with every other.
    """
    loss = CriterionsComposition({"loss": step.run}, mapping={"loss": _mapping(step.pairs or ())})
    _check_class_type(step, values)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            loss(dict(values))
        except UserError as error:
            error.where = step.path
            raise
    if any(BROADCAST in str(warning.message) for warning in caught):
        _refuse_outer_product(step, values)
    return {}


def run_metric(step: Step, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Update a metric with a batch, and reset it; fake tensors become zeros.

    Raises:
        StepError: If it does not take what it is fed.
        NotRun: If it would take too long.
    """
    assert step.pairs is not None
    real = {key: zeros_like_fake(values[key]) for key, _ in step.pairs}
    if sum(value.numel() for value in real.values() if isinstance(value, Tensor)) > MOST_ELEMENTS:
        raise NotRun("gets too many numbers to be tried on them.")
    if any(isinstance(state, FakeTensor) for state in step.run.state_dict().values()):
        raise NotRun("uses a network that is too large to run for real.")
    try:
        step.run.update(**select(real, step.pairs))
    except UserError:
        raise
    except Exception as error:
        raise step_error(error, step.path, step.run, real, step.pairs) from error
    finally:
        step.run.reset()
    return {}


def too_few_classes(step: Step, keys: Keys, classes: Mapping[str, int]) -> ConfigError | None:
    """Return the error for a loss or metric that has fewer classes than the data set says that it has.

    Args:
        step: The loss or metric.
        keys: The batch.
        classes: Number of classes of the columns that tell it.
    """
    pairs = {parameter: key for key, parameter in step.pairs or ()}
    labels = pairs.get("target", "")
    if labels not in classes or not keys.known(pairs.values()) or keys.makers[labels] != DATA:
        return None
    has = _number_of_classes(step, keys, pairs)
    if has is None or has >= classes[labels] or keys.values[labels].is_floating_point():
        return None
    return ConfigError(
        step.path,
        f"'{labels}' has {classes[labels]} classes in the data set, but {_what_has_classes(step, keys, pairs)} {has}.",
        f"Make it {classes[labels]}.",
    )


def _number_of_classes(step: Step, keys: Keys, pairs: Mapping[str, str]) -> int | None:
    if step.kind == "metric":
        count = getattr(step.run, "num_classes", None)
        return count if isinstance(count, int) else None
    loss = ClassLoss.of(step.path, step.run, step.pairs or ())
    scores = keys.values[loss.scores] if loss else None
    return scores.shape[1] if isinstance(scores, Tensor) and scores.ndim > 1 else None


def _what_has_classes(step: Step, keys: Keys, pairs: Mapping[str, str]) -> str:
    return "num_classes is" if step.kind == "metric" else f"'{pairs['input']}' ({keys.told(pairs['input'])}) scores"


def _check_class_type(step: Step, values: Mapping[str, Any]) -> None:
    """Raise for class numbers of a type that torch refuses on real tensors alone."""
    loss = ClassLoss.of(step.path, step.run, step.pairs or ())
    labels = values.get(loss.labels) if loss else None
    if loss and isinstance(labels, Tensor) and not labels.is_floating_point() and labels.dtype not in CLASS_NUMBERS:
        raise ConfigError(
            step.mapping_path,
            f"'{loss.labels}' is {described(labels)}, but class numbers must be int64.",
            "Convert it in a transform, for example torch.Tensor.long.",
        )


def _refuse_outer_product(step: Step, values: Mapping[str, Any]) -> None:
    """Raise where broadcasting makes more elements than either side has: every sample against every other."""
    tensors = [(key, parameter) for key, parameter in step.pairs or () if isinstance(values[key], Tensor)]
    shapes = [values[key].shape for key, _ in tensors]
    together = math.prod(torch.broadcast_shapes(*shapes))
    if together > max(math.prod(shape) for shape in shapes):
        given = listed(f"{parameter}: {described(values[key])} from '{key}'" for key, parameter in tensors)
        raise ConfigError(
            step.mapping_path,
            f"compares every sample with every other, {together} pairs, because the shapes differ: {given}.",
            "Give both the same shape.",
        )


def _mapping(pairs: Pairs) -> dict[str, list[str]]:
    mapping: dict[str, list[str]] = {}
    for key, parameter in pairs:
        mapping.setdefault(key, []).append(parameter)
    return mapping
