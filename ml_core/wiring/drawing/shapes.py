"""How is a shape written as SVG? All text goes through `xml.etree`, so nothing in it can be read as markup."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from math import dist

from ml_core.wiring.drawing.boxes import Text

Point = tuple[float, float]

RADIUS = 8
"""Of the corners of boxes and lines."""
UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML has no way to write."""


def add(parent: ET.Element, tag: str, text: str = "", **attributes: str) -> ET.Element:
    """Add an element; `_` in a name stands for `-`, and a final one is left out (`class_`)."""
    named = {name.rstrip("_").replace("_", "-"): _printable(value) for name, value in attributes.items()}
    element = ET.SubElement(parent, tag, named)
    element.text = _printable(text) or None
    return element


def add_group(parent: ET.Element, x: float, y: float, **attributes: str) -> ET.Element:
    """Add a group whose origin is at a point."""
    return add(parent, "g", transform=f"translate({num(x)} {num(y)})", **attributes)


def add_rect(
    parent: ET.Element, x: float, y: float, width: float, height: float, look: str, radius: float = RADIUS
) -> None:
    """Add a rectangle with round corners."""
    size = {"width": num(width), "height": num(height), "rx": num(radius)}
    add(parent, "rect", class_=look, x=num(x), y=num(y), **size)


def add_text(parent: ET.Element, text: Text) -> None:
    """Add a line of text."""
    anchor = {} if text.anchor == "start" else {"text_anchor": text.anchor}
    add(parent, "text", text.text, class_=f"role-{text.role}", x=num(text.x), y=num(text.y), **anchor)


def upper_part(width: float, height: float) -> str:
    """Return the path of the part of a box above a height."""
    return f"M0 {height}V{RADIUS}Q0 0 {RADIUS} 0H{width - RADIUS}Q{width} 0 {width} {RADIUS}V{height}Z"


def lower_part(width: float, top: float, bottom: float) -> str:
    """Return the path of the part of a box below a height."""
    low, right = bottom - RADIUS, width - RADIUS
    return f"M0 {top}H{width}V{low}Q{width} {bottom} {right} {bottom}H{RADIUS}Q0 {bottom} 0 {low}Z"


def cross(x: float, y: float) -> str:
    """Return the path of a cross around a point."""
    return f"M{num(x - 3.5)} {num(y - 3.5)}l7 7m0-7l-7 7"


def rounded(points: Sequence[Point]) -> str:
    """Return the path of a line whose corners are rounded off."""
    path = f"M{_pair(points[0])}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        reach = min(RADIUS, dist(before, corner) / 2, dist(corner, after) / 2)
        path += f"L{_pair(_towards(corner, before, reach))}Q{_pair(corner)} {_pair(_towards(corner, after, reach))}"
    return f"{path}L{_pair(points[-1])}"


def num(number: float) -> str:
    """Write a number with one decimal at most."""
    return f"{number:.1f}".removesuffix(".0")


def _towards(start: Point, end: Point, reach: float) -> Point:
    share = reach / (dist(start, end) or 1.0)
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _pair(point: Point) -> str:
    return f"{num(point[0])} {num(point[1])}"


def _printable(text: str) -> str:
    return UNPRINTABLE.sub("\ufffd", text)
