"""What stands in which row, and which rows does each line pass, before anything has a place?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ml_core.wiring.drawing.boxes import Box, Port, key_box, step_box
from ml_core.wiring.drawing.keys import Key, travelling_keys
from ml_core.wiring.drawing.rows import Rows, Segment, assign_rows
from ml_core.wiring.graph import Graph, Node

BEND = Box(width=3, height=0)
"""What a line that passes a row takes there."""
AIR = 8
"""Room that a box keeps from its neighbours, beyond that which lines keep from each other."""


@dataclass
class Item:
    """What takes room in a row: a step, the label of a key, or a line that passes.

    Attributes:
        id: Name in the drawing: `n3` for a step, `k5` for a key.
        row: Counted from above.
        home: Segment that it stands in, None where a line passes by.
        box: Its size and texts.
        of: What it shows, None of a passing line.
    """

    id: str
    row: int
    home: Segment | None
    box: Box
    of: Node | Key | None = None

    @property
    def breadth(self) -> int:
        """Room that it takes in its row."""
        return self.box.width + (0 if self.of is None else AIR)


@dataclass(frozen=True)
class Way:
    """The way of a key from its maker to its label, or from the label to one reader.

    Attributes:
        key: Id of the key.
        step: Id of the maker or reader.
        stops: Ids of the items on it, one a row; only its ends where the reader stands above the label.
        parameter: Port at its end, None at a label.
    """

    key: str
    step: str
    stops: tuple[str, ...]
    parameter: str | None = None


@dataclass
class Plan:
    """Items by id, the ways between them, and the bands that they stand in."""

    bands: list[list[Segment]]
    items: dict[str, Item] = field(default_factory=dict)
    ways: list[Way] = field(default_factory=list)

    def rises(self, way: Way) -> bool:
        """Tell whether a way leads back up, as it does where steps wait for each other."""
        return self.items[way.stops[0]].row >= self.items[way.stops[-1]].row

    def stretches(self, way: Way) -> Iterator[tuple[str, str]]:
        """Yield the pairs of neighbouring stops of a way that leads down."""
        if not self.rises(way):
            yield from pairwise(way.stops)

    def offset(self, way: Way, head: str) -> float:
        """Return how far right of the middle of an item a way ends that leads to it."""
        if way.parameter is None or head != way.step:
            return 0.0
        box = self.items[head].box
        return box.port_x(way.parameter) - box.width / 2


def make_plan(graph: Graph) -> Plan:
    """Return the plan of a graph; the ports of each step stand in the order of the edges."""
    keys = travelling_keys(graph)
    rows = assign_rows(graph, keys)
    homes = {node.path: segment for band in rows.bands for segment in band for node in segment.nodes}
    ids = {node.path: f"n{index}" for index, node in enumerate(graph.nodes)}
    plan = Plan(rows.bands)
    for node in graph.nodes:
        box = step_box(node, _ports(node, keys, rows))
        plan.items[ids[node.path]] = Item(ids[node.path], rows.steps[node.path], homes[node.path], box, node)
    for index, key in enumerate(keys):
        home = homes.get(key.source or next((reader.path for reader in key.readers), ""))
        plan.items[f"k{index}"] = Item(f"k{index}", rows.keys[index], home, key_box(key), key)
    for index, key in enumerate(keys):
        plan.ways += _ways(f"k{index}", key, ids, plan)
    return plan


def _ports(node: Node, keys: Sequence[Key], rows: Rows) -> list[Port]:
    """Return a port for each parameter; it names the key that arrives, where that one comes from far."""
    arriving: dict[str, list[tuple[str, bool]]] = {}
    for index, key in enumerate(keys):
        for reader in key.readers:
            if reader.path == node.path:
                is_far = abs(rows.steps[node.path] - rows.keys[index]) > 1
                arriving.setdefault(reader.parameter, []).append((key.name, is_far))
    return [
        Port(parameter, names[0][0] if len({name for name, _ in names}) == 1 and any(far for _, far in names) else "")
        for parameter, names in arriving.items()
    ]


def _ways(id: str, key: Key, ids: dict[str, str], plan: Plan) -> Iterator[Way]:
    """Yield the ways of a key; they share their bends as far as they go together."""
    if key.source is not None:
        maker = ids[key.source]
        yield Way(id, maker, (maker, *_bends(id, maker, id, plan), id))
    for reader in key.readers:
        step = ids[reader.path]
        yield Way(id, step, (id, *_bends(id, id, step, plan), step), reader.parameter)


def _bends(key: str, start: str, end: str, plan: Plan) -> list[str]:
    above, below = plan.items[start], plan.items[end]
    bends = []
    for row in range(above.row + 1, below.row):
        home = _home_between(above.home, below.home, row)
        bend = Item(f"{key}-{home.index if home else ''}-{row}", row, home, BEND)
        bends.append(plan.items.setdefault(bend.id, bend).id)
    return bends


def _home_between(above: Segment | None, below: Segment | None, row: int) -> Segment | None:
    """Return the segment that a line passes through: the one it leaves, then none, then the one it goes to."""
    if above is not None and not above.is_alone and row <= above.last:
        return above
    return below if below is not None and not below.is_alone and row >= below.first else None
