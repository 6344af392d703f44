"""Which way do lines take between two rows?"""

from __future__ import annotations

import random

import pytest

from ml_core.wiring.drawing.routes import CLEAR, Net, assign_tracks


def test_a_straight_line_needs_no_track():
    assert assign_tracks([Net(10, (10,)), Net(50, (50, 90))]) == [None, 0]


def test_lines_that_are_apart_share_a_track():
    assert assign_tracks([Net(0, (40,)), Net(100, (140,))]) == [0, 0]


@pytest.mark.parametrize("sign", [1, -1])
def test_of_lines_in_one_direction_the_outer_one_turns_first(sign: int):
    """The other way round they would cross twice."""
    tracks = assign_tracks([Net(sign * 10, (sign * 50,)), Net(sign * 30, (sign * 70,))])
    assert tracks == [1, 0]


def test_a_line_leaves_a_column_before_another_enters_it():
    upper, lower = Net(0, (50,)), Net(50, (90,))
    tracks = assign_tracks([upper, lower])
    assert tracks[1] < tracks[0], "the line that begins at 50 must be gone before the other comes down there"


def test_no_two_lines_lie_on_each_other():
    drawn = random.Random(0)
    for _ in range(50):
        xs = drawn.sample(range(0, 1000, 20), 24)
        nets = [Net(xs[i], (xs[i + 1], xs[i + 2])) for i in range(0, 24, 3)]
        tracks = assign_tracks(nets)
        for i, (one, track) in enumerate(zip(nets, tracks, strict=True)):
            for other, other_track in zip(nets[:i], tracks[:i], strict=True):
                is_apart = one.span[1] + CLEAR <= other.span[0] or other.span[1] + CLEAR <= one.span[0]
                assert track != other_track or is_apart
