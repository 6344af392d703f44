"""How wide is a text?"""

from __future__ import annotations

from ml_core.wiring.drawing.fonts import Face

SANS, BOLD, MONO = Face(10), Face(10, bold=True), Face(10, mono=True)


def test_widths_are_those_of_dejavu():
    """By Pillow's ImageFont.getlength of DejaVuSans.ttf and its kin, at 1000 pixels."""
    assert round(SANS.width("to_tensor"), 1) == 46.9
    assert round(BOLD.width("SimpleDenseNet"), 1) == 93.3
    assert round(MONO.width("float32 [64, 10]"), 1) == 96.3


def test_wide_and_combining_characters():
    assert MONO.width("\u6f22") == 2 * MONO.width("a")
    assert SANS.width("e\u0301") == SANS.width("e")
    assert SANS.width("\u6f22") > SANS.width("M")


def test_wrapped_lines_fit_and_lose_nothing():
    text = "reads 'lable', which no step makes.\nDid you mean 'label'? " + "x" * 90
    lines = SANS.wrap(text, 120)
    assert max(map(SANS.width, lines)) <= 120
    assert "".join(lines).replace(" ", "") == "".join(text.split())
    assert any(line.startswith("Did") for line in lines)


def test_an_empty_text_is_one_empty_line():
    assert SANS.wrap("", 100) == [""]
