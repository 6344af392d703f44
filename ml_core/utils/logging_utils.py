"""What does a run tell its loggers about itself?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from ml_core.utils.rich_utils import mask_secrets

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from torch import nn

LOGGED_SECTIONS = (
    "task_name",
    "tags",
    "seed",
    "ckpt_path",
    "params",
    "data",
    "model",
    "callbacks",
    "trainer",
    "extras",
)


def log_hyperparameters(cfg: DictConfig, model: nn.Module, trainer: Trainer) -> None:
    """Send the configuration and `model/params/{total,trainable,non_trainable}` to every logger.

    The configuration goes as it was written: interpolations unresolved, secrets masked.
    """
    if not trainer.loggers:
        return
    plain: Any = mask_secrets(OmegaConf.to_container(cfg, resolve=False))
    hyperparameters = {key: plain[key] for key in LOGGED_SECTIONS if key in plain}
    counts = [(p.numel(), p.requires_grad) for p in model.parameters()]
    hyperparameters["model/params/total"] = sum(n for n, _ in counts)
    hyperparameters["model/params/trainable"] = sum(n for n, trained in counts if trained)
    hyperparameters["model/params/non_trainable"] = sum(n for n, trained in counts if not trained)
    for logger in trainer.loggers:
        logger.log_hyperparams(hyperparameters)
