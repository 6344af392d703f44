"""How large is the box of a step, and the label of a key, and where in it does each text stand?

All lengths are in pixels; positions are relative to the box's upper left corner, text positions are baselines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ml_core.wiring.drawing.fonts import Face
from ml_core.wiring.drawing.keys import Key
from ml_core.wiring.drawing.words import size, stage_tag, target_name
from ml_core.wiring.graph import Node

Role = Literal["name", "detail", "tag", "port", "arrival", "key", "value", "note", "fault", "region", "legend"]

FACES: dict[Role, Face] = {
    "name": Face(13.5, bold=True),
    "detail": Face(10.5),
    "tag": Face(9.5, bold=True),
    "port": Face(9.5, mono=True),
    "arrival": Face(9.5, bold=True, mono=True),
    "key": Face(11.5, bold=True, mono=True),
    "value": Face(10, mono=True),
    "note": Face(10),
    "fault": Face(10.5),
    "region": Face(10.5, bold=True),
    "legend": Face(11),
}

PADDING = 11
ICON = 26
LEFT = PADDING + ICON + 9
"""Where a step's texts begin, right of its icon."""
LINE = 14
NAME = 17
"""Room for the line of a step's name."""
FAULT_WIDTH = 250
"""Width that messages are broken at."""
FAULT_LEFT = 26
TAG_INSET = 6
"""Room between the text of a tag and its ends."""
MIN_WIDTH = 140
NO_READER = "not read"
NO_MAKER = "no step makes it"


@dataclass(frozen=True)
class Text:
    """A line of text in a box.

    Attributes:
        text: What it says.
        role: What it is, which is what its font says.
        x: Where it is anchored.
        y: Its baseline.
        anchor: Which part of it stands at `x`.
    """

    text: str
    role: Role
    x: float
    y: float
    anchor: Literal["start", "middle", "end"] = "start"

    @property
    def span(self) -> tuple[float, float]:
        """Left and right end of the room that it takes."""
        width = FACES[self.role].width(self.text)
        left = self.x - width * {"start": 0, "middle": 0.5, "end": 1}[self.anchor]
        return left, left + width


@dataclass(frozen=True)
class Port:
    """The place at a step's upper edge where the keys of a parameter arrive.

    Attributes:
        parameter: Its name, empty where the step does not name it.
        arrival: The key's name, where its label stands too far above to be seen at a glance.
    """

    parameter: str
    arrival: str = ""

    @property
    def width(self) -> float:
        """Room that its texts take."""
        return max(FACES["port"].width(self.parameter), FACES["arrival"].width(self.arrival)) + 14


@dataclass
class Box:
    """A rectangle with texts.

    Attributes:
        width: A whole number, as the layout engine wants it.
        height: Likewise.
        texts: What it says.
        ports: From left to right, a cell of equal width each, at the upper edge.
        top: Height at which the ports end.
        body: Height at which the faults begin; the height of the box where it has none.
    """

    width: int
    height: int
    texts: list[Text] = field(default_factory=list)
    ports: Sequence[Port] = ()
    top: int = 0
    body: int = 0

    def port_index(self, parameter: str) -> int:
        """Return the position of a parameter among the ports."""
        return [port.parameter for port in self.ports].index(parameter)

    def port_x(self, parameter: str) -> float:
        """Return the middle of a parameter's cell."""
        return (self.port_index(parameter) + 0.5) * self.width / len(self.ports)


def step_box(node: Node, ports: Sequence[Port]) -> Box:
    """Return the box of a step: parameters, icon, name, target, number of weights, faults."""
    details = [text for text in (target_name(node), size(node)) if text]
    faults = [line for fault in node.faults for line in FACES["fault"].wrap(fault, FAULT_WIDTH)]
    width = _step_width(node, details, faults, ports)
    top = 0 if not ports else 29 if any(port.arrival for port in ports) else 17
    body = top + max(2 * PADDING + NAME + LINE * len(details), 2 * PADDING + ICON)
    box = Box(width, body + (LINE * len(faults) + 12 if faults else 0), ports=ports, top=top, body=body)
    for port in ports:
        box.texts += _port_texts(port, box.port_x(port.parameter), top)
    baseline = top + (body - top - NAME - LINE * len(details)) / 2 + 13
    box.texts.append(Text(node.label, "name", LEFT, baseline))
    box.texts += [Text(text, "detail", LEFT, baseline + 2 + LINE * i) for i, text in enumerate(details, 1)]
    box.texts += [Text(line, "fault", FAULT_LEFT, body + 3 + LINE * i) for i, line in enumerate(faults, 1)]
    if tag := stage_tag(node):
        middle = width - PADDING - TAG_INSET - FACES["tag"].width(tag) / 2
        box.texts.append(Text(tag, "tag", middle, baseline - 0.5, "middle"))
    return box


def _port_texts(port: Port, x: float, top: int) -> list[Text]:
    lines: list[tuple[str, Role]] = [(port.arrival, "arrival")] if port.arrival else []
    lines += [(port.parameter, "port")] if port.parameter not in ("", port.arrival) else []
    first = top / 2 + 3.5 - 5.5 * (len(lines) - 1)
    return [Text(text, role, x, first + 11 * i, "middle") for i, (text, role) in enumerate(lines)]


def _step_width(node: Node, details: list[str], faults: list[str], ports: Sequence[Port]) -> int:
    tag = stage_tag(node)
    head = LEFT + FACES["name"].width(node.label) + (FACES["tag"].width(tag) + 2 * TAG_INSET + PADDING if tag else 0)
    rows = [head + PADDING, *(LEFT + FACES["detail"].width(text) + PADDING for text in details)]
    rows += [FAULT_LEFT + FACES["fault"].width(line) + PADDING for line in faults]
    rows.append(len(ports) * max((port.width for port in ports), default=0))
    return round(max([MIN_WIDTH, *rows]) + 0.5)


def key_box(key: Key) -> Box:
    """Return the label of a key: its name, type and shape, and what is odd about it."""
    lines: list[tuple[str, Role]] = [(key.name, "key")]
    lines += [(str(key.value), "value")] if key.value else []
    lines += [(NO_MAKER, "note")] if key.source is None else []
    lines += [(NO_READER, "note")] if not key.readers else []
    width = round(max(FACES[role].width(text) for text, role in lines) + 2 * PADDING + 0.5)
    height = 10 + 13 * len(lines)
    texts = [Text(text, role, width / 2, 3 + 13 * i, "middle") for i, (text, role) in enumerate(lines, 1)]
    return Box(width, height, texts, body=height)
