"""Checkpoints whose `last.ckpt` is always the newest and whose best survives a move and a resume."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint as LightningModelCheckpoint
from torch import Tensor

from ml_core.callbacks.direction import direction_of, with_auto_mode
from ml_core.utils.checkpoint_io import replace_by_link, require_writable
from ml_core.utils.data_sets import sets_to_come
from ml_core.utils.logged_values import not_logged, require_logged
from ml_core.utils.pylogger import RankedLogger
from ml_core.utils.stages import require_validation

log = RankedLogger(__name__, rank_zero_only=True)

WHERE = "callbacks.model_checkpoint.monitor"


class ModelCheckpoint(LightningModelCheckpoint):
    """Lightning's checkpoint callback with three differences.

    - `mode: auto` (the default) takes the direction of the monitored value.
    - With `save_last`, `last.ckpt` is written at every save point, also when the model did not improve; it shares
      its bytes with the best checkpoint where that was just written (a hard link).
    - A resumed run knows the best checkpoint so far, also in a new or a moved run folder, and never deletes files
      outside its own.

    Raises:
        ConfigError: At the start of a fit, if nothing logs the monitored value; later where that could not be told.
    """

    __signature__ = with_auto_mode(LightningModelCheckpoint)

    def __init__(self, mode: str = "auto", **kwargs: Any) -> None:
        super().__init__(mode="min" if mode == "auto" else mode, **kwargs)
        self._is_auto = mode == "auto"
        self._resumed_from: Path | None = None

    @property
    def state_key(self) -> str:
        """Return the name of this callback's state; Lightning asks for it at every hook of every step."""
        known: str | None = self.__dict__.get("_state_key")
        if known is None:
            known = self.__dict__["_state_key"] = super().state_key
        return known

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Find out the direction, before the state of a checkpoint is loaded, and see that files can be written."""
        super().setup(trainer, pl_module, stage)
        if stage == "fit" and trainer.is_global_zero and self.dirpath and "://" not in str(self.dirpath):
            require_writable(str(self.dirpath))
        if stage == "fit" and not self._is_auto:
            sources = (pl_module, *trainer.callbacks)  # type: ignore[attr-defined]
            require_logged(self.monitor, sources, WHERE, sets=sets_to_come(trainer))
        if self._is_auto and stage == "fit" and self.monitor is not None:
            mode = direction_of(self.monitor, trainer, pl_module, WHERE)
            if mode != self.mode:
                self.mode = mode
                self.__dict__.pop("_state_key", None)
                self.kth_value = torch.tensor(-torch.inf if mode == "max" else torch.inf)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse to wait for a validation that never comes."""
        super().on_train_start(trainer, pl_module)
        if not trainer.fast_dev_run:  # type: ignore[attr-defined]
            require_validation(self.monitor, trainer, WHERE)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the best, then the newest."""
        super().on_train_epoch_end(trainer, pl_module)
        if self._should_save_on_train_epoch_end(trainer):
            self._save_newest(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the best, then the newest, where validation does not run at the end of an epoch."""
        super().on_validation_end(trainer, pl_module)
        if not self._should_save_on_train_epoch_end(trainer):
            self._save_newest(trainer)

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Remember the folder of the checkpoint that is resumed; `load_state_dict` comes next."""
        self._resumed_from = Path(trainer.ckpt_path).parent if trainer.ckpt_path else None

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best checkpoints, those that are still there, wherever their folder is now."""
        found = {path: self._found(path) for path in [*state_dict["best_k_models"], state_dict["best_model_path"]]}
        if state_dict["best_model_path"] and not found[state_dict["best_model_path"]]:
            log.warning("The best checkpoint so far, %s, is gone.", state_dict["best_model_path"])
        kept = {found[path]: score for path, score in state_dict["best_k_models"].items() if found[path]}
        super().load_state_dict(
            {
                **state_dict,
                "dirpath": self.dirpath,
                "best_k_models": kept,
                "best_model_path": found[state_dict["best_model_path"]],
                "kth_best_model_path": found.get(state_dict["kth_best_model_path"], ""),
                "last_model_path": "",
            }
        )

    def _save_topk_checkpoint(self, trainer: Trainer, monitor_candidates: dict[str, Tensor]) -> None:
        """Save if the model is among the best."""
        try:
            super()._save_topk_checkpoint(trainer, monitor_candidates)
        except MisconfigurationException as error:
            raise not_logged(str(self.monitor), trainer.callback_metrics, WHERE) from error

    def _save_newest(self, trainer: Trainer) -> None:
        """Write `last.ckpt` at a save point where Lightning wrote nothing because the model did not improve."""
        is_due = self._every_n_epochs >= 1 and (trainer.current_epoch + 1) % self._every_n_epochs == 0
        if self.save_last and is_due and not self._should_skip_saving_checkpoint(trainer):
            self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))

    def _save_last_checkpoint(self, trainer: Trainer, monitor_candidates: dict[str, Tensor]) -> None:
        """Write `last.ckpt`, or link it to the checkpoint that was written at this very step."""
        if self.save_last is not True:
            super()._save_last_checkpoint(trainer, monitor_candidates)
            return
        written, is_fresh = self._last_checkpoint_saved, self._last_global_step_saved == trainer.global_step
        last = self.format_checkpoint_name(monitor_candidates, self.CHECKPOINT_NAME_LAST)
        self.last_model_path = last
        if is_fresh and written != last and os.path.isfile(written):
            if trainer.is_global_zero:
                replace_by_link(written, last)
            trainer.strategy.barrier("last.ckpt")
        else:
            self._save_checkpoint(trainer, last)

    def _found(self, path: str) -> str:
        """Return where a recorded checkpoint is now: at its path, or beside the one that is resumed, or nowhere."""
        beside = self._resumed_from / Path(path).name if self._resumed_from and path else None
        places = [path, str(beside) if beside else ""]
        return next((place for place in places if place and os.path.exists(place)), "")
