"""In which column does each item of a row stand? Graphviz answers, in-process, out of the `pygraphviz` wheel.

It gets rows as they are, with a bend in each row that a line passes, so it has nothing to do but to order each row
with few crossings and to put things below each other. Boxes are empty tables of fixed size: no font is asked for, and
the answer is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from ml_core.wiring.drawing.plan import Item, Plan, Way

STYLE = 'newrank=true; splines=false; nodesep=0.125; ranksep=0.1; node [shape=plain label=""]; edge [tailport=s];'
MANY = 600
LIMITS = "nslimit=0.5; mclimit=0.1;"
"""What keeps Graphviz's search short where there are more items than that."""
WEIGHTS = (6, 2, 30)
"""Of a stretch between two boxes, between a box and a bend, between two bends: long lines had better be straight."""
MARGIN = 17
"""Room that a segment keeps from those beside it."""


def place_columns(plan: Plan) -> dict[str, float]:
    """Return the middle of each item."""
    import pygraphviz

    graph = pygraphviz.AGraph(string=_dot(plan))
    graph.layout(prog="dot")
    return {id: float(graph.get_node(id).attr["pos"].partition(",")[0]) for id in plan.items}


def _dot(plan: Plan) -> str:
    """Write the plan in Graphviz's language; one cluster around all keeps the drawing narrow."""
    lines = [f"digraph {{ {STYLE} {LIMITS if len(plan.items) > MANY else ''}", "subgraph cluster_all { margin=0; root;"]
    lines += [f'"{item.id}" [label={_table(item)}];' for item in plan.items.values()]
    for segment in (segment for band in plan.bands if len(band) > 1 for segment in band):
        members = " ".join(f'"{item.id}";' for item in plan.items.values() if item.home is segment)
        lines.append(f"subgraph cluster_{segment.index} {{ margin={MARGIN}; {members} }}")
    lines += ["}", *dict.fromkeys(edge for way in plan.ways for edge in _edges(way, plan))]
    held = {head for way in plan.ways for _, head in plan.stretches(way)}
    lines += [
        f'root -> "{item.id}" [minlen={item.row + 1} weight=0];' for item in plan.items.values() if item.id not in held
    ]
    lines += [f"{{ rank=same; {ids} }}" for ids in _rows_with_loose_items(plan, held)]
    return "\n".join([*lines, "}"])


def _rows_with_loose_items(plan: Plan, held: set[str]) -> Iterator[str]:
    """Yield the items of each row in which one hangs on no line: nothing else would keep it in that row."""
    rows: dict[int, list[str]] = {}
    for item in plan.items.values():
        rows.setdefault(item.row, []).append(item.id)
    for ids in rows.values():
        if len(ids) > 1 and not held.issuperset(ids):
            yield " ".join(f'"{id}";' for id in ids)


def _edges(way: Way, plan: Plan) -> Iterator[str]:
    for tail, head in plan.stretches(way):
        is_end = way.parameter is not None and head == way.step
        port = plan.items[head].box.port_index(str(way.parameter)) if is_end else 0
        num_bends = (plan.items[tail].of is None) + (plan.items[head].of is None)
        yield f'"{tail}" -> "{head}":p{port}:n [weight={WEIGHTS[num_bends]}];'


def _table(item: Item) -> str:
    """Return an empty table with a cell for each port; cell widths are whole and add up."""
    columns = len(item.box.ports) or 1
    edges = [round(item.breadth * index / columns) for index in range(columns + 1)]
    cells = "".join(
        f'<td port="p{index}" fixedsize="true" width="{right - left}" height="10"></td>'
        for index, (left, right) in enumerate(pairwise(edges))
    )
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>{cells}</tr></table>>'
