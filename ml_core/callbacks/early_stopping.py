"""Early stopping that takes its direction from what it monitors."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping as LightningEarlyStopping

from ml_core.callbacks.direction import direction_of, with_auto_mode
from ml_core.utils.data_sets import sets_to_come
from ml_core.utils.logged_values import not_logged, require_logged
from ml_core.utils.stages import is_yet_to_come, require_validation

WHERE = "callbacks.early_stopping.monitor"


class EarlyStopping(LightningEarlyStopping):
    """Lightning's early stopping, with `mode: auto` (the default): the direction of the monitored value.

    A resumed run takes `patience` from its own configuration, not from the checkpoint.

    Raises:
        ConfigError: At the start of a fit, if nothing logs the monitored value; later where that could not be told.
    """

    __signature__ = with_auto_mode(LightningEarlyStopping)

    def __init__(self, monitor: str, mode: str = "auto", **kwargs: Any) -> None:
        super().__init__(monitor, mode="min" if mode == "auto" else mode, **kwargs)
        self._is_auto = mode == "auto"

    @property
    def state_key(self) -> str:
        """Return the name of this callback's state; Lightning asks for it at every hook of every step."""
        known: str | None = self.__dict__.get("_state_key")
        if known is None:
            known = self.__dict__["_state_key"] = super().state_key
        return known

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Find out the direction, before the state of a checkpoint is loaded."""
        super().setup(trainer, pl_module, stage)
        if stage == "fit" and not self._is_auto:
            sources = (pl_module, *trainer.callbacks)  # type: ignore[attr-defined]
            require_logged(self.monitor, sources, WHERE, sets=sets_to_come(trainer))
        if self._is_auto and stage == "fit":
            mode = direction_of(self.monitor, trainer, pl_module, WHERE)
            if mode != self.mode:
                self.mode = mode
                self.__dict__.pop("_state_key", None)
                self.min_delta = -self.min_delta
                self.best_score = torch.tensor(-torch.inf if mode == "max" else torch.inf)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse to wait for a validation that never comes."""
        require_validation(self.monitor, trainer, WHERE)

    def _run_early_stopping_check(self, trainer: Trainer) -> None:
        """Check, except where training ends before the first validation."""
        if is_yet_to_come(self.monitor, trainer):
            return
        if self.strict and self.monitor not in trainer.callback_metrics and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            raise not_logged(self.monitor, trainer.callback_metrics, WHERE)
        super()._run_early_stopping_check(trainer)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the count, keeping the configured patience."""
        super().load_state_dict({**state_dict, "patience": self.patience})
