"""How is the wiring written in Mermaid, which GitHub and many wikis draw?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from ml_core.wiring.drawing.boxes import NO_MAKER, NO_READER
from ml_core.wiring.drawing.keys import Key, travelling_keys
from ml_core.wiring.drawing.palette import LIGHT
from ml_core.wiring.drawing.words import is_inference_only, is_train_only, region, size, stage_tag, target_name
from ml_core.wiring.graph import Graph, Node, NodeKind

SHAPES: dict[NodeKind, tuple[str, str]] = {
    "data": ("[(", ")]"),
    "network": ("[[", "]]"),
    "ai": ("{{", "}}"),
    "criterion": ("[", "]"),
    "metric": ("([", "])"),
}
"""Brackets that give a kind its shape; `(` and `)` for the others."""

ENTITIES = str.maketrans({character: f"#{ord(character)};" for character in '#&<>"`\\'})
"""What a reader of Mermaid, Markdown or HTML would take for more than text."""


def to_mermaid(graph: Graph) -> str:
    """Return a flowchart, to be put between ```` ```mermaid ```` and ```` ``` ````."""
    keys = travelling_keys(graph)
    ids = {node.path: f"n{index}" for index, node in enumerate(graph.nodes)}
    lines = ["flowchart TD"]
    order = list(dict.fromkeys(map(region, graph.nodes)))
    for home, nodes in groupby(sorted(graph.nodes, key=lambda node: order.index(region(node))), key=region):
        lines += [f"    subgraph region_{home}[{home}]"]
        lines += [f"        {ids[node.path]}{_box(node)}" for node in nodes] + ["    end"]
    links = [link for index, key in enumerate(keys) for link in _links(index, key, ids)]
    lines += [f"    {link}" for link, _ in links]
    wrong = [str(index) for index, (_, is_wrong) in enumerate(links) if is_wrong]
    lines += [f"    linkStyle {','.join(wrong)} stroke:{LIGHT.fault}"] if wrong else []
    return "\n".join([*lines, *(f"    {line}" for line in _classes(graph, keys))]) + "\n"


def _box(node: Node) -> str:
    opening, closing = SHAPES.get(node.kind, ("(", ")"))
    details = filter(None, [target_name(node), size(node), stage_tag(node)])
    lines = [f"<b>{_text(node.label)}</b>", *map(_text, details), *(f"\u2715 {_text(fault)}" for fault in node.faults)]
    return f'{opening}"{"<br/>".join(lines)}"{closing}:::{_look(node)}'


def _look(node: Node) -> str:
    if node.faults:
        return "fault"
    stage = "_train" if is_train_only(node) else "_inference" if is_inference_only(node) else ""
    return f"{node.kind}{stage}"


def _links(index: int, key: Key, ids: dict[str, str]) -> Iterator[tuple[str, bool]]:
    """Yield the lines of a key, and whether they show a fault."""
    words = "<br/>".join(map(_text, filter(None, [key.name, str(key.value or "")])))
    if key.source is None:
        for reader in key.readers:
            yield f'k{index}(["{words}<br/>{NO_MAKER}"]):::fault --> {ids[reader.path]}', True
        return
    for step in dict.fromkeys(ids[reader.path] for reader in key.readers):
        yield f'{ids[key.source]} -- "{words}" --> {step}', False
    if not key.readers:
        yield f'{ids[key.source]} -. "{words}" .-> k{index}(["{NO_READER}"]):::unread', False


def _classes(graph: Graph, keys: Sequence[Key]) -> Iterator[str]:
    ground = f"fill:{LIGHT.surface},color:{LIGHT.text},stroke-width:2px"
    if graph.nodes:
        yield f"classDef region fill:{LIGHT.region},stroke:{LIGHT.edge},color:{LIGHT.muted}"
        yield f"class {','.join(dict.fromkeys(f'region_{region(node)}' for node in graph.nodes))} region"
    for look in dict.fromkeys(map(_look, graph.nodes)):
        kind, _, stage = look.partition("_")
        if look != "fault":
            dashes = {"train": ",stroke-dasharray:6 4", "inference": ",stroke-dasharray:2 3"}.get(stage, "")
            yield f"classDef {look} {ground},stroke:{LIGHT.kinds[kind]}{dashes}"  # type: ignore[index]
    if any(node.faults for node in graph.nodes) or any(key.source is None for key in keys):
        yield f"classDef fault fill:{LIGHT.fault_ground},stroke:{LIGHT.fault},color:{LIGHT.fault},stroke-width:2px"
    if not all(key.readers for key in keys):
        yield f"classDef unread fill:{LIGHT.key},stroke:{LIGHT.line},color:{LIGHT.muted},stroke-dasharray:3 3"


def _text(text: str) -> str:
    return " ".join(text.translate(ENTITIES).split())
