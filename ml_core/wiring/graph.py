"""What is an experiment's wiring? Nodes (steps with a YAML path) and the batch keys that travel between them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

NodeKind = Literal["data", "transform", "network", "ai", "criterion", "metric", "optimizer", "logger", "callback"]
Stage = Literal["train", "val", "test", "predict"]

ALL_STAGES: tuple[Stage, ...] = ("train", "val", "test", "predict")


@dataclass
class Tensor:
    """What is known of a value that travels.

    Attributes:
        shape: Sizes, the batch first; None where it is no tensor.
        dtype: `float32`, `int64` ...; the Python type's name where it is no tensor.
    """

    shape: tuple[int, ...] | None
    dtype: str

    def __str__(self) -> str:
        return self.dtype if self.shape is None else f"{self.dtype} [{', '.join(map(str, self.shape))}]"


@dataclass
class Node:
    """One step: the data set, a transform, a network, a loss, a metric.

    Attributes:
        path: YAML path, unique in a graph.
        kind: What it is, which is what its colour says.
        label: Short name, the last part of the path as a rule.
        target: Its `_target_`.
        stages: Where it runs; a train-only (augment) or inference-only part says so by it.
        yaml: Its node, as YAML text, without secrets.
        origin: File and line that it is written in, `configs/model/mnist.yaml:12`.
        parameters: Number of weights, where it has any.
        faults: Messages of what is wrong here.
    """

    path: str
    kind: NodeKind
    label: str
    target: str = ""
    stages: tuple[Stage, ...] = ALL_STAGES
    yaml: str = ""
    origin: str = ""
    parameters: int | None = None
    faults: list[str] = field(default_factory=list)


@dataclass
class Edge:
    """A key on its way from the step that made it to one that reads it.

    Attributes:
        source: Path of the node that made the key; None where no step does, which is a fault.
        target: Path of the node that reads it; None where nothing does, which is a note.
        key: The batch key.
        parameter: Parameter that it feeds.
        value: Shape and type, where they are known.
    """

    source: str | None
    target: str | None
    key: str
    parameter: str = ""
    value: Tensor | None = None


@dataclass
class Group:
    """Weights that an optimizer treats alike.

    Attributes:
        name: What chooses them, `all` where there is one group.
        parameters: Number of weights.
        options: Learning rate and the like, as text.
    """

    name: str
    parameters: int
    options: dict[str, str] = field(default_factory=dict)


@dataclass
class Graph:
    """The wiring, in the order of the flow."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)

    def without_idle(self) -> Graph:
        """Return the graph without callbacks and loggers that make and read no key and have no fault."""
        busy = {path for edge in self.edges for path in (edge.source, edge.target)}
        idle = [n for n in self.nodes if n.kind in ("callback", "logger") and n.path not in busy and not n.faults]
        return replace(self, nodes=[node for node in self.nodes if node not in idle])

    def node(self, path: str) -> Node:
        """Return the node of a path."""
        return next(node for node in self.nodes if node.path == path)
