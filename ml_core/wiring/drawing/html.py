"""How is the wiring shown as a page that one can search and click through?"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from ml_core.wiring.drawing.fonts import MONO, SANS
from ml_core.wiring.drawing.keys import Key, travelling_keys
from ml_core.wiring.drawing.palette import DARK, LIGHT, Palette
from ml_core.wiring.drawing.svg import to_svg
from ml_core.wiring.drawing.words import KIND_NAMES, stage_tag, summary
from ml_core.wiring.graph import Graph, Node

PLACE = re.compile(r"\{\{(\w+)\}\}")


def to_html(graph: Graph, title: str) -> str:
    """Return one file with drawing, data, style and script in it; it loads nothing.

    Clicking a step shows its YAML, where that is written, its faults, and the keys that it reads and makes.
    """
    parts = {
        "title": escape(title),
        "summary": escape(summary(graph)),
        "style": f"{_variables()}{_beside('page.css')}",
        "drawing": to_svg(graph),
        "data": json.dumps(_data(graph), ensure_ascii=False).replace("<", "\\u003c"),
        "script": _beside("page.js"),
    }
    return PLACE.sub(lambda place: parts[place[1]], _beside("page.html"))


def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _variables() -> str:
    fonts = f"--sans: {SANS}; --mono: {MONO};"
    dark = f"@media (prefers-color-scheme: dark) {{ :root {{ {_colours(DARK)} }} }}"
    return f":root {{ {fonts} {_colours(LIGHT)} }}\n{dark}\n"


def _colours(palette: Palette) -> str:
    names = ("card", "edge", "region", "surface", "text", "muted", "key", "fault", "fault_ground", "focus")
    return " ".join(f"--{name.replace('_', '-')}: {getattr(palette, name)};" for name in names)


def _data(graph: Graph) -> dict[str, Any]:
    """Return what the script needs, under the ids that the drawing has."""
    keys = travelling_keys(graph)
    ids = {node.path: f"n{index}" for index, node in enumerate(graph.nodes)}
    return {
        "steps": {ids[node.path]: _step(node, keys) for node in graph.nodes},
        "keys": {f"k{index}": _key(key, ids) for index, key in enumerate(keys)},
        "groups": [
            {
                "name": group.name,
                "parameters": group.parameters,
                "options": ", ".join(f"{name} {value}" for name, value in group.options.items()),
            }
            for group in graph.groups
        ],
    }


def _step(node: Node, keys: Sequence[Key]) -> dict[str, Any]:
    names = ("path", "label", "target", "yaml", "origin", "parameters", "faults")
    reads = [
        {"key": f"k{index}", "parameter": reader.parameter}
        for index, key in enumerate(keys)
        for reader in key.readers
        if reader.path == node.path
    ]
    makes = [f"k{index}" for index, key in enumerate(keys) if key.source == node.path]
    told = {"kind": KIND_NAMES[node.kind], "stages": stage_tag(node), "reads": reads, "makes": makes}
    return {name: getattr(node, name) for name in names} | told


def _key(key: Key, ids: dict[str, str]) -> dict[str, Any]:
    return {
        "name": key.name,
        "value": "" if key.value is None else str(key.value),
        "source": None if key.source is None else ids[key.source],
        "readers": [{"step": ids[reader.path], "parameter": reader.parameter} for reader in key.readers],
    }
