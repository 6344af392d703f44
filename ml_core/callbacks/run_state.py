"""What a checkpoint holds beside weights: the configuration of its run and the state of the random numbers."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

CONFIG_KEY = "ml_core"
"""Key of the stored configuration in a checkpoint; `utils/stored_config.py` reads it without torch."""


class RunState(Callback):
    """Put the run's configuration into every checkpoint, and the random state of every rank.

    A resumed run draws the random numbers that the unbroken one would have drawn, when it has as many ranks.

    Args:
        config: Plain data that describes the run: the composed configuration as text and how it was composed.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.config = dict(config)
        self._restored: list[dict[str, Any]] = []

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add the configuration and the random states."""
        checkpoint[CONFIG_KEY] = {**self.config, "random_states": _of_all_ranks(trainer, _random_state())}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep the random states until training starts."""
        self._restored = checkpoint.get(CONFIG_KEY, {}).get("random_states", [])

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on with the random numbers of the resumed run."""
        if len(self._restored) == trainer.world_size:
            _set_random_state(self._restored[trainer.global_rank])
        self._restored = []


def _of_all_ranks(trainer: Trainer, state: dict[str, Any]) -> list[dict[str, Any]]:
    if trainer.world_size == 1:
        return [state]
    states: list[Any] = [None] * trainer.world_size
    torch.distributed.all_gather_object(states, state)
    return states


def _random_state() -> dict[str, Any]:
    """Return the states of all generators as plain data that loads under `weights_only`."""
    numpy_state: Any = np.random.get_state()  # noqa: NPY002, the global one is what must go on
    kind, keys, position, has_gauss, gauss = numpy_state
    return {
        "python": random.getstate(),
        "numpy": (kind, keys.tolist(), int(position), int(has_gauss), float(gauss)),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _set_random_state(state: Mapping[str, Any]) -> None:
    random.setstate(state["python"])
    kind, keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((kind, np.asarray(keys, dtype=np.uint32), position, has_gauss, gauss))  # noqa: NPY002
    torch.set_rng_state(state["torch"].cpu())
    if len(state["cuda"]) == torch.cuda.device_count() > 0:
        torch.cuda.set_rng_state_all([s.cpu() for s in state["cuda"]])
