"""Does this run have the stage whose values something waits for?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_core.errors import ConfigError

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

WITHOUT_VALIDATION = (
    "Give the data a validation split (data.val_ratio above 0), or let everything look at the training loss: "
    "callbacks.model_checkpoint.monitor=train/total callbacks.early_stopping.monitor=train/total "
    "model.scheduler.monitor=train/total (the last for a plateau scheduler)."
)


def require_validation(monitor: str | None, trainer: Trainer, where: str) -> None:
    """Refuse to wait for a value of the validation stage in a run that has none.

    Args:
        monitor: Log key, such as `val/best`.
        trainer: At the start of training, when its loaders are known.
        where: YAML path for the message.

    Raises:
        ConfigError: If `monitor` is logged in validation and there are no validation batches.
    """
    batches = trainer.num_val_batches
    count = sum(batches) if isinstance(batches, list) else batches
    if monitor is not None and monitor.startswith("val/") and not count:
        raise without_validation(monitor, where)


def without_validation(monitor: str, where: str) -> ConfigError:
    """Word that a value is waited for which only a validation would log."""
    return ConfigError(
        where, f"'{monitor}' is logged in validation, but this run has no validation batches.", WITHOUT_VALIDATION
    )


def is_yet_to_come(monitor: str, trainer: Trainer) -> bool:
    """Whether a value of the validation stage is missing only because no validation has run so far.

    A misspelt one is missing for good: after a validation other values of that stage are there.
    """
    return monitor.startswith("val/") and not any(name.startswith("val/") for name in trainer.callback_metrics)
