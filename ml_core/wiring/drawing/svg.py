"""How does the wiring look as a picture?"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from ml_core.wiring.drawing.boxes import ICON, PADDING, Text
from ml_core.wiring.drawing.keys import Key
from ml_core.wiring.drawing.layout import Layout, Line, Placed, Region, lay_out
from ml_core.wiring.drawing.legend import ROW, draw_legend, key_state, legend_entries, legend_rows
from ml_core.wiring.drawing.palette import ICONS, style_sheet
from ml_core.wiring.drawing.shapes import (
    add,
    add_group,
    add_rect,
    add_text,
    cross,
    lower_part,
    num,
    rounded,
    upper_part,
)
from ml_core.wiring.drawing.words import is_inference_only, is_train_only
from ml_core.wiring.graph import Graph, Node

MARGIN = 24
MIN_WIDTH = 420
LEGEND_GAP = 16
TIP = 6.0
"""By how much a line ends before its arrow's tip."""


def to_svg(graph: Graph) -> str:
    """Return the wiring as an SVG file of its own: no other file, no font, no script.

    It stands on a card, light or dark as the reader's system is, so it can be read on any page.
    """
    return ET.tostring(draw(graph, lay_out(graph)), encoding="unicode")


def draw(graph: Graph, layout: Layout) -> ET.Element:
    """Return the picture of a layout.

    A step is a group with its path in `data-path`, a key one with its name in `data-key`; a line has the id of its key
    in `data-of` and those of the steps that it leads to in `data-at`.
    """
    width = max(layout.width, MIN_WIDTH) + 2 * MARGIN
    rows = legend_rows(legend_entries(graph), width - 2 * MARGIN)
    root = _root(width, layout.height + LEGEND_GAP + 2 * MARGIN - 6 + ROW * len(rows))
    view = add_group(root, (width - layout.width) / 2, MARGIN)
    for region in layout.regions:
        add_rect(view, region.x, region.y, region.width, region.height, "region", radius=10)
    for line in layout.lines:
        _draw_line(view, line, layout.placed[line.key].item.of)
    for region in layout.regions:
        _draw_caption(view, region)
    for spot in layout.placed.values():
        if isinstance(spot.item.of, Node):
            _draw_step(view, spot, spot.item.of)
        elif isinstance(spot.item.of, Key):
            _draw_key(view, spot, spot.item.of)
    draw_legend(add_group(root, MARGIN, layout.height + MARGIN + LEGEND_GAP, class_="legend"), rows)
    return root


def _root(width: float, height: float) -> ET.Element:
    size = {"width": num(width), "height": num(height), "viewBox": f"0 0 {num(width)} {num(height)}"}
    root = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size, "class": "wiring"})
    add(root, "title", "Wiring of the experiment")
    add(root, "style", style_sheet())
    add_rect(root, 0.5, 0.5, width - 1, height - 1, "card", radius=12)
    return root


def _draw_caption(view: ET.Element, region: Region) -> None:
    add_text(view, Text(region.name.upper(), "region", region.x + 14, region.y + 20))


def _draw_line(view: ET.Element, line: Line, key: object) -> None:
    state = key_state(key) if isinstance(key, Key) else ""
    marks = {"data_of": line.key, "data_at": " ".join(line.steps)}
    *corners, (x, y) = line.points
    end = (x, y - TIP) if line.has_arrow else (x, y)
    add(view, "path", class_=_join("wire", "rising" * line.rises, state), d=rounded([*corners, end]), **marks)
    if line.has_arrow:
        add(view, "path", class_=_join("tip", state), d=f"M{num(x)} {num(y)}l-4-7.5h8z", **marks)


def _draw_step(view: ET.Element, spot: Placed, node: Node) -> None:
    box = spot.item.box
    stage = _join("train-only" * is_train_only(node), "inference-only" * is_inference_only(node))
    look = _join("step", node.kind, stage, "fault" * bool(node.faults))
    group = add_group(view, spot.x, spot.y, id=spot.item.id, class_=look, data_path=node.path)
    add(group, "title", "\n".join(filter(None, [node.path, node.target, node.origin])))
    add_rect(group, 0, 0, box.width, box.height, "surface")
    if box.ports:
        add(group, "path", class_="tint", d=upper_part(box.width, box.top))
    if node.faults:
        add(group, "path", class_="fault-ground", d=lower_part(box.width, box.body, box.height))
        add(group, "path", class_="fault-mark", d=cross(PADDING + 5, box.body + 13))
    add_rect(group, 0, 0, box.width, box.height, "box")
    _draw_icon(add_group(group, PADDING, box.top + (box.body - box.top - ICON) / 2), node)
    for text in box.texts:
        if text.role == "tag":
            left, right = text.span
            add_rect(group, left - 6, text.y - 11, right - left + 12, 15, "tint", radius=7.5)
        add_text(group, text)


def _draw_icon(group: ET.Element, node: Node) -> None:
    add_rect(group, 0, 0, ICON, ICON, "tint", radius=7)
    add(group, "path", class_="icon", d=ICONS[node.kind], transform="translate(5 5)")


def _draw_key(view: ET.Element, spot: Placed, key: Key) -> None:
    box = spot.item.box
    group = add_group(view, spot.x, spot.y, id=spot.item.id, class_=_join("key", key_state(key)), data_key=key.name)
    add_rect(group, 0, 0, box.width, box.height, "label", radius=11)
    for text in box.texts:
        add_text(group, text)


def _join(*classes: str) -> str:
    return " ".join(filter(None, classes))
