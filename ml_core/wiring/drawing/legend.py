"""What do the colours, borders and icons of a drawing mean?"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from ml_core.wiring.drawing.boxes import FACES, Text
from ml_core.wiring.drawing.keys import Key, travelling_keys
from ml_core.wiring.drawing.palette import ICONS
from ml_core.wiring.drawing.shapes import add, add_group, add_rect, add_text, cross
from ml_core.wiring.drawing.words import KIND_NAMES, is_inference_only, is_train_only
from ml_core.wiring.graph import Graph

ROW = 26
SAMPLE = 32
"""Room for a sample, before its words."""
GAP = 20

Entry = tuple[str, str]
"""A sample and what it means."""


def legend_entries(graph: Graph) -> list[Entry]:
    """Return what the drawing of a graph shows, and nothing else."""
    keys = travelling_keys(graph)
    kinds = {node.kind for node in graph.nodes}
    conditions = {
        ("train-only", "runs in training only"): any(map(is_train_only, graph.nodes)),
        ("inference-only", "runs in val, test or predict only"): any(map(is_inference_only, graph.nodes)),
        ("key", "batch key, its type and shape"): bool(keys),
        ("unread", "key that no step reads"): any(key_state(key) == "unread" for key in keys),
        ("fault", "fault"): any(node.faults for node in graph.nodes) or any(key.source is None for key in keys),
    }
    return [(kind, name) for kind, name in KIND_NAMES.items() if kind in kinds] + [
        entry for entry, is_shown in conditions.items() if is_shown
    ]


def key_state(key: Key) -> str:
    """Return what is odd about a key, empty where nothing is."""
    return "unmade" if key.source is None else "" if key.readers else "unread"


def legend_rows(entries: Sequence[Entry], width: float) -> list[list[tuple[float, Entry]]]:
    """Return the entries of each row, with their places, so that rows are at most `width` wide."""
    rows: list[list[tuple[float, Entry]]] = []
    x = width + 1
    for entry in entries:
        room = SAMPLE + FACES["legend"].width(entry[1])
        if x + room > width:
            rows.append([])
            x = 0.0
        rows[-1].append((x, entry))
        x += room + GAP
    return rows


def draw_legend(parent: ET.Element, rows: Sequence[Sequence[tuple[float, Entry]]]) -> None:
    """Draw the rows below each other."""
    for index, row in enumerate(rows):
        for x, (sample, words) in row:
            group = add_group(parent, x, index * ROW)
            _draw_sample(group, sample)
            add_text(group, Text(words, "legend", SAMPLE, 14))


def _draw_sample(group: ET.Element, sample: str) -> None:
    if sample in KIND_NAMES:
        group.set("class", sample)
        add_rect(group, 1, -1, 22, 22, "tint", radius=6)
        add(group, "path", class_="icon", d=ICONS[sample], transform="translate(5 3) scale(0.88)")
    elif sample in ("key", "unread"):
        group.set("class", f"key {sample}")
        add_rect(group, 0, 3, 24, 14, "label", radius=7)
    else:
        group.set("class", f"step transform {sample}")
        add_rect(group, 0, 2, 24, 16, "fault-ground" if sample == "fault" else "surface", radius=5)
        add_rect(group, 0, 2, 24, 16, "box", radius=5)
        if sample == "fault":
            add(group, "path", class_="fault-mark", d=cross(12, 10))
