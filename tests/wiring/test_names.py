"""Level 1 looks at any configuration without failing itself; what it says stands in `yaml_mistakes`."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from omegaconf import DictConfig, ListConfig, OmegaConf
from setting import Compose

from ml_core.wiring.check import resolver
from ml_core.wiring.findings import Findings
from ml_core.wiring.names import check_names

VALUES: list[Any] = [None, "???", "text", "${nothing}", "${params}", "${model.forward_fn}", 3, [], ["x"], {}, {"a": 1}]


def places(node: DictConfig | ListConfig, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where every value below a node stands."""
    for key in node if isinstance(node, DictConfig) else range(len(node)):
        yield (*path, key)
        child = node._get_node(key)
        if OmegaConf.is_config(child) and not child._is_none() and not child._is_interpolation():
            yield from places(child, (*path, key))


def changed(cfg: DictConfig, place: tuple[Any, ...], value: Any) -> DictConfig:
    cfg = copy.deepcopy(cfg)
    OmegaConf.set_struct(cfg, False)
    node = cfg
    for key in place[:-1]:
        node = node._get_node(key)
    node[place[-1]] = value
    return cfg


def errors_in(cfg: DictConfig) -> list[str]:
    findings = Findings()
    check_names(cfg, resolver(), findings)
    return list(map(str, findings.errors))


@pytest.mark.slow
@pytest.mark.parametrize("value", VALUES, ids=str)
def test_no_value_at_any_place_makes_the_check_itself_fail(value: Any, compose_config: Compose):
    cfg = compose_config("experiment=example")
    found = {place: errors_in(changed(cfg, place, value)) for place in places(cfg) if place[0] != "paths"}
    assert len(found) > 100
    if value == "${nothing}":
        silent = [".".join(map(str, place)) for place, errors in found.items() if not errors]
        assert [path for path in silent if not path.startswith(("tags.", "extras."))] == []
