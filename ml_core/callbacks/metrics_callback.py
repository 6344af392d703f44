"""Metrics per stage, and the best value of the one that matters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torchmetrics import MaxMetric, Metric, MinMetric

from ml_core.batch import require_batch
from ml_core.errors import ConfigError, UserError, listed, nearest
from ml_core.models.utils import METRIC_ATTRIBUTES, Direction, MetricsComposition
from ml_core.step_errors import step_error
from ml_core.utils.data_sets import Sets, prefixes, sets_now, sets_to_come
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

    Reads the keys of the metrics' mappings from what the steps return. Logs `<stage>/<metric>` and `val/best`; where
    a stage goes through several data sets, `<stage>/<set>/<metric>` for each of them. Every stage and data set has
    metrics of its own, which are attributes of the module (`train_metrics`, `val_metrics`, `test_metrics`,
    `best_val_tracked_metric`), so that they move with it. Values of the sanity check are dropped.

    Args:
        metrics: The metrics; in YAML the node is built once for each stage and data set. A composition given in
            Python is cloned.
        tracked_metric_name: Metric, without stage, whose best validation value is `val/best`: `f1`, or `matched/f1`
            of one of several validation sets; null for the total validation loss.
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
        self._metrics = metrics
        self.collections = {} if metrics is None else {stage: _of_stage(metrics, stage) for stage in STAGES}
        self.of_further_sets: dict[str, list[MetricsComposition]] = {stage: [] for stage in self.collections}
        self.tracked_metric_name = tracked_metric_name
        self.mode = _direction(self.collections.get("val"), tracked_metric_name, mode)
        self.best_val_tracked_metric = (MaxMetric if self.mode == "max" else MinMetric)(nan_strategy="ignore")
        self._has_best = False

    def directions_of(self, sets: Sets) -> dict[str, Direction]:
        """Return the direction of every value that is logged here, where the metric tells it."""
        known: dict[str, Direction] = {BEST: self.mode}
        tracked = f"val/{self.tracked_metric_name}"
        for logged, (stage, name) in self._parts(sets).items():
            direction = self.mode if logged == tracked else self.collections[stage].direction(name)
            if direction is not None:
                known[logged] = direction
        return known

    def logged_values_of(self, sets: Sets) -> list[str] | None:
        """Return the names of all values that are logged here; None where a metric makes up names of its own."""
        if not all(_has_one_name(metric) for metrics in self.collections.values() for metric in metrics.values()):
            return None
        return [BEST, *self._parts(sets)]

    def require_tracked(self, sets: Sets, where: str = WHERE) -> None:
        """Refuse to track a metric that these data sets do not have.

        Raises:
            ConfigError: Names the nearest one and all that there are.
        """
        known = [key.removeprefix("val/") for key, (stage, _) in self._parts(sets).items() if stage == "val"]
        if self.tracked_metric_name is not None and self.tracked_metric_name not in known:
            raise _no_metric(self.tracked_metric_name, known, f"{where}.tracked_metric_name")

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Register the metrics on the module; nothing in them is trained unless the model uses it too."""
        if self.tracked_metric_name is None and not isinstance(pl_module, HasMeanLosses):
            raise ConfigError(f"{WHERE}.tracked_metric_name", "must name a metric: this module tells no mean losses.")
        trained = {id(p) for name, p in pl_module.named_parameters() if name.split(".")[0] not in METRIC_ATTRIBUTES}
        sets = sets_to_come(trainer)
        if stage == "fit":
            self.require_tracked(sets)
        for name in STAGES:
            self._provide(name, sets.get(name, ()), pl_module)
            self._register(name, pl_module)
        for parameter in (p for stage in self.collections for m in self._of_sets(stage) for p in m.parameters()):
            if id(parameter) not in trained:
                parameter.requires_grad_(False)
        pl_module.best_val_tracked_metric = self.best_val_tracked_metric
        if stage == "fit":
            self.best_val_tracked_metric.reset()
            self._has_best = False

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the metrics of `train` anew."""
        self._start("train", pl_module)

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the metrics of `val` anew, so that the sanity check leaves nothing behind."""
        self._start("val", pl_module, sets_now(trainer))

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the metrics of `test` anew."""
        self._start("test", pl_module, sets_now(trainer))

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
        self._update("val", outputs, dataloader_idx)

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
        self._update("test", outputs, dataloader_idx)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the metrics of `train`."""
        self._log("train", pl_module)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the metrics of `val`, and `val/best`."""
        values = self._log("val", pl_module, sets_now(trainer))
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
        self._log("test", pl_module, sets_now(trainer))

    def state_dict(self) -> dict[str, Any]:
        """Return the best value so far."""
        return {"best": float(self.best_val_tracked_metric.compute()) if self._has_best else None}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the best value so far."""
        if state_dict["best"] is not None:
            self.best_val_tracked_metric.update(state_dict["best"])  # a float goes to the metric's own device
            self._has_best = True

    def _parts(self, sets: Sets) -> dict[str, tuple[str, str]]:
        """Return `{log key: (stage, metric)}`."""
        return {
            f"{start}/{name}": (stage, str(name))
            for stage, metrics in self.collections.items()
            for start in prefixes(stage, sets.get(stage, ()))
            for name in metrics.keys()  # noqa: SIM118, a collection is no plain dict
        }

    def _of_sets(self, stage: str) -> list[MetricsComposition]:
        """Return the metrics of each data set of a stage."""
        return [self.collections[stage], *self.of_further_sets[stage]] if stage in self.collections else []

    def _register(self, stage: str, pl_module: LightningModule) -> None:
        several = self._of_sets(stage)
        setattr(pl_module, f"{stage}_metrics", nn.ModuleList(several) if several[1:] else self.collections.get(stage))

    def _provide(self, stage: str, names: Sequence[str], pl_module: LightningModule) -> bool:
        """Make the metrics that the data sets of a stage lack; return whether there were some."""
        missing = len(names) - 1 - len(self.of_further_sets.get(stage, ()))
        if self._metrics is None or missing <= 0:
            return False
        new = [_of_stage(self._metrics, stage).to(pl_module.device) for _ in range(missing)]
        self.of_further_sets[stage].extend(new)
        return True

    def _start(self, stage: str, pl_module: LightningModule, names: Sequence[str] = ()) -> None:
        """Start the metrics of a stage anew."""
        if self._provide(stage, names, pl_module):  # for loaders whose number was not known before
            self._register(stage, pl_module)
        for metrics in self._of_sets(stage):
            metrics.reset()

    def _update(self, stage: str, outputs: Any, set_index: int = 0) -> None:
        if stage in self.collections:
            try:
                self._of_sets(stage)[set_index].update(require_batch(outputs, f"the {stage} step's result"))
            except UserError as error:
                error.within(f"{WHERE}.metrics")
                raise

    def _log(self, stage: str, pl_module: LightningModule, names: Sequence[str] = ()) -> dict[str, Tensor]:
        values: dict[str, Tensor] = {}
        for start, metrics in zip(prefixes(stage, names), self._of_sets(stage), strict=False):
            values |= {f"{start}/{name}": value for name, value in _computed(metrics).items()}
        pl_module.log_dict(values, prog_bar=True)
        return values


def _computed(metrics: MetricsComposition) -> dict[str, Tensor]:
    """Return what metrics come to, one number a name; nothing where no batch came."""
    if not any(metric.update_called for metric in metrics.values()):
        return {}
    try:
        return _scalars(metrics.compute())
    except Exception as error:
        raise step_error(error, f"{WHERE}.metrics", metrics, {}) from error


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
    # Of one of several validation sets, perhaps; their names are known when there is data.
    metric = name if name in known else name.rpartition("/")[2]
    if metric not in known:
        raise _no_metric(name, known, "tracked_metric_name")
    direction = mode or metrics.direction(metric)  # type: ignore[union-attr]
    if direction is None:
        raise ConfigError("mode", f"'{name}' does not say whether lower or higher is better.", "Set it to min or max.")
    return direction


def _no_metric(name: str, known: Sequence[str], where: str) -> ConfigError:
    what = f"there is no metric '{name}' in validation.{nearest(name, known)}"
    return ConfigError(where, what, f"Metrics: {listed(known)}.")


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
