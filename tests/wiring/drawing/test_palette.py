"""Can everything be read, in light and in dark?"""

from __future__ import annotations

from typing import get_args

import pytest

from ml_core.wiring.drawing.palette import DARK, ICONS, LIGHT, Palette
from ml_core.wiring.graph import NodeKind

TINT = 0.12
"""Opacity of `.tint`."""


def channels(colour: str) -> list[float]:
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def luminance(rgb: list[float]) -> float:
    """After WCAG 2.2."""
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(text: str, ground: list[float]) -> float:
    light, dark = sorted((luminance(channels(text)), luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def tinted(palette: Palette, colour: str) -> list[float]:
    return [TINT * a + (1 - TINT) * b for a, b in zip(channels(colour), channels(palette.surface), strict=True)]


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_all_text_stands_out_from_its_ground(palette: Palette):
    pairs = {
        "name": (palette.text, palette.surface),
        "detail": (palette.muted, palette.surface),
        "key": (palette.text, palette.key),
        "value": (palette.muted, palette.key),
        "region": (palette.muted, palette.region),
        "legend": (palette.muted, palette.card),
        "fault": (palette.fault, palette.fault_ground),
        "link": (palette.focus, palette.region),
    }
    for name, (text, ground) in pairs.items():
        assert contrast(text, channels(ground)) >= 4.5, name
    for kind, colour in palette.kinds.items():
        assert contrast(palette.muted, tinted(palette, colour)) >= 4.5, f"a parameter of a {kind}"
        assert contrast(colour, tinted(palette, colour)) >= 4.5, f"the tag of a {kind}"
        assert contrast(colour, channels(palette.surface)) >= 4.5, f"the border of a {kind}"


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_every_kind_has_a_colour_and_an_icon_of_its_own(palette: Palette):
    kinds = set(get_args(NodeKind))
    assert set(palette.kinds) == set(ICONS) == kinds
    assert len({*palette.kinds.values(), palette.fault}) == len(kinds) + 1
    assert len(set(ICONS.values())) == len(kinds)
