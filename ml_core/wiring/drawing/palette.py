"""Which colours, lines and icons does the drawing have?

A kind of step shows by its icon as well as by its colour, a stage by its border as well as by its tag, a fault by its
text: nothing is said by colour alone. All text has a contrast of 4.5 and more against its ground, in both palettes.
"""

from __future__ import annotations

from dataclasses import dataclass

from ml_core.wiring.drawing.boxes import FACES
from ml_core.wiring.drawing.fonts import MONO, SANS
from ml_core.wiring.graph import NodeKind


@dataclass(frozen=True)
class Palette:
    """The colours of one theme.

    Attributes:
        card: What everything stands on.
        edge: The card's border.
        region: Ground of data, model and so on.
        surface: Ground of a step.
        text: Names.
        muted: Details.
        line: Ways of keys.
        key: Ground of a key's label.
        fault: What is wrong.
        fault_ground: Ground of a message.
        focus: What the reader looks at, in the page.
        kinds: One colour per kind of step.
    """

    card: str
    edge: str
    region: str
    surface: str
    text: str
    muted: str
    line: str
    key: str
    fault: str
    fault_ground: str
    focus: str
    kinds: dict[NodeKind, str]


LIGHT = Palette(
    card="#ffffff",
    edge="#d0d7de",
    region="#f5f7fa",
    surface="#ffffff",
    text="#1b1f24",
    muted="#57606a",
    line="#8592a3",
    key="#e9eef5",
    fault="#c5162a",
    fault_ground="#ffebec",
    focus="#0b5cd5",
    kinds={
        "data": "#0b7285",
        "transform": "#4f5d6e",
        "network": "#2563c9",
        "ai": "#b3179b",
        "criterion": "#9a5b00",
        "metric": "#197436",
        "optimizer": "#6b46c1",
        "logger": "#6f5a45",
        "callback": "#3f6474",
    },
)
DARK = Palette(
    card="#12161c",
    edge="#333b46",
    region="#1a2029",
    surface="#222a35",
    text="#e8edf3",
    muted="#a3aebb",
    line="#75839a",
    key="#2c3643",
    fault="#ff8085",
    fault_ground="#47191f",
    focus="#6cb0ff",
    kinds={
        "data": "#4cc3d6",
        "transform": "#a9b7c8",
        "network": "#79aefc",
        "ai": "#f07bdc",
        "criterion": "#eab04e",
        "metric": "#62cf85",
        "optimizer": "#b79cff",
        "logger": "#cdb495",
        "callback": "#8fbdcc",
    },
)

ICONS: dict[NodeKind, str] = {
    "data": "M2.5 4c0-3 11-3 11 0s-11 3-11 0v8c0 3 11 3 11 0V4M2.5 8c0 3 11 3 11 0",
    "transform": "M2 5h11M10 2l3 3-3 3M14 11H3M6 8l-3 3 3 3",
    "network": "M5 5.2 10.6 7.2M5 10.8 10.6 8.8M1.4 4.2a1.8 1.8 0 1 0 3.6 0a1.8 1.8 0 1 0-3.6 0z"
    "M1.4 11.8a1.8 1.8 0 1 0 3.6 0a1.8 1.8 0 1 0-3.6 0zM10.8 8a1.9 1.9 0 1 0 3.8 0a1.9 1.9 0 1 0-3.8 0z",
    "ai": "M7 2.5 8.7 7 13 8.7 8.7 10.4 7 15 5.3 10.4 1 8.7 5.3 7zM13 1v4M11 3h4",
    "criterion": "M2 1.5V14h12.5M4.5 3.5C5.5 9 8 11 14 11",
    "metric": "M3 14V9M8 14V3M13 14V6.5",
    "optimizer": "M1.5 3C4 14 12 14 14.5 3M8 5v6M5.8 8.8 8 11.2l2.2-2.4",
    "logger": "M3 3.5h10M3 8h10M3 12.5h6",
    "callback": "M8 2a6 6 0 1 0 .01 0zM8 5v3.2l2.4 1.6",
}
"""Paths in a square of 16 by 16, drawn as strokes."""

SHAPES = """
.card, .region, .label { stroke-width: 1; }
.box { fill: none; stroke-width: 1.5; }
.train-only .box { stroke-dasharray: 6 4; }
.inference-only .box { stroke-dasharray: 1 3.5; stroke-linecap: round; stroke-width: 2; }
.icon, .fault-mark { fill: none; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }
.wire { fill: none; stroke-width: 1.5; }
.wire.rising { stroke-dasharray: 5 4; }
.key.unread .label { stroke-dasharray: 3 3; }
.tint { fill-opacity: 0.12; }
.role-note { font-style: italic; }
.role-region { letter-spacing: 0.04em; paint-order: stroke; stroke-width: 5px; stroke-linejoin: round; }
"""


def style_sheet() -> str:
    """Return the rules of the drawing: light, and dark where the reader's system is."""
    return f"{SHAPES}{_fonts()}{_colours(LIGHT)}@media (prefers-color-scheme: dark) {{{_colours(DARK)}}}"


def _fonts() -> str:
    return "".join(
        f".role-{role} {{ font: {600 if face.bold else 400} {face.size}px {MONO if face.mono else SANS}; }}\n"
        for role, face in FACES.items()
    )


def _colours(palette: Palette) -> str:
    rules = {
        ".card": f"fill: {palette.card}; stroke: {palette.edge}",
        ".region": f"fill: {palette.region}; stroke: {palette.edge}",
        ".surface": f"fill: {palette.surface}",
        ".role-name, .role-key, .role-arrival": f"fill: {palette.text}",
        ".role-detail, .role-value, .role-port, .role-note, .role-legend": f"fill: {palette.muted}",
        ".role-region": f"fill: {palette.muted}; stroke: {palette.region}",
        ".wire": f"stroke: {palette.line}",
        ".tip": f"fill: {palette.line}",
        ".label": f"fill: {palette.key}; stroke: {palette.line}",
    }
    for kind, colour in palette.kinds.items():
        rules[f".{kind} .box, .{kind} .icon"] = f"stroke: {colour}"
        rules[f".{kind} .tint, .{kind} .role-tag"] = f"fill: {colour}"
    rules |= {
        ".unmade .label": f"fill: {palette.fault_ground}; stroke: {palette.fault}",
        ".unmade .role-key, .unmade .role-note, .role-fault, .tip.unmade": f"fill: {palette.fault}",
        ".wire.unmade, .fault .box, .fault-mark": f"stroke: {palette.fault}",
        ".fault-ground": f"fill: {palette.fault_ground}",
    }
    return "".join(f"{selector} {{ {rule}; }}\n" for selector, rule in rules.items())
