"""In which row does each step and each key stand?

The drawing is a pile of bands, one for each part of the experiment, in the order of the flow: data, model, criterions
and metrics. In a band, steps stand below the keys that they wait for, and keys right below the step that made them.
What would make the page too wide goes on in a further row. Parts that wait for nothing from each other share a band
where the page has room.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ml_core.wiring.drawing.boxes import Port, key_box, step_box
from ml_core.wiring.drawing.keys import Key
from ml_core.wiring.drawing.words import region
from ml_core.wiring.graph import Graph, Node

PAGE = 1200.0
"""Width of a row in pixels, roughly: about what a README shows without shrinking it much."""
GAP = 20.0
UNSHARED = {"data", "model"}
"""Regions that always have their rows for themselves."""
T = TypeVar("T")


@dataclass
class Segment:
    """Steps of a region that follow each other.

    Attributes:
        name: Of the region.
        levels: Steps; those of a level wait for steps of earlier levels.
        index: Position among the segments.
        first: First row, which is kept for keys that nobody makes.
        last: Last row of its band.
        is_alone: Whether no other has its rows.
    """

    name: str
    levels: list[list[Node]]
    index: int = 0
    first: int = 0
    last: int = 0
    is_alone: bool = True

    @property
    def nodes(self) -> list[Node]:
        """Its steps."""
        return [node for level in self.levels for node in level]


@dataclass
class Rows:
    """Rows, counted from above.

    Attributes:
        steps: Of each step, by its path.
        keys: Of each key, by its position.
        bands: Segments; those of a band share rows.
    """

    steps: dict[str, int] = field(default_factory=dict)
    keys: dict[int, int] = field(default_factory=dict)
    bands: list[list[Segment]] = field(default_factory=list)


def assign_rows(graph: Graph, keys: Sequence[Key]) -> Rows:
    """Return the row of everything; steps that wait for each other in a circle stand in the order of the flow."""
    needs = _needs(keys)
    rows = Rows(bands=_bands(_segments(graph, needs), needs))
    start = 0
    for band in rows.bands:
        ends = [_fill(rows, segment, keys, start) for segment in band]
        for segment in band:
            segment.first, segment.last, segment.is_alone = start, max(ends), len(band) == 1
        start = max(ends) + 1
    for index, key in enumerate(keys):
        if key.source is None:
            rows.keys[index] = min((rows.steps[reader.path] for reader in key.readers), default=1) - 1
    return _without_empty(rows)


def _without_empty(rows: Rows) -> Rows:
    """Number rows anew, so that each holds something."""
    used = sorted({*rows.steps.values(), *rows.keys.values()})
    for segment in (segment for band in rows.bands for segment in band):
        segment.first, segment.last = bisect_left(used, segment.first), bisect_right(used, segment.last) - 1
    return Rows(
        {path: bisect_left(used, row) for path, row in rows.steps.items()},
        {index: bisect_left(used, row) for index, row in rows.keys.items()},
        rows.bands,
    )


def _needs(keys: Iterable[Key]) -> dict[str, set[str]]:
    """Return the paths of the steps that each step waits for."""
    needs: dict[str, set[str]] = {}
    for key in keys:
        for reader in key.readers:
            if key.source not in (None, reader.path):
                needs.setdefault(reader.path, set()).add(str(key.source))
    return needs


def _segments(graph: Graph, needs: dict[str, set[str]]) -> list[Segment]:
    segments: list[Segment] = []
    waiting, done = list(graph.nodes), set[str]()
    while waiting:
        ready = [node for node in waiting if needs.get(node.path, set()) <= done] or waiting[:1]
        name = region(ready[0])
        if not segments or segments[-1].name != name:
            segments.append(Segment(name, [], len(segments)))
        level = [node for node in ready if region(node) == name]
        while level:
            segments[-1].levels.append(level)
            done |= {node.path for node in level}
            waiting = [node for node in waiting if node.path not in done]
            level = [node for node in waiting if region(node) == name and needs.get(node.path, set()) <= done]
    return segments


def _bands(segments: Iterable[Segment], needs: dict[str, set[str]]) -> list[list[Segment]]:
    bands: list[list[Segment]] = []
    for segment in segments:
        if bands and _fits_beside(bands[-1], segment, needs):
            bands[-1].append(segment)
        else:
            bands.append([segment])
    return bands


def _fits_beside(band: list[Segment], segment: Segment, needs: dict[str, set[str]]) -> bool:
    there = {node.path for other in band for node in other.nodes}
    is_apart = all(there.isdisjoint(needs.get(node.path, ())) for node in segment.nodes)
    is_shared = UNSHARED.isdisjoint({segment.name, *(other.name for other in band)})
    return is_apart and is_shared and sum(map(_breadth, [*band, segment])) <= PAGE


def _breadth(segment: Segment) -> float:
    return max(sum(map(_step_room, level)) for level in segment.levels)


def _fill(rows: Rows, segment: Segment, keys: Sequence[Key], start: int) -> int:
    """Place the steps of a segment and the keys that they make; return the last row."""
    row = start
    for level in segment.levels:
        for steps in _split(level, _step_room):
            row += 1
            rows.steps |= {node.path: row for node in steps}
            made = [index for node in steps for index, key in enumerate(keys) if key.source == node.path]
            for indices in _split(made, lambda index: key_box(keys[index]).width + GAP):
                row += 1
                rows.keys |= dict.fromkeys(indices, row)
    return row


def _step_room(node: Node) -> float:
    return step_box(node, [Port("", "")]).width + GAP


def _split(items: Sequence[T], room: Callable[[T], float]) -> Iterator[list[T]]:
    """Yield the items of as few rows as it takes, about equally wide."""
    total = sum(map(room, items))
    target = total / max(1, -(-total // PAGE))
    row: list[T] = []
    taken = 0.0
    for item in items:
        if row and taken + room(item) / 2 > target:
            yield row
            row, taken = [], 0.0
        row.append(item)
        taken += room(item)
    if row:
        yield row
