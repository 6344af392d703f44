"""What is said about a step beside its name?"""

from __future__ import annotations

import pytest

from ml_core.wiring.drawing.words import region, stage_tag
from ml_core.wiring.graph import ALL_STAGES, Node, NodeKind


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        ("data", "data", "data"),
        ("ai", "data.transform.label", "data"),
        ("transform", "data", "data"),
        ("transform", "model.forward_fn.argmax", "model"),
        ("network", "dataset_encoder", "model"),
        ("criterion", "model.criterions.criterions.ce", "criterions"),
        ("metric", "callbacks.metrics_callback.metrics.metrics.f1", "metrics"),
        ("logger", "logger.csv", "loggers"),
    ],
)
def test_region_goes_by_kind_and_else_by_path(kind: NodeKind, path: str, expected: str):
    assert region(Node(path, kind, "label")) == expected


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (ALL_STAGES, ""),
        (("train", "val", "test"), ""),
        (("train",), "train only"),
        (("predict", "test", "val"), "inference only"),
        (("test", "val"), "val, test"),
    ],
)
def test_stage_tag(stages: tuple, expected: str):
    assert stage_tag(Node("a", "transform", "a", stages=stages)) == expected
