"""Where does each step, key and line stand? Told from the numbers, for every sample."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from wiring.drawing.sample_graphs import SAMPLES, example

from ml_core.wiring.drawing.boxes import FACES
from ml_core.wiring.drawing.layout import INSET, Layout, Placed, Region, lay_out
from ml_core.wiring.graph import Node


@pytest.fixture(scope="module", params=SAMPLES)
def layout(request: pytest.FixtureRequest) -> Layout:
    return lay_out(SAMPLES[request.param]())


def overlap(one: Placed, other: Placed, room: float = 0) -> bool:
    apart_x = one.right + room <= other.x or other.right + room <= one.x
    apart_y = one.bottom + room <= other.y or other.bottom + room <= one.y
    return not (apart_x or apart_y)


def test_boxes_keep_apart(layout: Layout):
    assert [(a.item.id, b.item.id) for a, b in combinations(layout.placed.values(), 2) if overlap(a, b, room=8)] == []


def test_boxes_lie_inside_the_drawing_and_their_region(layout: Layout):
    for spot in layout.placed.values():
        assert spot.item.home is not None
        homes = [region for region in layout.regions if region.name == spot.item.home.name]
        assert any(is_inside(spot, region) for region in homes), spot.item.id
        assert spot.x >= 0
        assert spot.y >= 0
        assert spot.right <= layout.width
        assert spot.bottom <= layout.height


def is_inside(spot: Placed, region: Region) -> bool:
    room = INSET / 2
    is_in_width = region.x + room <= spot.x and spot.right <= region.x + region.width - room
    return is_in_width and region.y + 2 * room <= spot.y and spot.bottom <= region.y + region.height - room


def test_regions_keep_apart(layout: Layout):
    for one, other in combinations(layout.regions, 2):
        is_beside = one.x + one.width <= other.x or other.x + other.width <= one.x
        assert is_beside or one.y + one.height <= other.y or other.y + other.height <= one.y


def test_region_names_fit(layout: Layout):
    for region in layout.regions:
        assert FACES["region"].width(region.name.upper()) * 1.1 <= region.width - 20


def test_lines_run_straight_down_or_across_and_through_no_box(layout: Layout):
    for line in layout.lines:
        for (x1, y1), (x2, y2) in pairwise(line.points):
            assert abs(x1 - x2) < 1 or y1 == y2, line
            left, right, top, bottom = min(x1, x2), max(x1, x2), min(y1, y2), max(y1, y2)
            for spot in layout.placed.values():
                is_past = right <= spot.x or left >= spot.right or bottom <= spot.y or top >= spot.bottom
                assert is_past, (line, spot.item.id)


def test_lines_of_different_makers_share_no_stretch(layout: Layout):
    flat = [
        (y1, min(x1, x2), max(x1, x2), line)
        for line in layout.lines
        for (x1, y1), (x2, y2) in pairwise(line.points)
        if y1 == y2 and not line.rises
    ]
    starts = {line.key: spot.item.of for line in layout.lines for spot in [layout.placed[line.key]]}
    for (y, left, right, line), (other_y, other_left, other_right, other) in combinations(flat, 2):
        if y == other_y and left < other_right and other_left < right:
            assert line.key == other.key or starts[line.key].source == starts[other.key].source, (line, other)


def test_lines_begin_and_end_at_their_boxes(layout: Layout):
    arrows = [line for line in layout.lines if line.has_arrow]
    readers = sum(len(spot.item.of.readers) for spot in layout.placed.values() if not isinstance(spot.item.of, Node))
    assert len(arrows) == readers
    for line in arrows:
        (step,) = line.steps
        spot = layout.placed[step]
        x, y = line.points[-1]
        assert y == spot.y
        assert any(abs(x - spot.port_x(port.parameter)) < 1 for port in spot.item.box.ports)


def test_the_same_graph_has_the_same_layout():
    assert lay_out(example()) == lay_out(example())


def test_a_chain_stands_in_one_column():
    layout = lay_out(example())
    chain = ["to_tensor", "normalize", "network", "argmax"]
    columns = {spot.middle for spot in layout.placed.values() if getattr(spot.item.of, "label", "") in chain}
    assert max(columns) - min(columns) < 1


def test_a_circle_is_drawn_with_a_line_that_leads_back_up():
    layout = lay_out(SAMPLES["circular"]())
    assert [layout.placed[line.key].item.of.name for line in layout.lines if line.rises] == ["b", "c"]


def test_forty_steps_are_a_page_wide():
    assert lay_out(SAMPLES["multi_task"]()).width < 1600
