"""How large is a box, and where in it does each text stand?"""

from __future__ import annotations

import pytest

from ml_core.wiring.drawing.boxes import FACES, Box, Port, key_box, step_box
from ml_core.wiring.drawing.keys import Key, Reader
from ml_core.wiring.graph import Node, Tensor

LONG = "a_rather_long_name_for_a_step_of_an_experiment"
STEPS = {
    "plain": step_box(Node("a", "transform", "a"), []),
    "full": step_box(
        Node("a", "network", LONG, f"my.{LONG}", ("train",), parameters=10**12, faults=["is wrong", LONG * 3]),
        [Port("input", "a_key_from_far_above"), Port("target"), Port("")],
    ),
}
KEYS = {
    "made": key_box(Key("image", "data", Tensor((64, 1, 28, 28), "float32"), [Reader("a", "x")])),
    "unread": key_box(Key("image", "data")),
    "unmade": key_box(Key("x", None, None, [Reader("a", "x")])),
}


def rows_of(box: Box) -> list[float]:
    return sorted({text.y for text in box.texts})


@pytest.mark.parametrize("box", [*STEPS.values(), *KEYS.values()], ids=[*STEPS, *KEYS])
def test_texts_lie_inside_and_apart(box: Box):
    for text in box.texts:
        left, right = text.span
        assert 5 <= left <= right <= box.width - 5, text
        assert FACES[text.role].size * 0.7 < text.y <= box.height - 3, text
    for one in box.texts:
        for other in box.texts:
            if one is not other and abs(one.y - other.y) < 9:
                assert one.span[1] <= other.span[0] or other.span[1] <= one.span[0], (one, other)


def test_ports_share_the_upper_edge():
    box = STEPS["full"]
    assert [box.port_x(parameter) * 6 / box.width for parameter in ("input", "target", "")] == [1, 3, 5]


def test_a_port_says_a_name_once():
    box = step_box(Node("a", "transform", "a"), [Port("image", "image")])
    assert [text.text for text in box.texts].count("image") == 1


def test_every_line_of_a_fault_is_there():
    texts = "".join(text.text for text in STEPS["full"].texts if text.role == "fault")
    assert texts == "is wrong" + LONG * 3


def test_what_is_odd_about_a_key_is_said():
    assert [text.text for text in KEYS["unread"].texts] == ["image", "not read"]
    assert [text.text for text in KEYS["unmade"].texts] == ["x", "no step makes it"]
