"""How is the wiring written in Mermaid? Mermaid 11.17 was seen to draw every sample."""

from __future__ import annotations

import re

import pytest
from wiring.drawing.sample_graphs import SAMPLES, example, faulty, multi_task

from ml_core.wiring.drawing.mermaid import to_mermaid

TEXT = r'"[^"<>&`\\]*(?:<(?:br/|b|/b)>[^"<>&`\\]*)*"'
BOX = r"\[\(T\)\]|\[\[T\]\]|\{\{T\}\}|\(\[T\]\)|\[T\]|\(T\)".replace("T", TEXT)
LINES = [
    r"flowchart TD",
    r"    subgraph region_\w+\[\w+\]",
    rf"        n\d+({BOX}):::\w+",
    r"    end",
    rf"    n\d+ -- {TEXT} --> n\d+",
    rf"    n\d+ -\. {TEXT} \.-> k\d+({BOX}):::unread",
    rf"    k\d+({BOX}):::fault --> n\d+",
    r"    linkStyle \d+(,\d+)* stroke:#\w{6}",
    r"    classDef \w+ [\w:#, -]+",
    r"    class region_\w+(,region_\w+)* region",
]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_line_is_of_a_known_form(name: str):
    for line in to_mermaid(SAMPLES[name]()).splitlines():
        assert any(re.fullmatch(form, line) for form in LINES), line


def test_a_step_has_its_name_target_size_and_kind():
    assert 'n3[["<b>network</b><br/>SimpleDenseNet<br/>335,114 parameters"]]:::network' in to_mermaid(example())


def test_a_key_goes_to_each_of_its_readers():
    chart = to_mermaid(example())
    assert 'n0 -- "label<br/>int64 [64]" --> n5' in chart
    assert 'n0 -- "label<br/>int64 [64]" --> n7' in chart


def test_faults_are_red_where_they_are():
    chart = to_mermaid(faulty())
    assert '✕ MyNet.fc1 (Linear 783 -#62; 64) cannot take x: float32 [64, 784]."]]:::fault' in chart
    arrows = [line for line in chart.splitlines() if "->" in line]
    (wrong,) = re.findall(r"linkStyle (\d+) stroke", chart)
    assert arrows[int(wrong)].strip() == 'k7(["lable<br/>no step makes it"]):::fault --> n6'


def test_stages_are_told_apart():
    chart = to_mermaid(multi_task())
    assert re.search(r"<b>mask</b>.*train only.*:::transform_train", chart)
    assert re.search(r"classDef transform_train .*stroke-dasharray", chart)
    assert re.search(r"<b>summarise</b>.*inference only.*:::network_inference", chart)


def test_hostile_text_is_escaped():
    chart = to_mermaid(SAMPLES["hostile"]())
    assert "<script" not in chart
    assert "#60;/script#62;#60;script#62;alert('1')" in chart
    assert "#96;b#96; #35;35; end"[:18] in chart
