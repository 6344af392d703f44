"""How does the wiring look in a terminal?"""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from wiring.drawing.sample_graphs import SAMPLES, example, faulty, multi_task

from ml_core.wiring.drawing.table import print_tables
from ml_core.wiring.graph import Graph


def printed(graph: Graph, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_tables(graph, console)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())  # type: ignore[attr-defined]


def test_the_example():
    assert (
        printed(example()).strip()
        == """
Keys

 key          made by      read by                        shape             dtype
 ──────────────────────────────────────────────────────────────────────────────────
 image        mnist_mini   to_tensor                      [64, 28, 28]      uint8
 label        mnist_mini   ce(target), accuracy(target)   [64]              int64
 image        to_tensor    normalize                      [64, 1, 28, 28]   float32
 image        normalize    network(x)                     [64, 1, 28, 28]   float32
 output       network      argmax(input), ce(input)       [64, 10]          float32
 prediction   argmax       accuracy(preds)                [64]              int64
 ce           ce           total(1.0)                                       float32

Modules with parameters

 module                     target           kind      parameters   stages
 ─────────────────────────────────────────────────────────────────────────
 model.forward_fn.network   SimpleDenseNet   network      335,114   all

Optimizer groups

 weights   parameters   lr      betas          weight_decay
 ──────────────────────────────────────────────────────────
 all          335,114   0.002   (0.9, 0.999)   0
""".strip()
    )


def test_keys_without_a_maker_or_a_reader_say_so():
    lines = printed(faulty()).splitlines()
    assert any(line.split() == ["lable", "no", "step", "makes", "it", "ce(target)"] for line in lines)
    assert any("cropped" in line and "not read" in line for line in lines)


def test_a_label_that_two_steps_share_gives_way_to_the_path():
    graph = multi_task()
    graph.node("model.forward_fn.topic").label = "topic"
    assert "model.criterions.criterions.topic(input)" in printed(graph, width=200)


@pytest.mark.parametrize("name", SAMPLES)
def test_narrow_terminals_lose_no_text(name: str):
    graph = SAMPLES[name]()
    narrow, wide = (sorted(printed(graph, width).replace("─", "")) for width in (60, 400))
    assert [c for c in narrow if not c.isspace()] == [c for c in wide if not c.isspace()]


def test_square_brackets_are_not_taken_for_markup():
    assert "[red]" in printed(SAMPLES["hostile"](), width=400)


def test_an_empty_graph_prints_nothing():
    assert printed(Graph()) == ""
