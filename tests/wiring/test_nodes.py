"""Nodes that are missing, and plain values in the place of one."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from ml_core.wiring.nodes import node_mistakes

OURS = "_target_: ml_core.models.base_module.BaseLitModule"
NODE = "{_target_: x}"


def told(**sections: str) -> list[str]:
    given = {"data": NODE, "model": NODE, "trainer": NODE, **sections}
    cfg = OmegaConf.create("\n".join(f"{key}: {text}" for key, text in given.items()))
    return list(map(str, node_mistakes(cfg)))


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"callbacks": "null", "logger": "{}"},
        {"callbacks": "{a: {_target_: x}, b: null, c: {patience: 3}}", "logger": "[{_target_: x}]"},
        {"data": "${params.data}", "callbacks": "{a: '${params.a}'}"},
        {"model": "{_target_: mine.Module, optimizer: adam}"},
        {"model": f"{{{OURS}, optimizer: {NODE}, criterions: {NODE}, scheduler: null}}"},
    ],
    ids=str,
)
def test_nodes_that_are_there_are_left_alone(sections: dict[str, str]):
    assert told(**sections) == []


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (
            {"data": "null"},
            "data: is null, but must be a node with a `_target_`. "
            "Choose an option in the list `defaults`: - override /data: <option>",
        ),
        (
            {"data": "{batch_size: 3}"},
            "data: has no `_target_`, so nothing can be built of it. "
            "Choose an option in the list `defaults`: - override /data: <option>",
        ),
        (
            {"trainer": "cpu"},
            "trainer: is 'cpu' (text), but must be a node with a `_target_`. "
            "Choose an option in the list `defaults`: - override /trainer: cpu",
        ),
        (
            {"logger": "wandb"},
            "logger: is 'wandb' (text), but must be a mapping of nodes with `_target_`, or null. "
            "Choose an option in the list `defaults`: - override /logger: wandb",
        ),
        (
            {"callbacks": "{a: false}"},
            "callbacks.a: is false, but must be a node with a `_target_`, or null to switch it off.",
        ),
        (
            {"model": f"{{{OURS}, scheduler: constant}}"},
            "model.scheduler: is 'constant' (text), but must be a node with a `_target_`, or null. "
            "Choose an option in the list `defaults`: - override /model/scheduler: constant",
        ),
    ],
    ids=str,
)
def test_what_is_no_node_is_told_with_how_to_choose_one(sections: dict[str, str], message: str):
    assert told(**sections) == [message]


def test_a_section_that_is_not_there_is_missing():
    assert str(next(node_mistakes(OmegaConf.create({"model": {}})))).startswith("data: is missing: it must be a node")
