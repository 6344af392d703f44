"""Which keys are there at a point of the flow, what do they hold, who made them, and who reads them?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from torch import Tensor as TorchTensor

from ml_core.wiring.dry_run.steps import Step, shown
from ml_core.wiring.fake import ShapeMode, to_fake
from ml_core.wiring.graph import Edge, Graph, Tensor

DATA = "data"
"""Path of the node that stands for the data set."""


class _Unknown:
    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = _Unknown()
"""Value of a key whose step did not run."""


class Keys:
    """The batch on its way: values, and the path of the step that made each.

    Args:
        columns: What the data set gives; None where that is not known, so that any key may be one of them.
        rows: Samples in it.
        size: Samples in a batch of the run, which shapes are shown with.
    """

    def __init__(self, columns: Mapping[str, Any] | None, rows: int, size: int) -> None:
        self.values: dict[str, Any] = dict(columns or {})
        self.makers = dict.fromkeys(self.values, DATA)
        self.is_open = columns is None
        self.rows, self.size = rows, size

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def known(self, names: Iterable[str]) -> bool:
        """Whether all of these have a value."""
        return all(self.values.get(name, UNKNOWN) is not UNKNOWN for name in names)

    def make(self, new: Mapping[str, Any], maker: str) -> None:
        """Add the keys of a step."""
        self.values.update(new)
        self.makers.update(dict.fromkeys(new, maker))

    def convert(self, change: Callable[[Any], Any]) -> None:
        """Change every value that is known."""
        self.values = {k: value if value is UNKNOWN else change(value) for k, value in self.values.items()}

    def to_fake(self, mode: ShapeMode) -> None:
        """Make the values fake, and as many samples as the run has in a batch."""
        self.values = to_fake(self.values, mode, self.rows, self.size)
        self.rows = self.size

    def describe(self, key: str) -> Tensor | None:
        """Return what is known of a key's value."""
        value = self.values.get(key, UNKNOWN)
        return None if value is UNKNOWN else shown(value, self.rows, self.size)

    def told(self, key: str) -> str:
        """Return `float32 [64, 10], made by model.forward_fn.network`."""
        maker = "a column of the data" if self.makers[key] == DATA else f"made by {self.makers[key]}"
        value = self.describe(key)
        return maker if value is None else f"{value}, {maker}"

    def signature(self, names: Iterable[str] | None) -> tuple[Any, ...]:
        """Return what tells apart inputs that a step may treat differently."""
        return tuple((name, _kind(self.values[name])) for name in sorted(self.values if names is None else names))


class Trails:
    """The edges of a graph, and which keys nobody has read so far.

    Args:
        graph: Gets the edges.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.made: dict[tuple[str, str], Tensor | None] = {}
        self._read: set[tuple[str, str]] = set()
        self._drawn: dict[tuple[str | None, str | None, str, str], Edge] = {}

    def start(self, keys: Keys) -> None:
        """Note what a data set gives."""
        for key in keys.values:
            self._make(key, DATA, keys.describe(key))

    def read(self, step: Step, keys: Keys, key: str) -> None:
        """Draw a key to a step that reads it, for each parameter that it feeds; from nowhere if it is not there."""
        maker = keys.makers.get(key, DATA if keys.is_open else None)
        if maker is not None:
            self._read.add((maker, key))
        for parameter in step.parameters_of(key):
            self.draw(Edge(maker, step.path, key, parameter, keys.describe(key)))

    def read_perhaps(self, keys: Keys) -> None:
        """Note that a step may read anything."""
        self._read.update((maker, key) for key, maker in keys.makers.items())

    def wrote(self, path: str, key: str, keys: Keys) -> None:
        """Note a key that a step made."""
        self._make(key, path, keys.describe(key))

    def unread(self, failed: Collection[str]) -> list[tuple[str, str]]:
        """Return (step, key) of what is made and read by nobody, and draw it; not what steps that failed would make."""
        loose = [pair for pair in self.made if pair not in self._read and pair[0] not in failed]
        for maker, key in loose:
            self.draw(Edge(maker, None, key, "", self.made[maker, key]))
        return loose

    def draw(self, edge: Edge) -> None:
        """Add an edge, once; what is known of its value may come later."""
        name = (edge.source, edge.target, edge.key, edge.parameter)
        if name not in self._drawn:
            self._drawn[name] = edge
            self.graph.edges.append(edge)
        elif self._drawn[name].value is None:
            self._drawn[name].value = edge.value

    def _make(self, key: str, maker: str, value: Tensor | None) -> None:
        self.made[maker, key] = self.made.get((maker, key)) or value


def _kind(value: Any) -> Any:
    if isinstance(value, TorchTensor):
        return value.dtype, tuple(value.shape)
    return UNKNOWN if value is UNKNOWN else type(value[0] if isinstance(value, (list, tuple)) and value else value)
