"""Of which losses and metrics does an experiment consist, and what does each read?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, ListConfig
from torchmetrics import Metric

from ml_core.batch import Pairs, resolve_mapping
from ml_core.callbacks.metrics_callback import MetricsCallback
from ml_core.errors import ConfigError
from ml_core.models.utils import CriterionsComposition, MetricsComposition
from ml_core.transforms.base import check_parameters
from ml_core.utils.part_names import STAGES
from ml_core.wiring.dry_run.experiment import Experiment
from ml_core.wiring.dry_run.lenient import LenientBuilder, Unbuilt
from ml_core.wiring.dry_run.steps import Step, model_steps, selected
from ml_core.wiring.graph import NodeKind, Stage

Part = tuple[Any, Pairs | None]
"""A loss or metric and what it reads; None where its mapping is wrong."""

LABELLED: tuple[Stage, ...] = ("train", "val", "test")
CRITERIONS = "model.criterions"


def steps_of_all_kinds(cfg: DictConfig, experiment: Experiment) -> tuple[list[Step], list[Step], list[Step]]:
    """Return the transforms of a model, its losses, and the metrics."""
    return [*model_steps(experiment)], criterion_steps(cfg, experiment), [*metric_steps(cfg, experiment)]


def criterion_steps(cfg: DictConfig, experiment: Experiment) -> list[Step]:
    """Return the losses, in order; those of a composition with a mistake as far as they could be built."""
    composition = experiment.parts["criterions"]
    if isinstance(composition, CriterionsComposition):
        parts: dict[str, Part] = {name: (composition[name], composition.pairs[name]) for name in composition.names}
    else:
        parts = _single(cfg, experiment.builder, CRITERIONS, "criterions")
    return [_step(cfg, CRITERIONS, "criterions", "criterion", name, *part, LABELLED) for name, part in parts.items()]


def metric_steps(cfg: DictConfig, experiment: Experiment) -> Iterator[Step]:
    """Yield the metrics of all callbacks that keep some; once for each set of stages with an object of its own."""
    for path, callback in experiment.callbacks.items():
        where = f"{path}.metrics"
        if isinstance(callback, MetricsCallback):
            yield from _of_collections(cfg, where, callback.collections)
        elif isinstance(callback, Unbuilt) and isinstance(selected(cfg, where), DictConfig):
            for name, part in _single(cfg, experiment.builder, where, "metrics").items():
                yield _step(cfg, where, "metrics", "metric", name, *part, LABELLED)


def _of_collections(cfg: DictConfig, where: str, collections: Mapping[str, MetricsComposition]) -> Iterator[Step]:
    """Yield each metric with the stages that it is wanted in; the object is that of the first of them."""
    names = dict.fromkeys(name for metrics in collections.values() for name in metrics._modules)
    for name in names:
        stages = tuple(stage for stage in STAGES if name in collections[stage]._modules)
        first = collections[stages[0]]
        yield _step(cfg, where, "metrics", "metric", name, first._modules[name], first.pairs[name], stages)  # type: ignore[arg-type]


def _step(
    cfg: DictConfig, where: str, group: str, kind: NodeKind, name: str, part: Any, pairs: Pairs | None,
    stages: tuple[Stage, ...],
) -> Step:  # fmt: skip
    path, mapping = _places(cfg, where, group, name)
    if pairs is None:
        return Step(path, mapping, Unbuilt(), kind, stages, None, None, ())
    return Step(path, mapping, part, kind, stages, pairs, tuple(dict.fromkeys(key for key, _ in pairs)), ())


def _places(cfg: DictConfig, where: str, group: str, name: str) -> tuple[str, str]:
    """Return the YAML paths of a part and of its mapping: named ones, entries of lists, or the only one."""
    node, mapping = selected(cfg, f"{where}.{group}"), selected(cfg, f"{where}.mapping")
    index = name.rpartition("_")[2]
    path = f"{where}.{group}.{name}"
    if isinstance(node, ListConfig):
        path = f"{where}.{group}[{index}]"
    elif isinstance(node, DictConfig) and "_target_" in node:
        path = f"{where}.{group}"
    if isinstance(mapping, ListConfig):
        return path, f"{where}.mapping[{index}]"
    is_named = isinstance(mapping, DictConfig) and isinstance(mapping.get(name), DictConfig)
    return path, f"{where}.mapping.{name}" if is_named else f"{where}.mapping"


def _single(cfg: DictConfig, builder: LenientBuilder | None, where: str, group: str) -> dict[str, Part]:
    """Return the parts of a composition that could not be built, and note what is wrong with each one's mapping."""
    node, mapping = selected(cfg, f"{where}.{group}"), selected(cfg, f"{where}.mapping")
    if builder is None or not isinstance(node, DictConfig) or "_target_" in node:
        return {}
    parts: dict[str, Part] = {}
    for name in map(str, node):
        part = builder.built(f"{where}.{group}.{name}") or Unbuilt()
        given = mapping.get(name) if isinstance(mapping, DictConfig) else None
        parts[name] = part, None if given is None else _checked(builder, part, given, f"{where}.mapping.{name}")
    return parts


def _checked(builder: LenientBuilder, part: Any, mapping: Any, where: str) -> Pairs | None:
    """Return the pairs of a mapping that fits; None, and a mistake noted, of one that does not."""
    try:
        pairs = resolve_mapping(mapping, where)
        check_parameters(part.update if isinstance(part, Metric) else part, pairs, where)
    except ConfigError as error:
        builder.note(error)
        return None
    return pairs
