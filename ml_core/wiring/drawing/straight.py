"""Which lines can be made straight by shifting things a little, and none past its neighbour?

Graphviz leaves many small jogs where they make no difference to the sum that it minimises. Here items that a straight
line could join are shifted, with those that they push aside, the most important lines first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from ml_core.wiring.drawing.plan import Item, Plan

GAP = 9.0
"""Room between neighbours in a row."""
REACH = 60.0
"""Items are shifted by no more than this."""
SLACK = 8.0
TOUCH = 0.01


def straighten(plan: Plan, columns: dict[str, float]) -> dict[str, float]:
    """Return new middles of all items, in the same order within each row."""
    state = _Blocks(plan, columns)
    for _, tail, head, offset in sorted(_links(plan, columns)):
        state.join(tail, head, offset)
    return state.columns


def _links(plan: Plan, columns: dict[str, float]) -> set[tuple[tuple[int, float], str, str, float]]:
    """Return pairs of stops in neighbouring rows, how far right of the second's middle the line ends, and an order.

    Lines between bends go first, then those between boxes: both look wrong with a jog.
    """
    links = set()
    for way in plan.ways:
        for tail, head in plan.stretches(way):
            num_bends = (plan.items[tail].of is None) + (plan.items[head].of is None)
            offset = plan.offset(way, head)
            links.add((((1, 2, 0)[num_bends], abs(columns[tail] - columns[head] - offset)), tail, head, offset))
    return links


class _Blocks:
    """Items that move together."""

    def __init__(self, plan: Plan, columns: dict[str, float]) -> None:
        self.items = plan.items
        self.columns = dict(columns)
        self.blocks = {id: {id} for id in plan.items}
        rows: dict[int, list[str]] = defaultdict(list)
        for item in sorted(plan.items.values(), key=lambda item: columns[item.id]):
            rows[item.row].append(item.id)
        self.left = {right: left for row in rows.values() for left, right in pairwise(row)}
        self.right = {left: right for right, left in self.left.items()}
        self.bounds = self._bounds(plan)

    def join(self, tail: str, head: str, offset: float) -> None:
        """Shift one end of a line so that it becomes straight, with all that moves with it, if there is room."""
        shift = self.columns[tail] - self.columns[head] - offset
        if tail in self.blocks[head] or abs(shift) > REACH:
            return
        for fixed, moved, by in ((tail, head, shift), (head, tail, -shift)):
            carried = self._carried(moved, by)
            if carried is not None and fixed not in carried:
                self.columns |= {id: self.columns[id] + by for id in carried}
                joined = self.blocks[tail] | self.blocks[head]
                self.blocks |= dict.fromkeys(joined, joined)
                return

    def _carried(self, start: str, by: float) -> set[str] | None:
        """Return what moves when an item does: its block, and blocks that it pushes; None where there is no room."""
        carried = set(self.blocks[start])
        if abs(by) < TOUCH:
            return carried
        waiting = list(carried)
        while waiting:
            id = waiting.pop()
            if not self._is_inside(id, by):
                return None
            pushed = self._pushed(id, by) - carried
            carried |= pushed
            waiting += pushed
        return carried

    def _is_inside(self, id: str, by: float) -> bool:
        middle, half = self.columns[id] + by, self.items[id].breadth / 2
        low, high = self.bounds[id]
        return low <= middle - half and middle + half <= high

    def _pushed(self, id: str, by: float) -> set[str]:
        """Return the block of the neighbour that an item would come too close to."""
        other = (self.left if by < 0 else self.right).get(id)
        if other is None:
            return set()
        room = abs(self.columns[other] - self.columns[id]) - (self.items[id].breadth + self.items[other].breadth) / 2
        return self.blocks[other] if room - abs(by) < GAP - TOUCH else set()

    def _bounds(self, plan: Plan) -> dict[str, tuple[float, float]]:
        """Return the room that each item must keep to, so that segments that share rows stay apart."""
        everywhere = self._extent(plan.items.values())
        bounds = {}
        shared = [segment for band in plan.bands if len(band) > 1 for segment in band]
        extents = {s.index: self._extent([i for i in plan.items.values() if i.home is s]) for s in shared}
        for item in plan.items.values():
            if item.home is not None:
                bounds[item.id] = extents.get(item.home.index, everywhere)
            else:
                beside = any(segment.first <= item.row <= segment.last for segment in shared)
                bounds[item.id] = self._extent([item]) if beside else everywhere
        return bounds

    def _extent(self, items: Iterable[Item]) -> tuple[float, float]:
        spans = [(self.columns[item.id], item.breadth / 2) for item in items]
        return min(x - half for x, half in spans) - SLACK, max(x + half for x, half in spans) + SLACK
