"""When is a scheduler stepped? Plateau schedulers before the epoch's checkpoint, none while it waits for a warm-up."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau

from ml_core.models.warmup import is_waiting
from ml_core.utils.data_sets import sets_to_come
from ml_core.utils.logged_values import not_logged, require_logged
from ml_core.utils.stages import is_yet_to_come, require_validation

MONITOR = "model.scheduler.monitor"


def require_monitored(module: LightningModule) -> None:
    """Refuse a plateau scheduler that waits for a value which never comes.

    Raises:
        ConfigError: Names the value and those that there are.
    """
    trainer = module.trainer
    for config in trainer.lr_scheduler_configs:
        if config.reduce_on_plateau:
            sources = (module, *trainer.callbacks)  # type: ignore[attr-defined]
            require_logged(config.monitor, sources, MONITOR, sets=sets_to_come(trainer))
            require_validation(config.monitor, trainer, MONITOR)


def step_plateaus(trainer: Trainer) -> None:
    """Step the plateau schedulers that are due at the end of this epoch, so that its checkpoint holds that step."""
    for config in trainer.lr_scheduler_configs:
        is_due = config.interval == "epoch" and (trainer.current_epoch + 1) % config.frequency == 0
        is_due = is_due and not is_waiting(config.scheduler, trainer.lr_scheduler_configs)
        if config.reduce_on_plateau and is_due and not is_yet_to_come(str(config.monitor), trainer):
            config.scheduler.step(_monitored(trainer, str(config.monitor)))  # type: ignore[arg-type]


def step(scheduler: Any, metric: Any | None, trainer: Trainer) -> None:
    """Step a scheduler when Lightning says so, except plateau ones by epoch.

    Lightning would step those after the epoch's checkpoint and, on resuming, not at all: see `step_plateaus`.
    """
    configs = trainer.lr_scheduler_configs
    if is_waiting(scheduler, configs):
        return
    if not isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step()
    elif any(config.scheduler is scheduler and config.interval == "step" for config in configs):
        scheduler.step(metric)  # type: ignore[arg-type]


def _monitored(trainer: Trainer, name: str) -> Tensor:
    try:
        return trainer.callback_metrics[name]
    except KeyError:
        raise not_logged(name, trainer.callback_metrics, MONITOR) from None
