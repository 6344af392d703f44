"""Which keys travel, from which step to which?"""

from __future__ import annotations

from wiring.drawing.sample_graphs import example, faulty

from ml_core.wiring.drawing.keys import Key, Reader, travelling_keys
from ml_core.wiring.graph import Edge, Graph, Node, Tensor


def test_readers_of_what_one_step_made_share_an_entry():
    keys = {(key.source, key.name): key for key in travelling_keys(example())}
    readers = keys["data", "label"].readers
    assert [(reader.path.split(".")[-1], reader.parameter) for reader in readers] == [
        ("ce", "target"),
        ("accuracy", "target"),
    ]


def test_a_key_that_is_made_anew_is_another_entry():
    makers = [key.source for key in travelling_keys(example()) if key.name == "image"]
    assert makers == ["data", "data.transform.to_tensor", "data.transform.normalize"]


def test_a_key_that_nobody_makes_stands_before_its_first_reader():
    names = [key.name for key in travelling_keys(faulty())]
    assert names.index("output") < names.index("lable") < names.index("ce")


def test_the_value_is_taken_from_whichever_edge_knows_it():
    nodes = [Node(path, "transform", path) for path in "abc"]
    edges = [Edge("a", "b", "x", "y"), Edge("a", "c", "x", "y", Tensor((2,), "int64")), Edge("a", "b", "x", "y")]
    assert travelling_keys(Graph(nodes, edges)) == [
        Key("x", "a", Tensor((2,), "int64"), [Reader("b", "y"), Reader("c", "y")])
    ]
