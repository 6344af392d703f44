"""Which keys travel, from which step to which?"""

from __future__ import annotations

from dataclasses import dataclass, field

from ml_core.wiring.graph import Edge, Graph, Tensor


@dataclass(frozen=True)
class Reader:
    """A parameter of a step that a key feeds; the parameter is empty where the step does not name it."""

    path: str
    parameter: str


@dataclass
class Key:
    """A batch key as one step made it, with all its readers.

    Attributes:
        name: The batch key.
        source: Path of the step that made it; None where no step does.
        value: Shape and type, where they are known.
        readers: Who reads it, in the order of the edges; empty where nobody does.
    """

    name: str
    source: str | None
    value: Tensor | None = None
    readers: list[Reader] = field(default_factory=list)


def travelling_keys(graph: Graph) -> list[Key]:
    """Return one entry for each pair of step and key that it makes, in the order of the flow.

    A key that nobody makes stands before its first reader.
    """
    order = {node.path: index for index, node in enumerate(graph.nodes)}
    unknown = {path for edge in graph.edges for path in (edge.source, edge.target)} - {None, *order}
    assert not unknown, f"edges name steps that the graph does not have: {unknown}"
    keys: dict[tuple[str | None, str], Key] = {}
    for edge in graph.edges:
        key = keys.setdefault((edge.source, edge.key), Key(edge.key, edge.source))
        key.value = key.value or edge.value
        key.readers += _new_readers(edge, key)
    return sorted(keys.values(), key=lambda key: _position(key, order))


def _new_readers(edge: Edge, key: Key) -> list[Reader]:
    reader = None if edge.target is None else Reader(edge.target, edge.parameter)
    return [] if reader is None or reader in key.readers else [reader]


def _position(key: Key, order: dict[str, int]) -> float:
    if key.source is not None:
        return order[key.source]
    return min((order[reader.path] for reader in key.readers), default=0) - 0.5
