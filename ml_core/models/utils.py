"""Losses and metrics that take their arguments from a dict batch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection

from ml_core.batch import Batch, KeyMapping, Pairs, resolve_mapping, select
from ml_core.errors import ConfigError, UserError
from ml_core.models.class_labels import ClassLoss, wrong_labels_of
from ml_core.step_errors import step_error
from ml_core.transforms.base import check_parameters
from ml_core.utils.named_callables import NamedCallables
from ml_core.utils.part_names import STAGES, strangers, without_mapping, wrong_stages, wrong_weights

Direction = Literal["min", "max"]
Criterion = Callable[..., Tensor]
LossWeight = float | Callable[[int], float] | nn.Module
Named = Mapping[str, Any] | Sequence[Any]

METRIC_ATTRIBUTES = ("train_metrics", "val_metrics", "test_metrics")
"""Where `MetricsCallback` registers its collections on the module; they move with it and are never trained."""


class CriterionsComposition(NamedCallables):
    """Several losses, each with its own arguments from the batch, and their weighted sum `total`.

    Reads the keys of `mapping`; returns `{name: loss, ..., "total": weighted sum}`, each a scalar.

    Args:
        criterions: `{name: loss}`, a list (named `loss_0`, `loss_1`, ...) or one loss (named `loss`).
        weights: `{name: factor}`; a loss that it does not name has the factor 1. A factor may also be a function of
            the number of optimizer steps, or a module that returns what a loss adds to the total (see
            `ml_core.models.schedules`); the module is trained and saved with the model.
        mapping: `{name: {batch_key: parameter}}`; a list where `criterions` is one; just `{batch_key: parameter}`
            for one loss.

    Raises:
        ConfigError: If a loss is named `total`, lacks a mapping, or a weight or mapping names no loss.
        BatchKeyError: When it is called on a batch that lacks a key.
        DataError: When a label is none of the classes.
        StepError: When a loss fails otherwise.
    """

    weights: dict[str, LossWeight]
    pairs: dict[str, Pairs]

    def __init__(
        self,
        criterions: Mapping[str, Criterion] | Sequence[Criterion] | Criterion,
        weights: Mapping[str, LossWeight] | Sequence[LossWeight] | None = None,
        mapping: KeyMapping | Mapping[str, KeyMapping] | Sequence[KeyMapping] | None = None,
    ) -> None:
        named = _named(criterions, "loss")
        if not named:
            raise ConfigError("criterions", "is empty, so there is nothing to train on.")
        if "total" in named:
            raise ConfigError("criterions.total", "is taken: 'total' names the weighted sum.", "Rename this loss.")
        super().__init__(named)
        # Past torch, which would refuse these attributes beside a loss named `weights` or `pairs`
        object.__setattr__(self, "weights", _weights(weights, self.names))
        object.__setattr__(self, "pairs", _pairs(mapping, named, "loss"))
        learned = {f"{name} weight": weight for name, weight in self.weights.items() if isinstance(weight, nn.Module)}
        self._modules.update(learned)  # a space is in no name of a loss that YAML would hold

    def forward(self, batch: Batch, step: int = 0) -> dict[str, Tensor]:
        """Return every loss and `total`, with the weights after so many optimizer steps."""
        losses = {name: self._loss(name, batch) for name in self.names}
        weighted = [_weighted(loss, self.weights[name], step) for name, loss in losses.items()]
        losses["total"] = weighted[0] if len(weighted) == 1 else sum(weighted[1:], start=weighted[0])
        return losses

    def class_losses(self) -> list[ClassLoss]:
        """Return those losses whose labels are numbers of classes."""
        losses = [ClassLoss.of(f"criterions.{name}", self[name], self.pairs[name]) for name in self.names]
        return [loss for loss in losses if loss is not None]

    def _loss(self, name: str, batch: Batch) -> Tensor:
        arguments = select(batch, self.pairs[name], f"mapping.{name}")
        try:
            loss = self[name](**arguments)
        except UserError:
            raise
        except Exception as error:
            where, pairs = f"criterions.{name}", self.pairs[name]
            wrong = wrong_labels_of(where, self[name], arguments, pairs, error)
            raise wrong or step_error(error, where, self[name], batch, pairs) from error
        if not isinstance(loss, Tensor):
            raise ConfigError(f"criterions.{name}", f"gives a {type(loss).__name__}, not a tensor.")
        if loss.ndim:
            raise ConfigError(
                f"criterions.{name}",
                f"gives a tensor {list(loss.shape)}, not one number.",
                "Set its reduction to mean.",
            )
        return loss


class MetricsComposition(MetricCollection):
    """Several metrics, each with its own arguments from the batch.

    Reads the keys of `mapping`. `update(batch)` accumulates, `compute()` gives `{name: value}`.

    Args:
        metrics: `{name: metric}`, a list (named `metric_0`, ...) or one metric (named `metric`).
        mapping: `{name: {batch_key: parameter}}`; a list where `metrics` is one; just `{batch_key: parameter}` for
            one metric. The parameters are those of the metric's `update`.
        stages: `{name: [stage, ...]}` for metrics that are not wanted in all of train, val and test.

    Raises:
        ConfigError: If a metric lacks a mapping, or a mapping or stage names something that does not exist.
        BatchKeyError: When it is updated with a batch that lacks a key.
        StepError: When a metric does not take the values of a batch.
    """

    def __init__(
        self,
        metrics: Mapping[str, Metric] | Sequence[Metric] | Metric,
        mapping: KeyMapping | Mapping[str, KeyMapping] | Sequence[KeyMapping] | None = None,
        stages: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        named = _named(metrics, "metric")
        for name, metric in named.items():
            if not isinstance(metric, Metric):
                raise ConfigError(f"metrics.{name}", f"is {metric!r}, but must be a torchmetrics metric.")
            if name in _TAKEN or "." in name:
                raise ConfigError(f"metrics.{name}", "is a name that torchmetrics uses itself.", "Rename this metric.")
        # Members may read different keys, so torchmetrics cannot share their state.
        super().__init__(named, compute_groups=False)
        self.pairs = _pairs(mapping, {name: metric.update for name, metric in named.items()}, "metric")
        self.stages = _stages(stages or {}, named)

    def update(self, batch: Batch) -> None:  # type: ignore[override]
        """Add a batch to the state of every metric."""
        for name, metric in self._modules.items():
            arguments = select(batch, self.pairs[name], f"mapping.{name}")
            try:
                metric.update(**arguments)
            except UserError:
                raise
            except Exception as error:
                raise step_error(error, f"metrics.{name}", metric, batch, self.pairs[name]) from error

    def forward(self, batch: Batch) -> dict[str, Any]:
        """Add a batch and return its own values; twice the work of `update`."""
        return {name: self[name](**select(batch, self.pairs[name], f"mapping.{name}")) for name in self._modules}

    def of_stage(self, stage: str) -> MetricsComposition:
        """Return a composition of those of these very metrics that are wanted in a stage."""
        kept = {name: metric for name, metric in self._modules.items() if stage in self.stages.get(name, STAGES)}
        part = MetricsComposition.__new__(MetricsComposition)
        MetricCollection.__init__(part, kept, compute_groups=False)  # type: ignore[arg-type]
        part.pairs = {name: self.pairs[name] for name in kept}
        part.stages = {name: value for name, value in self.stages.items() if name in kept}
        return part

    def direction(self, name: Any) -> Direction | None:
        """Return whether a metric is better when lower (`min`) or higher (`max`); None where it does not say."""
        higher = self[name].higher_is_better
        return None if higher is None else "max" if higher else "min"


_TAKEN = frozenset({*dir(MetricsComposition), *vars(MetricCollection({})), "pairs", "stages"})


def _named(items: Any, word: str) -> dict[str, Any]:
    if isinstance(items, Mapping):
        return dict(items)
    if isinstance(items, (list, tuple)):
        return {f"{word}_{i}": item for i, item in enumerate(items)}
    return {word: items}


def _pairs(mapping: Any, named: Mapping[str, Callable[..., Any]], word: str) -> dict[str, Pairs]:
    """Resolve one mapping for each named callable and check it against the callable's parameters."""
    if len(named) == 1 and isinstance(mapping, Mapping) and not any(isinstance(v, Mapping) for v in mapping.values()):
        mapping = dict.fromkeys(named, mapping)
    given = _named(mapping or {}, word)
    _raise_first(strangers(given, named, "mapping", word), without_mapping(given, named, word))
    resolved = {}
    for name, function in named.items():
        resolved[name] = resolve_mapping(given[name], f"mapping.{name}")
        check_parameters(function, resolved[name], f"mapping.{name}")
    return resolved


def _weighted(loss: Tensor, weight: LossWeight, step: int) -> Tensor:
    if isinstance(weight, nn.Module):
        return weight(loss)
    factor = weight if isinstance(weight, float) else weight(step)
    return loss if factor == 1.0 else loss * factor


def _weights(weights: Any, names: Sequence[str]) -> dict[str, LossWeight]:
    given = _named({} if weights is None else weights, "loss")
    _raise_first(strangers(given, names, "weights", "loss"), wrong_weights(given))
    return {name: given[name] if callable(given.get(name)) else float(given.get(name, 1.0)) for name in names}


def _stages(stages: Mapping[str, Sequence[str]], named: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    _raise_first(strangers(stages, named, "stages", "metric"), wrong_stages(stages))
    return {name: tuple(wanted) for name, wanted in stages.items()}


def _raise_first(*errors: Iterable[ConfigError]) -> None:
    for error in itertools.chain(*errors):
        raise error
