"""Where does each step, key and line stand?

Rows come from `rows.py`, columns from Graphviz (`columns.py`, `straight.py`); lines go straight down, and aside along
tracks between the rows (`routes.py`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from ml_core.wiring.drawing.columns import place_columns
from ml_core.wiring.drawing.plan import Item, Plan, Way, make_plan
from ml_core.wiring.drawing.routes import Net, assign_tracks
from ml_core.wiring.drawing.shapes import Point
from ml_core.wiring.drawing.straight import straighten
from ml_core.wiring.graph import Graph

INSET = 15
"""Room between a region's border and what stands in it."""
CAPTION = 18
"""Room for a region's name."""
BETWEEN = 4
"""Half the room between regions that lie side by side."""
TRACK = 9.0
LEAVE, ARRIVE = 9, 15
"""Room for a line below a box that it leaves, and for its arrow above the one that it reaches."""


@dataclass(frozen=True)
class Placed:
    """An item and its upper left corner."""

    item: Item
    x: float
    y: float

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.item.box.height

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.item.box.width

    @property
    def middle(self) -> float:
        """Half-way between its left and right edge."""
        return self.x + self.item.box.width / 2

    def port_x(self, parameter: str | None) -> float:
        """Return where a line ends that feeds a parameter."""
        return self.middle if parameter is None else self.x + self.item.box.port_x(parameter)


@dataclass(frozen=True)
class Line:
    """The way of a key, or a part of it that several ways share.

    Attributes:
        key: Id of the key.
        steps: Ids of the steps whose lines it is part of.
        points: Its corners.
        has_arrow: Whether it ends at a reader.
        rises: Whether it leads back up.
    """

    key: str
    steps: tuple[str, ...]
    points: tuple[Point, ...]
    has_arrow: bool
    rises: bool = False


@dataclass(frozen=True)
class Region:
    """The box around a part of the experiment."""

    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """The drawing without its looks: steps and keys by id, lines, and regions."""

    width: float
    height: float
    placed: dict[str, Placed]
    lines: list[Line]
    regions: list[Region]


@dataclass(frozen=True)
class Channel:
    """The room between a row and the next.

    Attributes:
        top: Where its first track begins.
        tracks: Track of the lines below an item, None where they go straight down.
    """

    top: float
    tracks: dict[str, int | None]

    def track_y(self, tail: str) -> float | None:
        """Return the height at which the lines of an item go aside."""
        track = self.tracks[tail]
        return None if track is None else self.top + (track + 0.5) * TRACK


def lay_out(graph: Graph) -> Layout:
    """Return the layout of a graph; the same graph gives the same layout."""
    if not graph.nodes:
        return Layout(0, 0, {}, [], [])
    plan = make_plan(graph)
    columns = straighten(plan, place_columns(plan))
    tops, channels = _heights(plan, _tracks(plan, columns))
    left = min(columns[item.id] - item.box.width / 2 for item in plan.items.values()) - INSET
    placed = {
        item.id: Placed(item, columns[item.id] - item.box.width / 2 - left, tops[item.row])
        for item in plan.items.values()
    }
    width = max(spot.right for spot in placed.values()) + INSET
    rising = _rising(plan, placed, channels, width + INSET)
    boxes = {id: spot for id, spot in placed.items() if spot.item.of is not None}
    lines = [*_falling(plan, placed, channels), *rising]
    total = width + (INSET + TRACK * len(rising) if rising else 0)
    return Layout(total, channels[-1].top, boxes, lines, _regions(plan, placed, width))


def _tracks(plan: Plan, columns: dict[str, float]) -> list[dict[str, int | None]]:
    """Return, for each row, the tracks of the lines that leave it downwards."""
    ends: dict[int, dict[str, set[float]]] = defaultdict(lambda: defaultdict(set))
    for way in plan.ways:
        for tail, head in plan.stretches(way):
            ends[plan.items[tail].row][tail].add(columns[head] + plan.offset(way, head))
    rows = range(max(item.row for item in plan.items.values()) + 1)
    nets = [{tail: Net(columns[tail], tuple(sorted(xs))) for tail, xs in ends[row].items()} for row in rows]
    return [dict(zip(row, assign_tracks(list(row.values())), strict=True)) for row in nets]


def _heights(plan: Plan, tracks: list[dict[str, int | None]]) -> tuple[list[float], list[Channel]]:
    """Return where each row begins, and the channel below it."""
    heights = [0] * len(tracks)
    for item in plan.items.values():
        heights[item.row] = max(heights[item.row], item.box.height)
    firsts, lasts = {band[0].first for band in plan.bands}, {band[0].last for band in plan.bands}
    tops, channels, y = [], [], 0.0
    for row, height in enumerate(heights):
        y += (INSET + CAPTION if row in firsts else 0) + (ARRIVE if row else 0)
        tops.append(y)
        y += height + (INSET if row in lasts else 0) + LEAVE
        channels.append(Channel(y, tracks[row]))
        y += TRACK * max((track + 1 for track in tracks[row].values() if track is not None), default=0)
    return tops, channels


def _falling(plan: Plan, placed: dict[str, Placed], channels: list[Channel]) -> list[Line]:
    """Return lines that fork where ways part; what ways share is one line."""
    below: dict[str, dict[tuple[str, float], list[Way]]] = defaultdict(lambda: defaultdict(list))
    for way in plan.ways:
        for tail, head in plan.stretches(way):
            below[tail][head, plan.offset(way, head)].append(way)
    lines = []
    for start, forks in list(below.items()):
        if plan.items[start].of is None and len(forks) == 1:
            continue  # a bend in the middle of a line
        for (head, offset), ways in forks.items():
            points = _stretch(placed[start], placed[head], offset, channels)
            while plan.items[head].of is None and len(below[head]) == 1:
                tail, ((head, offset),) = head, below[head]
                points += _stretch(placed[tail], placed[head], offset, channels)
            has_arrow = ways[0].parameter is not None and head == ways[0].step
            lines.append(Line(ways[0].key, tuple(dict.fromkeys(way.step for way in ways)), tuple(points), has_arrow))
    return lines


def _stretch(above: Placed, below: Placed, offset: float, channels: list[Channel]) -> list[Point]:
    """Return the corners of a line from a row to the next: down to its track, along it, and down."""
    start, end = (above.middle, above.bottom), (below.middle + offset, below.y)
    y = channels[above.item.row].track_y(above.item.id)
    return [start, end] if y is None else [start, (start[0], y), (end[0], y), end]


def _rising(plan: Plan, placed: dict[str, Placed], channels: list[Channel], side: float) -> list[Line]:
    """Return the ways that lead back up, round on the right of everything."""
    lines = []
    for index, way in enumerate(filter(plan.rises, plan.ways)):
        start, end = placed[way.stops[0]], placed[way.stops[-1]]
        x, right = end.port_x(way.parameter), side + index * TRACK
        leave, arrive = channels[start.item.row].top - LEAVE / 2, end.y - ARRIVE * 0.7
        corners = ((start.middle, leave), (right, leave), (right, arrive), (x, arrive))
        lines.append(Line(way.key, (way.step,), ((start.middle, start.bottom), *corners, (x, end.y)), True, rises=True))
    return lines


def _regions(plan: Plan, placed: dict[str, Placed], width: float) -> list[Region]:
    """Return a box around each segment; those of a band lie side by side and fill its width."""
    regions = []
    for band in plan.bands:
        members = [(segment.name, [spot for spot in placed.values() if spot.item.home is segment]) for segment in band]
        members.sort(key=lambda member: member[1][0].x)
        top = min(spot.y for _, inside in members for spot in inside) - INSET - CAPTION
        bottom = max(spot.bottom for _, inside in members for spot in inside) + INSET
        edges = [-float(BETWEEN)]
        for (_, left), (_, right) in pairwise(members):
            edges.append((max(spot.right for spot in left) + min(spot.x for spot in right)) / 2)
        for (name, _), (x1, x2) in zip(members, pairwise([*edges, width + BETWEEN]), strict=True):
            regions.append(Region(name, x1 + BETWEEN, top, x2 - x1 - 2 * BETWEEN, bottom - top))
    return regions
