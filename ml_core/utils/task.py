"""What happens around a task, whether it ends well or not?"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from ml_core.errors import ConfigError
from ml_core.utils.entry_point import log_traceback
from ml_core.utils.extras import apply_extras
from ml_core.utils.pylogger import RankedLogger

log = RankedLogger(__name__, rank_zero_only=True)

Results = tuple[dict[str, Any], dict[str, Any]]
T = TypeVar("T")


def task_wrapper(task: Callable[[DictConfig], Results]) -> Callable[[DictConfig], Results]:
    """Check the names in the configuration and apply `extras` before a task; leave a trace of it afterwards.

    A failure goes to the run's log file with its traceback and is raised again unchanged. The output folder is
    told and a W&B run closed in any case.
    """

    @logged
    def checked(cfg: DictConfig) -> Results:
        if cfg.get("check", True):
            from ml_core.wiring.check import require_names  # what --help does without

            require_names(cfg)
        apply_extras(cfg)
        return task(cfg)

    return functools.wraps(task)(checked)


def logged(task: Callable[[DictConfig], T]) -> Callable[[DictConfig], T]:
    """Write the traceback of a failing task to the run's log file, and say where its output is."""

    @functools.wraps(task)
    def wrapped(cfg: DictConfig) -> T:
        try:
            return task(cfg)
        except Exception as error:
            log_traceback(error)
            raise
        finally:
            if HydraConfig.initialized():
                log.info("Output folder: %s", HydraConfig.get().runtime.output_dir)
            _close_wandb()

    return wrapped


def optimized_metric(metrics: dict[str, Any], name: str | None) -> float | None:
    """Return the value that a search optimises; None where none is named.

    Raises:
        ConfigError: If nothing of that name was logged.
    """
    if name is None:
        return None
    if name not in metrics:
        hint = " `val/best` comes from callbacks.metrics_callback, which is switched off." * (name == "val/best")
        raise ConfigError(
            "optimized_metric", f"'{name}' was not logged.{hint}", f"Logged: {', '.join(sorted(metrics)) or 'nothing'}."
        )
    return float(metrics[name])


def _close_wandb() -> None:
    wandb = sys.modules.get("wandb")
    if wandb is not None and getattr(wandb, "run", None) is not None:
        wandb.finish()
