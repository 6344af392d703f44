"""In which row does each step and each key stand?"""

from __future__ import annotations

import pytest
from wiring.drawing.sample_graphs import SAMPLES, example, faulty, multi_task, wide

from ml_core.wiring.drawing.keys import travelling_keys
from ml_core.wiring.drawing.rows import PAGE, Rows, assign_rows
from ml_core.wiring.graph import Graph, Node


def rows_of(graph: Graph) -> Rows:
    return assign_rows(graph, travelling_keys(graph))


def bands_of(graph: Graph) -> list[list[str]]:
    return [[segment.name for segment in band] for band in rows_of(graph).bands]


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "circular"])
def test_keys_stand_below_their_maker_and_above_their_readers(name: str):
    graph = SAMPLES[name]()
    rows = rows_of(graph)
    for index, key in enumerate(travelling_keys(graph)):
        assert key.source is None or rows.steps[key.source] < rows.keys[index]
        assert all(rows.keys[index] < rows.steps[reader.path] for reader in key.readers)


@pytest.mark.parametrize("name", SAMPLES)
def test_no_row_is_empty(name: str):
    rows = rows_of(SAMPLES[name]())
    used = {*rows.steps.values(), *rows.keys.values()}
    assert used == set(range(len(used)))


def test_bands_follow_the_flow_and_share_rows_where_there_is_room():
    assert bands_of(example()) == [["data"], ["model"], ["criterions", "metrics"]]
    assert bands_of(multi_task()) == [
        ["data"],
        ["model"],
        ["criterions"],
        ["metrics"],
        ["optimizer", "callbacks", "loggers"],
    ]


def test_an_unmade_key_stands_right_above_its_reader():
    graph = faulty()
    rows = rows_of(graph)
    index = next(index for index, key in enumerate(travelling_keys(graph)) if key.source is None)
    assert rows.keys[index] == rows.steps["model.criterions.ce"] - 1


def test_a_wide_level_goes_on_in_further_rows_of_about_equal_width():
    rows = rows_of(wide(12))
    heads = [rows.steps[f"model.forward_fn.h{index}"] for index in range(12)]
    counts = [heads.count(row) for row in sorted(set(heads))]
    assert sum(counts) == 12
    assert max(counts) - min(counts) <= 1
    assert max(counts) * 160 <= PAGE


def test_the_order_of_the_nodes_does_not_turn_lines_round():
    graph = example()
    turned = Graph(graph.nodes[::-1], graph.edges)
    rows = rows_of(turned)
    flow = [rows.steps[node.path] for node in graph.nodes[:6]]
    assert flow == sorted(flow)


def test_steps_in_a_circle_stand_in_the_order_of_the_flow():
    rows = rows_of(SAMPLES["circular"]())
    assert rows.steps["model.forward_fn.first"] < rows.steps["model.forward_fn.second"]


def test_a_part_that_is_come_back_to_has_a_band_of_its_own():
    """As with two optimizers, where the second forward step reads what the first loss made."""
    graph = example()
    again = Node("model.updates.generator", "network", "generator")
    edge = type(graph.edges[0])("model.criterions", again.path, "total", "x")
    assert bands_of(Graph([*graph.nodes, again], [*graph.edges, edge]))[-1] == ["model"]
