"""How large are the gradients?"""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

MEAN, HIGHEST = "train/grad_norm", "train/grad_norm_max"


class GradientNorm(Callback):
    """Log the norm of all gradients together, before clipping: its mean and its maximum over an epoch.

    The norm is computed every `trainer.log_every_n_steps` optimizer steps, or every `every_n_steps`, and stays on
    the device until the epoch ends, so no step waits for it.

    Logs: `train/grad_norm`, `train/grad_norm_max`.

    Args:
        norm_type: Order of the norm.
        every_n_steps: Optimizer steps between two looks; null for the trainer's `log_every_n_steps`.
    """

    def __init__(self, norm_type: float = 2.0, every_n_steps: int | None = None) -> None:
        self.norm_type, self.every_n_steps = norm_type, every_n_steps
        self._norms: list[Tensor] = []

    def logged_values(self) -> list[str]:
        """Return the names of all values that are logged here."""
        return [MEAN, HIGHEST]

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the last epoch."""
        self._norms = []

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Compute the norm where a look is due."""
        every = self.every_n_steps or trainer.log_every_n_steps  # type: ignore[attr-defined]
        if trainer.global_step % every == 0:
            gradients = [weight.grad for weight in pl_module.parameters() if weight.grad is not None]
            self._norms.append(get_total_norm(gradients, self.norm_type))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the mean and the maximum."""
        if self._norms:
            norms = torch.stack(self._norms)
            values: dict[str, Any] = {MEAN: norms.mean(), HIGHEST: norms.max()}
            pl_module.log_dict(values)
