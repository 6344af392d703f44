"""Weights of losses that move with the training: `weights: {kl: {_target_: ml_core.models.schedules.Linear, ...}}`."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ml_core.errors import ConfigError


class Linear:
    """Go from one weight to another in a straight line.

    Args:
        start: Weight up to the step `begin`.
        end: Weight from the end of the way on.
        steps: Optimizer steps that the way takes.
        begin: Optimizer step at which it begins.

    Raises:
        ConfigError: If `steps` is no whole number from 1, or `begin` none from 0.
    """

    def __init__(self, start: float, end: float, steps: int, begin: int = 0) -> None:
        _require_whole("steps", steps, 1)
        _require_whole("begin", begin, 0)
        self.start, self.end, self.steps, self.begin = float(start), float(end), steps, begin

    def __call__(self, step: int) -> float:
        """Return the weight after so many optimizer steps."""
        return self.start + (self.end - self.start) * self.shape(min(1.0, max(0.0, (step - self.begin) / self.steps)))

    def shape(self, progress: float) -> float:
        """Return which share of the way is made at a share of the time."""
        return progress


class Cosine(Linear):
    """Go from one weight to another along half a cosine: slowly, fast, slowly.

    Args and errors: see `Linear`.
    """

    def shape(self, progress: float) -> float:
        """Return which share of the way is made at a share of the time."""
        return (1 - math.cos(math.pi * progress)) / 2


class Uncertainty(nn.Module):
    """A weight that is learnt with the model: `exp(-s) * loss + s / 2`, where `s` is a log variance.

    Reference: Kendall, Gal and Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses" (2018), section 3.2.

    Args:
        start: Weight `exp(-s)` before the first step.

    Raises:
        ConfigError: If `start` is not above 0.
    """

    def __init__(self, start: float = 1.0) -> None:
        super().__init__()
        if not start > 0:
            raise ConfigError("start", f"is {start!r}, but must be above 0.")
        self.log_variance = nn.Parameter(torch.tensor(-math.log(start)))

    def forward(self, loss: Tensor) -> Tensor:
        """Return what a loss adds to the total."""
        return torch.exp(-self.log_variance) * loss + self.log_variance / 2


def _require_whole(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(name, f"is {value!r}, but must be a whole number from {least}.")
