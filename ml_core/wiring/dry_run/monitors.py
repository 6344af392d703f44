"""Is every value that a callback, a scheduler or a search looks at ever logged?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig
from torch.optim.lr_scheduler import ReduceLROnPlateau

from ml_core.callbacks.metrics_callback import MetricsCallback
from ml_core.errors import ConfigError
from ml_core.models.base_module import BaseLitModule
from ml_core.utils.data_sets import sets_of
from ml_core.utils.logged_values import require_logged
from ml_core.utils.stages import without_validation
from ml_core.wiring.dry_run.experiment import CHEAP, Experiment, callback_targets
from ml_core.wiring.dry_run.lenient import Unbuilt
from ml_core.wiring.dry_run.steps import selected

MONITOR, OPTIMIZED = "monitor", "optimized_metric"


def monitor_mistakes(cfg: DictConfig, experiment: Experiment, has_validation: bool) -> Iterator[ConfigError]:
    """Yield what is looked at and never logged, or logged only in a validation that this run does not have."""
    parts = [experiment.module, *experiment.callbacks.values()]
    is_whole = isinstance(experiment.module, BaseLitModule) and not any(isinstance(part, Unbuilt) for part in parts)
    if not is_whole or any(target.split(".")[0] not in CHEAP for target in callback_targets(cfg).values()):
        return
    yield from _tracked(experiment)
    for where, name in monitored(cfg, experiment):
        try:
            in_training = where != OPTIMIZED
            require_logged(name, parts, where, in_training=in_training, sets=sets_of(experiment.datamodule))
        except ConfigError as error:
            yield error
            continue
        if name.startswith("val/") and not has_validation and cfg.get("train", True):
            yield without_validation(name, where)


def monitored(cfg: DictConfig, experiment: Experiment) -> Iterator[tuple[str, str]]:
    """Yield (YAML path, name) of the values that something looks at."""
    for path in callback_targets(cfg):
        name = selected(cfg, f"{path}.{MONITOR}")
        if isinstance(name, str):
            yield f"{path}.{MONITOR}", name
    spec: Any = getattr(experiment.module, "scheduler", None)
    if spec is not None and _is_plateau(spec.factory):
        yield "model.scheduler.monitor", spec.monitor
    if isinstance(cfg.get(OPTIMIZED), str):
        yield OPTIMIZED, cfg[OPTIMIZED]


def _tracked(experiment: Experiment) -> Iterator[ConfigError]:
    """Yield the metrics whose best values are to be kept and that the validation sets do not have."""
    for path, callback in experiment.callbacks.items():
        if isinstance(callback, MetricsCallback):
            try:
                callback.require_tracked(sets_of(experiment.datamodule), path)
            except ConfigError as error:
                yield error


def _is_plateau(factory: Any) -> bool:
    target = getattr(factory, "func", factory)
    return isinstance(target, type) and issubclass(target, ReduceLROnPlateau)
