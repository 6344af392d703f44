"""Which nodes does the graph of an experiment have?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from omegaconf import DictConfig

from ml_core.errors import UserError, listed
from ml_core.utils.instantiators import INSTANCES
from ml_core.wiring.dry_run.experiment import Experiment, callback_targets, weights_of
from ml_core.wiring.dry_run.keys import DATA, Trails
from ml_core.wiring.dry_run.monitors import monitored
from ml_core.wiring.dry_run.parts import CRITERIONS, LABELLED
from ml_core.wiring.dry_run.splits import SOURCE
from ml_core.wiring.dry_run.steps import Step, called, target_of, yaml_of
from ml_core.wiring.findings import Note
from ml_core.wiring.graph import ALL_STAGES, Edge, Graph, Node, NodeKind, Stage
from ml_core.wiring.nodes import entries

OPTIMIZER = "model.optimizer"


def outline(cfg: DictConfig, transforms: Sequence[Step], losses: Sequence[Step], metrics: Sequence[Step]) -> Graph:
    """Return the nodes of a graph in the order of the flow."""
    graph = Graph([Node(DATA, "data", DATA, target_of(cfg, SOURCE), yaml=yaml_of(cfg, SOURCE))])
    for step in (*transforms, *losses):
        graph.nodes.append(_node(cfg, step.path, step.kind, step.stages, weights_of(called(step))))
    graph.nodes.append(_node(cfg, CRITERIONS, "criterion", LABELLED))
    graph.nodes[-1].label = "total"
    for step in metrics:
        graph.nodes.append(_node(cfg, step.path, step.kind, step.stages, weights_of(step.run)))
    graph.nodes.append(_node(cfg, OPTIMIZER, "optimizer", ("train",)))
    graph.nodes.extend(_node(cfg, path, "callback") for path in callback_targets(cfg))
    graph.nodes.extend(_node(cfg, path, "logger") for path in _loggers(cfg))
    return graph


def sums(experiment: Experiment, losses: Sequence[Step]) -> Iterator[Edge]:
    """Yield the edges from losses to their sum, with the weight as the parameter, and from there to the optimizer."""
    weights = getattr(experiment.parts["criterions"], "weights", {})
    for step, (name, weight) in zip(losses, weights.items(), strict=False):
        yield Edge(step.path, CRITERIONS, name, f"{weight:g}" if isinstance(weight, float) else type(weight).__name__)
    yield Edge(CRITERIONS, OPTIMIZER, "total", "loss")


def looked_at(cfg: DictConfig, experiment: Experiment, graph: Graph) -> Iterator[Edge]:
    """Yield the edges from what logs a value to the callbacks that look at it."""
    makers = {node.label: node.path for node in graph.nodes if node.kind in ("metric", "criterion")}
    metrics = next((p for p, target in callback_targets(cfg).items() if target.endswith("MetricsCallback")), None)
    for where, name in monitored(cfg, experiment):
        reader, value = where.rpartition(".")[0], name.partition("/")[2]
        maker = metrics if value == "best" else makers.get(value, makers.get(value.partition("/")[2]))
        if maker and any(node.path == reader for node in graph.nodes):
            yield Edge(maker, reader, name, "monitor")


def unread_notes(trails: Trails, failed: Collection[str]) -> Iterator[Note]:
    """Yield what is made and never read: one note for all columns of the data, and one for every other key.

    Nothing where a step failed: it may be the one that would have read it.
    """
    unread = trails.unread(failed)
    if failed:
        return
    columns = [key for maker, key in unread if maker == DATA]
    if columns:
        yield Note(DATA, f"has columns that nothing reads: {listed(columns)}.")
    for maker, key in unread:
        if maker != DATA:
            yield Note(maker, f"makes '{key}', which nothing reads.")


def put_faults(graph: Graph, errors: Sequence[UserError]) -> None:
    """Put every mistake on the node that it belongs to: the one whose path is the longest beginning of its own."""
    for error in errors:
        for node in _owners(error.where, graph):
            node.faults.append(f"{error.what} {error.fix}".strip())


def _owners(where: str, graph: Graph) -> list[Node]:
    """Return the node that a path belongs to; all that share it where it is that of an instance."""
    if where.startswith(f"{INSTANCES}."):
        reference = f"${{{'.'.join(where.split('.')[:3])}}}"
        return [node for node in graph.nodes if reference in node.yaml]
    if where.startswith("model.scheduler"):
        where = OPTIMIZER
    of_mapping = [node for node in graph.nodes if _is_mapping_of(where, node.path)]
    containing = [node for node in graph.nodes if f"{where}.".startswith(f"{node.path}.")]
    return [*of_mapping, *sorted(containing, key=lambda node: -len(node.path))][:1]


def _is_mapping_of(where: str, path: str) -> bool:
    """Whether a path is that of the mapping of a part of a composition, which stands beside the part."""
    for group in ("criterions", "metrics"):
        owner, found, name = path.rpartition(f".{group}.")
        if found and f"{where}.".startswith(f"{owner}.mapping.{name}."):
            return True
    return False


def _node(
    cfg: DictConfig, path: str, kind: NodeKind, stages: tuple[Stage, ...] = ALL_STAGES, weights: int | None = None
) -> Node:
    return Node(path, kind, path.rpartition(".")[2], target_of(cfg, path), stages, yaml_of(cfg, path), "", weights)


def _loggers(cfg: DictConfig) -> list[str]:
    return [path for path, node in entries(cfg, "logger") if "_target_" in node]
