"""An exponential moving average of the weights, which validation, testing and checkpoints use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from ml_core.errors import ConfigError
from ml_core.models.utils import METRIC_ATTRIBUTES

CURRENT = "current_model_state"
"""Where a checkpoint holds the weights that are trained; its `state_dict` holds the averages."""


class EMA(Callback):
    """Average the weights over the optimizer steps; validate, test and save with the averages.

    After step n an average is `d * average + (1 - d) * weight`, with `d = min(decay, (1 + n) / (10 + n))`, so that
    the first weights are soon forgotten. Running statistics are averaged too, counters taken as they are. The
    trained weights are kept beside the averages, so that a resumed run goes on exactly.

    Reference: Polyak and Juditsky (1992); the warm-up of the decay is that of Tensorflow's
    `ExponentialMovingAverage(num_updates=...)`.

    Args:
        decay: Upper end of the decay, from 0 to below 1; 0.999 averages over about the last 1,000 steps.
        every_n_steps: Update after every so many optimizer steps.
        start_step: Optimizer steps before the first update; until then the averages are the weights.

    Raises:
        ConfigError: If a value is out of its range, or the strategy shards the weights.
    """

    def __init__(self, decay: float = 0.999, every_n_steps: int = 1, start_step: int = 0) -> None:
        if isinstance(decay, bool) or not isinstance(decay, (int, float)) or not 0 <= decay < 1:
            raise ConfigError("decay", f"is {decay!r}, but must be a number from 0 to below 1.")
        for name, value, least in (("every_n_steps", every_n_steps, 1), ("start_step", start_step, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ConfigError(name, f"is {value!r}, but must be a whole number from {least}.")
        self.decay, self.every_n_steps, self.start_step = decay, every_n_steps, start_step
        self.num_updates, self.last_step = 0, 0
        self.averages: dict[str, Tensor] = {}
        self._live: dict[str, Tensor] = {}
        self._trained: dict[str, Tensor] = {}
        self._is_in_use = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse strategies under which a device holds only a part of a weight."""
        sharding = type(trainer.strategy).__name__
        if stage == "fit" and sharding in ("FSDPStrategy", "ModelParallelStrategy", "DeepSpeedStrategy"):
            raise ConfigError("callbacks.ema", f"cannot average weights that {sharding} shards.", "Use trainer=ddp.")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start from the weights, or go on with the averages and the weights of a checkpoint."""
        self._live = dict(_state(pl_module))  # shares its memory with the module, which is only changed in place
        if self.averages:
            self.averages = {name: self.averages[name].to(value.device) for name, value in self._live.items()}
            _copy(self._trained, self._live)
            self._trained = {}
        else:
            self.last_step = trainer.global_step
            self.averages = {name: value.clone() for name, value in self._live.items()}

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Update the averages after an optimizer step."""
        if trainer.global_step < self.last_step + self.every_n_steps:
            return
        self.last_step = trainer.global_step
        if trainer.global_step <= self.start_step:
            _copy(self._live, self.averages)
            return
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        self.num_updates += 1
        counters = {name: value for name, value in self._live.items() if not value.is_floating_point()}
        floats = [name for name in self._live if name not in counters]
        torch._foreach_lerp_([self.averages[n] for n in floats], [self._live[n] for n in floats], 1 - decay)
        _copy(counters, self.averages)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the averages in the place of the weights."""
        if self._live and trainer.state.fn == "fit":
            self._trained = {name: value.clone() for name, value in self._live.items()}
            _copy(self.averages, self._live)
            self._is_in_use = True

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the weights back."""
        if self._is_in_use:
            _copy(self._trained, self._live)
            self._trained, self._is_in_use = {}, False

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the averages in the model: they are the result."""
        _copy(self.averages, self._live)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Save the averages as the model's weights, and the weights beside them."""
        if self.averages:
            now = checkpoint["state_dict"]
            names = [name for name in now if name in self.averages]
            checkpoint[CURRENT] = {name: self._trained.get(name, now[name]) for name in names}
            checkpoint["state_dict"] = {**now, **{name: self.averages[name] for name in names}}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Take over what a checkpoint holds; averages start anew from one without them."""
        if CURRENT in checkpoint:
            state = checkpoint["state_dict"]
            names = {name for name, _ in _state(pl_module)}
            self.averages = {name: value for name, value in state.items() if name in names}
            self._trained = dict(checkpoint[CURRENT])

    def state_dict(self) -> dict[str, Any]:
        """Return how many updates there were and when."""
        return {"num_updates": self.num_updates, "last_step": self.last_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore how many updates there were and when."""
        self.num_updates, self.last_step = state_dict["num_updates"], state_dict["last_step"]


def _state(module: LightningModule) -> Iterator[tuple[str, Tensor]]:
    """Yield the weights and buffers that a checkpoint holds, without those of metrics."""
    for name, value in module.state_dict().items():
        if name.split(".")[0] not in (*METRIC_ATTRIBUTES, "best_val_tracked_metric"):
            yield name, value


def _copy(source: dict[str, Tensor], target: dict[str, Tensor]) -> None:
    names = [name for name in source if name in target]
    if names:
        torch._foreach_copy_([target[name] for name in names], [source[name] for name in names])
