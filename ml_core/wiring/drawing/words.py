"""What is said about a step beside its name: the region it stands in, the stages it runs in, its size?"""

from __future__ import annotations

from ml_core.wiring.drawing.keys import travelling_keys
from ml_core.wiring.graph import ALL_STAGES, Graph, Node, NodeKind

KIND_NAMES: dict[NodeKind, str] = {
    "data": "data set",
    "transform": "transform",
    "network": "network",
    "ai": "AI transform",
    "criterion": "criterion",
    "metric": "metric",
    "optimizer": "optimizer",
    "logger": "logger",
    "callback": "callback",
}
"""Kinds in the order of the legend."""

REGION_OF_KIND: dict[NodeKind, str] = {
    "data": "data",
    "criterion": "criterions",
    "metric": "metrics",
    "optimizer": "optimizer",
    "logger": "loggers",
    "callback": "callbacks",
}
LABELLED_STAGES = tuple(stage for stage in ALL_STAGES if stage != "predict")


def region(node: Node) -> str:
    """Return the part of an experiment that a step belongs to; steps between data and losses go by their path."""
    is_of_data = node.path.split(".")[0] == "data"
    return REGION_OF_KIND.get(node.kind, "data" if is_of_data else "model")


def is_train_only(node: Node) -> bool:
    """Tell whether it runs while training and at no other time."""
    return node.stages == ("train",)


def is_inference_only(node: Node) -> bool:
    """Tell whether it never runs while training."""
    return bool(node.stages) and "train" not in node.stages


def stage_tag(node: Node) -> str:
    """Return where a step runs, empty where that is everywhere, or everywhere that there are labels.

    >>> stage_tag(Node("model.inference_fn.sample", "network", "sample", stages=("val", "test", "predict")))
    'inference only'
    """
    stages = tuple(stage for stage in ALL_STAGES if stage in node.stages)
    names = {
        ALL_STAGES: "",
        LABELLED_STAGES: "",
        ("train",): "train only",
        ALL_STAGES[1:]: "inference only",
    }
    return names.get(stages, ", ".join(stages))


def target_name(node: Node) -> str:
    """Return the last name of its `_target_`."""
    return node.target.rpartition(".")[2]


def size(node: Node) -> str:
    """Return its number of weights in words, empty where it has none to count."""
    return "" if node.parameters is None else count(node.parameters)


def count(parameters: int) -> str:
    """Return a number of weights in words.

    >>> count(335114)
    '335,114 parameters'
    """
    return plural(parameters, "parameter")


def summary(graph: Graph) -> str:
    """Return the size of a graph in words.

    >>> summary(Graph([Node("data", "data", "digits", faults=["has no rows"])]))
    '1 step, 0 keys, 1 fault'
    """
    keys = travelling_keys(graph)
    num_faults = sum(len(node.faults) for node in graph.nodes)
    weights = sum(node.parameters or 0 for node in graph.nodes)
    parts = [plural(len(graph.nodes), "step"), plural(len(keys), "key")]
    parts += [count(weights)] if weights else []
    return ", ".join([*parts, plural(num_faults, "fault")] if num_faults else parts)


def plural(number: int, word: str) -> str:
    """Return a number of things.

    >>> plural(2, "key")
    '2 keys'
    """
    return f"{number:,} {word}{'' if number == 1 else 's'}"
