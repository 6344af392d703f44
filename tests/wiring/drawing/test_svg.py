"""How does the wiring look as a picture?"""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from wiring.drawing.sample_graphs import HOSTILE, SAMPLES, example, faulty, multi_task, wide

from ml_core.wiring.drawing.keys import travelling_keys
from ml_core.wiring.drawing.svg import to_svg
from ml_core.wiring.graph import Edge, Graph, Node

PRINTABLE = HOSTILE.replace("\x08", "\ufffd")


def svg_of(graph: Graph) -> ET.Element:
    return ET.fromstring(to_svg(graph).replace('xmlns="http://www.w3.org/2000/svg"', "", 1))


def texts(element: ET.Element, role: str) -> list[str | None]:
    return [text.text for text in element.iterfind(f".//text[@class='role-{role}']")]


def group(element: ET.Element, path: str) -> ET.Element:
    (found,) = element.iterfind(f".//g[@data-path='{path}']")
    return found


@pytest.mark.parametrize("name", SAMPLES)
def test_every_step_and_key_is_drawn_once(name: str):
    graph = SAMPLES[name]()
    svg = svg_of(graph)
    paths = [found.get("data-path", "") for found in svg.iterfind(".//g[@data-path]")]
    assert sorted(paths) == sorted(node.path.replace(HOSTILE, PRINTABLE) for node in graph.nodes)
    names = [found.get("data-key", "") for found in svg.iterfind(".//g[@data-key]")]
    assert sorted(names) == sorted(key.name.replace(HOSTILE, PRINTABLE) for key in travelling_keys(graph))
    ids = [found.get("id") for found in svg.iter() if found.get("id")]
    assert len(ids) == len(set(ids)) == len(paths) + len(names)


def test_a_step_says_what_it_is():
    network = group(svg_of(example()), "model.forward_fn.network")
    assert texts(network, "name") == ["network"]
    assert texts(network, "detail") == ["SimpleDenseNet", "335,114 parameters"]
    assert texts(network, "port") == ["x"]
    assert network.get("class") == "step network"


def test_a_key_says_its_type_and_shape():
    (output,) = svg_of(example()).iterfind(".//g[@data-key='output']")
    assert texts(output, "value") == ["float32 [64, 10]"]


def test_a_fault_stands_in_its_step_and_an_unmade_key_above_it():
    svg = svg_of(faulty())
    loss = group(svg, "model.criterions.ce")
    assert "fault" in loss.get("class", "").split()
    assert " ".join(map(str, texts(loss, "fault"))).startswith("reads 'lable', which no step makes.")
    (key,) = svg.iterfind(".//g[@data-key='lable']")
    assert key.get("class") == "key unmade"
    assert len(svg.findall(".//path[@class='tip unmade']")) == 1
    assert all("fault" not in found.get("class", "") for found in svg_of(example()).iter())


def test_a_key_that_nobody_reads_ends_at_its_label():
    svg = svg_of(faulty())
    (key,) = svg.iterfind(".//g[@data-key='cropped']")
    assert key.get("class") == "key unread"
    assert len(svg.findall(f".//path[@data-of='{key.get('id')}']")) == 1


def test_parts_of_training_and_of_inference_are_told_apart():
    svg = svg_of(multi_task())
    assert group(svg, "data.augment.mask").get("class") == "step transform train-only"
    assert texts(group(svg, "data.augment.mask"), "tag") == ["train only"]
    assert group(svg, "model.inference_fn.summarise").get("class") == "step network inference-only"
    assert group(svg, "data.transform.explain").get("class") == "step ai"


def test_the_legend_tells_what_is_there_and_no_more():
    assert texts(svg_of(example()), "legend") == [
        "data set",
        "transform",
        "network",
        "criterion",
        "metric",
        "batch key, its type and shape",
    ]
    assert {"AI transform", "runs in training only", "key that no step reads"} <= set(
        texts(svg_of(multi_task()), "legend")
    )
    assert texts(svg_of(Graph()), "legend") == []


def test_hostile_text_stays_text():
    picture = to_svg(SAMPLES["hostile"]())
    assert "<script" not in picture
    svg = ET.fromstring(picture)
    assert {found.tag.partition("}")[2] for found in svg.iter()} == {
        "svg",
        "title",
        "style",
        "g",
        "rect",
        "path",
        "text",
    }
    assert PRINTABLE in [found.text for found in svg.iter() if found.text]


def test_it_loads_nothing():
    picture = to_svg(multi_task())
    assert "href" not in picture
    assert "url(" not in picture
    assert "@import" not in picture


def test_the_same_graph_gives_the_same_file():
    assert to_svg(multi_task()) == to_svg(multi_task())


def test_two_sources_of_a_parameter_end_in_one_port():
    """As with a key that an augmentation makes in training and a transform at other times."""
    nodes = [
        Node("data", "data", "data"),
        Node("data.augment", "transform", "augment"),
        Node("model.net", "network", "net"),
    ]
    edges = [
        Edge("data", "data.augment", "x", "x"),
        Edge("data.augment", "model.net", "x", "x"),
        Edge("data", "model.net", "x", "x"),
    ]
    svg = svg_of(Graph(nodes, edges))
    assert texts(group(svg, "model.net"), "arrival") + texts(group(svg, "model.net"), "port") == ["x"]


@pytest.mark.slow
def test_two_hundred_steps_are_drawn():
    svg = svg_of(wide(66))
    assert len(svg.findall(".//g[@data-path]")) == 200
