"""The wiring as data."""

from __future__ import annotations

from ml_core.wiring.graph import Edge, Graph, Node, Tensor


def test_callbacks_and_loggers_that_take_no_part_are_left_out_of_pictures():
    nodes = [
        Node("data", "data", "data"),
        Node("callbacks.a", "callback", "a"),
        Node("callbacks.b", "callback", "b"),
        Node("callbacks.wrong", "callback", "wrong", faults=["looks at nothing."]),
        Node("callbacks.idle", "callback", "idle"),
        Node("logger.csv", "logger", "csv"),
    ]
    graph = Graph(nodes, [Edge("callbacks.a", "callbacks.b", "val/best", "monitor")])
    kept = graph.without_idle()
    assert [node.label for node in kept.nodes] == ["data", "a", "b", "wrong"]
    assert kept.edges == graph.edges
    assert len(graph.nodes) == 6


def test_a_value_is_told_by_its_type_and_shape():
    assert str(Tensor((64, 1), "float32")) == "float32 [64, 1]"
    assert str(Tensor(None, "PIL.Image")) == "PIL.Image"
