"""Which lines can be made straight by shifting things a little?"""

from __future__ import annotations

import pytest
from wiring.drawing.sample_graphs import SAMPLES

from ml_core.wiring.drawing.columns import place_columns
from ml_core.wiring.drawing.plan import Plan, make_plan
from ml_core.wiring.drawing.straight import GAP, straighten


def num_jogs(plan: Plan, columns: dict[str, float]) -> int:
    stretches = {(tail, head, plan.offset(way, head)) for way in plan.ways for tail, head in plan.stretches(way)}
    return sum(abs(columns[tail] - columns[head] - offset) > 0.5 for tail, head, offset in stretches)


@pytest.mark.parametrize("name", ["example", "faulty", "multi_task", "wide"])
def test_lines_become_straighter_and_rows_keep_their_order_and_gaps(name: str):
    plan = make_plan(SAMPLES[name]())
    before = place_columns(plan)
    after = straighten(plan, before)
    assert num_jogs(plan, after) < num_jogs(plan, before)
    for one in plan.items.values():
        for other in plan.items.values():
            if one.row == other.row and before[one.id] < before[other.id]:
                assert after[other.id] - after[one.id] >= (one.breadth + other.breadth) / 2 + GAP - 0.1
