"""Does the state in a checkpoint fit the model and its optimizer?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer

from ml_core.errors import ConfigError, listed
from ml_core.utils.signatures import name_of

MOST_SHOWN = 4


class WeightsMismatchError(ConfigError, RuntimeError):
    """The weights of a checkpoint belong to another model."""


def mismatch(own: Mapping[str, Any], given: Mapping[str, Any]) -> WeightsMismatchError:
    """Return what differs between the state of a model and that of a checkpoint.

    Args:
        own: The model's state, by name.
        given: The state that it was given.
    """
    shapes = {name: (_shape(given[name]), _shape(own[name])) for name in own if name in given}
    other = {name: pair for name, pair in shapes.items() if pair[0] != pair[1]}
    missing, unexpected = [n for n in own if n not in given], [n for n in given if n not in own]
    parts = [
        _part("of another shape", [f"{name} {there} there, {here} here" for name, (there, here) in other.items()]),
        _part("missing in the checkpoint", missing),
        _part("unknown to the model", unexpected),
    ]
    return WeightsMismatchError(
        _path([*other, *missing, *unexpected]),
        f"the weights of the checkpoint do not fit the model: {'; '.join(part for part in parts if part)}.",
        "Give the model that the checkpoint was made with, or leave ckpt_path out to train from the start.",
    )


def require_own_state(optimizer: Optimizer) -> None:
    """Refuse an optimizer whose state came out of the checkpoint of another one.

    Raises:
        ConfigError: Names what the state lacks; torch itself fails at the first step, with a `KeyError`.
    """
    lacking = [name for name in optimizer.defaults if name not in optimizer.param_groups[0]]
    if lacking:
        raise ConfigError(
            "model.optimizer",
            f"the checkpoint holds the state of another optimizer: {name_of(type(optimizer))} needs {listed(lacking)}.",
            "Resume with the optimizer that the checkpoint was made with.",
        )


def _part(what: str, names: list[str]) -> str:
    more = [f"{len(names) - MOST_SHOWN} more"] if len(names) > MOST_SHOWN else []
    return f"{len(names)} {what} ({listed([*names[:MOST_SHOWN], *more])})" if names else ""


def _path(names: list[str]) -> str:
    """Return the YAML path of the step that holds all of these weights; `model` where several do."""
    paths = {".".join(name.split(".")[:-1][:2]) for name in names}
    return f"model.{paths.pop()}" if len(paths) == 1 else "model"


def _shape(value: Any) -> list[int] | str:
    return list(value.shape) if hasattr(value, "shape") else type(value).__name__
