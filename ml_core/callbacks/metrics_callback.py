"""Metrics per stage, and the best value of the one that matters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torchmetrics import MaxMetric, Metric, MinMetric

from ml_core.batch import require_batch
from ml_core.errors import ConfigError, UserError, listed, nearest
from ml_core.models.utils import METRIC_ATTRIBUTES, Direction, MetricsComposition
from ml_core.step_errors import step_error
from ml_core.utils.part_names import STAGES
from ml_core.utils.pylogger import RankedLogger

log = RankedLogger(__name__, rank_zero_only=True)

WHERE = "callbacks.metrics_callback"
BEST = "val/best"


@runtime_checkable
class HasMeanLosses(Protocol):
    """A module that tells the means of its losses over the epoch."""

    def mean_losses(self, stage: str) -> Mapping[str, Tensor]:
        """Return `{loss: mean}` of a stage so far, over all ranks."""


class MetricsCallback(Callback):
    """Update metrics after every batch, compute and log them once an epoch, and keep the best validation value.

    Reads the keys of the metrics' mappings from what the steps return. Logs `<stage>/<metric>` and `val/best`.
    Every stage has metrics of its own, which are attributes of the module (`train_metrics`, `val_metrics`,
    `test_metrics`, `best_val_tracked_metric`), so that they move with it. Values of the sanity check are dropped.

    Args:
        metrics: The metrics; in YAML the node is built once for each stage. A composition given in Python is
            cloned.
        tracked_metric_name: Metric, without stage, whose best validation value is `val/best`; null for the
            total validation loss.
        mode: `min` or `max` for a tracked metric that does not say itself which is better.

    Raises:
        ConfigError: If the tracked metric does not exist in validation or has no direction.
    """

    deferred_parameters: ClassVar[frozenset[str]] = frozenset({"metrics"})

    def __init__(
        self,
        metrics: MetricsComposition | Callable[[], MetricsComposition] | None = None,
        tracked_metric_name: str | None = None,
        mode: Direction | None = None,
    ) -> None:
        super().__init__()
        self.collections = {} if metrics is None else {stage: _of_stage(metrics, stage) for stage in STAGES}
        self.tracked_metric_name = tracked_metric_name
        self.mode = _direction(self.collections.get("val"), tracked_metric_name, mode)
        self.best_val_tracked_metric = (MaxMetric if self.mode == "max" else MinMetric)(nan_strategy="ignore")
        self._has_best = False

    def directions(self) -> dict[str, Direction]:
        """Return the direction of every value that is logged here, where the metric tells it."""
        known: dict[str, Direction] = {BEST: self.mode}
        for stage, metrics in self.collections.items():
            for name in metrics.keys():  # noqa: SIM118, a collection is no plain dict
                if direction := metrics.direction(name):
                    known[f"{stage}/{name}"] = direction
        if self.tracked_metric_name is not None:
            known[f"val/{self.tracked_metric_name}"] = self.mode
        return known

    def logged_values(self) -> list[str] | None:
        """Return the names of all values that are logged here; None where a metric makes up names of its own."""
        if not all(_has_one_name(metric) for metrics in self.collections.values() for metric in metrics.values()):
            return None
        return [BEST, *(f"{stage}/{name}" for stage, metrics in self.collections.items() for name in metrics)]

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Register the metrics on the module; nothing in them is trained unless the model uses it too."""
        if self.tracked_metric_name is None and not isinstance(pl_module, HasMeanLosses):
            raise ConfigError(f"{WHERE}.tracked_metric_name", "must name a metric: this module tells no mean losses.")
        trained = {id(p) for name, p in pl_module.named_parameters() if name.split(".")[0] not in METRIC_ATTRIBUTES}
        for name, attribute in zip(STAGES, METRIC_ATTRIBUTES, strict=True):
            setattr(pl_module, attribute, self.collections.get(name))
        for parameter in (p for metrics in self.collections.values() for p in metrics.parameters()):
            if id(parameter) not in trained:
                parameter.requires_grad_(False)
        pl_module.best_val_tracked_metric = self.best_val_tracked_metric
        if stage == "fit":
            self.best_val_tracked_metric.reset()
            self._has_best = False

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the metrics of `train` anew."""
        self._reset("train")

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the metrics of `val` anew, so that the sanity check leaves nothing behind."""
        self._reset("val")

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the metrics of `test` anew."""
        self._reset("test")

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Update the metrics of `train`."""
        self._update("train", outputs)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Update the metrics of `val`."""
        self._update("val", outputs)

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Update the metrics of `test`."""
        self._update("test", outputs)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the metrics of `train`."""
        self._log("train", pl_module)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the metrics of `val`, and `val/best`."""
        values = self._log("val", pl_module)
        if trainer.sanity_checking:
            return
        if self.tracked_metric_name is None:
            tracked = pl_module.mean_losses("val").get("total")  # type: ignore[operator]
        else:
            tracked = values.get(f"val/{self.tracked_metric_name}")
        if tracked is not None:
            self.best_val_tracked_metric.update(tracked)
            self._has_best = True
            pl_module.log(BEST, self.best_val_tracked_metric.compute(), prog_bar=True)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the metrics of `test`."""
        self._log("test", pl_module)

    def state_dict(self) -> dict[str, Any]:
        """Return the best value so far."""
        return {"best": float(self.best_val_tracked_metric.compute()) if self._has_best else None}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the best value so far."""
        if state_dict["best"] is not None:
            self.best_val_tracked_metric.update(state_dict["best"])  # a float goes to the metric's own device
            self._has_best = True

    def _reset(self, stage: str) -> None:
        if stage in self.collections:
            self.collections[stage].reset()

    def _update(self, stage: str, outputs: Any) -> None:
        if stage in self.collections:
            try:
                self.collections[stage].update(require_batch(outputs, f"the {stage} step's result"))
            except UserError as error:
                error.within(f"{WHERE}.metrics")
                raise

    def _log(self, stage: str, pl_module: LightningModule) -> dict[str, Tensor]:
        metrics = self.collections.get(stage)
        if metrics is None or not any(metric.update_called for metric in metrics.values()):
            return {}
        try:
            computed = metrics.compute()
        except Exception as error:
            raise step_error(error, f"{WHERE}.metrics", metrics, {}) from error
        values = {f"{stage}/{name}": value for name, value in _scalars(computed).items()}
        pl_module.log_dict(values, prog_bar=True)
        return values


def _of_stage(metrics: MetricsComposition | Callable[[], MetricsComposition], stage: str) -> MetricsComposition:
    whole = metrics.clone() if isinstance(metrics, MetricsComposition) else metrics()
    if not isinstance(whole, MetricsComposition):
        raise ConfigError("metrics", f"is a {type(whole).__name__}, but must be a MetricsComposition.")
    return whole.of_stage(stage)


def _has_one_name(metric: Metric) -> bool:
    """Whether a metric gives one value or vector; one that gives a dict is logged under the names in it."""
    result = str(type(metric).compute.__annotations__.get("return", "Any"))
    return not any(word in result for word in ("dict", "Dict", "Mapping", "Any"))


def _direction(metrics: MetricsComposition | None, name: str | None, mode: Direction | None) -> Direction:
    if mode not in (None, "min", "max"):
        raise ConfigError("mode", f"is {mode!r}.", "Choices: min, max, null.")
    if name is None:
        return "min"
    known = [] if metrics is None else [str(key) for key in metrics.keys()]  # noqa: SIM118
    if name not in known:
        raise ConfigError(
            "tracked_metric_name",
            f"there is no metric '{name}' in validation.{nearest(name, known)}",
            f"Metrics: {listed(known)}.",
        )
    direction = mode or metrics.direction(name)  # type: ignore[union-attr]
    if direction is None:
        raise ConfigError("mode", f"'{name}' does not say whether lower or higher is better.", "Set it to min or max.")
    return direction


def _scalars(values: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return what can be logged: scalars, and vectors as `name/0`, `name/1`, ..."""
    scalars: dict[str, Tensor] = {}
    for name, value in values.items():
        tensor = torch.as_tensor(value)
        if tensor.numel() == 1:
            scalars[name] = tensor.reshape(())
        elif tensor.ndim == 1:
            scalars |= {f"{name}/{i}": item for i, item in enumerate(tensor)}
        else:
            log.debug("%s has the shape %s and is not logged.", name, list(tensor.shape))
    return scalars
