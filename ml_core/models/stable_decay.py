"""Schedule of the learning rate that stays constant and decays only at the end."""

from __future__ import annotations

import math
from typing import Any, Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ml_core.errors import ConfigError

SHAPES = {
    "linear": lambda progress: 1 - progress,
    "cosine": lambda progress: (1 + math.cos(math.pi * progress)) / 2,
    "sqrt": lambda progress: 1 - math.sqrt(progress),
}


class StableDecayLR(LRScheduler):
    """Keep the learning rate, then let it fall over the last share of the training; with a warm-up it is WSD.

    Reference: Hu et al., "MiniCPM" (2024), section 4; Hägele et al., "Scaling Laws and Compute-Optimal Training
    Beyond Fixed Training Durations" (2024), for the `sqrt` shape.

    Args:
        optimizer: Its groups hold the stable rates.
        total_steps: Length of the schedule; the trainer gives it unless YAML does.
        decay: Share of the schedule that decays, above 0 and up to 1.
        shape: `linear`, `cosine` or `sqrt` (1 - sqrt).
        final: Share of the stable rate at the end.
        last_epoch: As in torch's schedulers.

    Raises:
        ConfigError: If a value is out of its range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_steps: int,
        decay: float = 0.2,
        shape: Literal["linear", "cosine", "sqrt"] = "linear",
        final: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        if shape not in SHAPES:
            raise ConfigError("model.scheduler.shape", f"is {shape!r}.", f"Choices: {', '.join(SHAPES)}.")
        if not 0 < decay <= 1:
            raise ConfigError("model.scheduler.decay", f"is {decay!r}, but must be a share above 0 and up to 1.")
        if not 0 <= final <= 1:
            raise ConfigError("model.scheduler.final", f"is {final!r}, but must be a share from 0 to 1.")
        self.total_steps, self.decay, self.shape, self.final = total_steps, decay, shape, final
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Return the rate of each group for the next step."""
        decaying = max(1.0, self.total_steps * self.decay)
        progress = min(1.0, max(0.0, (self.last_epoch - self.total_steps + decaying) / decaying))
        share = self.final + (1 - self.final) * SHAPES[self.shape](progress)
        return [rate * share for rate in self.base_lrs]
