"""Which nodes hold values for something that is not there?

An experiment that misspells a node's name makes a new one beside it, without a `_target_`, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig

from ml_core.errors import ConfigError, listed, nearest
from ml_core.wiring.nodes import written

STEPS = "ml_core.transforms.base.ComposeTransform"
NAMED_PARTS = {
    "ml_core.models.utils.CriterionsComposition": "criterions",
    "ml_core.models.utils.MetricsComposition": "metrics",
}
"""Targets one of whose arguments is a mapping of nodes."""


def fragment_mistakes(cfg: DictConfig) -> Iterator[ConfigError]:
    """Yield the nodes that have values but no `_target_`, where only nodes with one can stand."""
    for section in ("callbacks", "logger"):
        node = written(cfg, section)
        if isinstance(node, DictConfig):
            yield from _of_entries(node, section, is_strict=False)
    yield from _below(cfg, "")


def _below(node: Any, path: str) -> Iterator[ConfigError]:
    for key, child in _children(node):
        place = f"{path}.{key}" if path else key
        target = str(child._get_node("_target_")._value()) if "_target_" in child else ""  # type: ignore[union-attr]
        if target == STEPS:
            yield from _of_entries(child, place, is_strict=True)
        parts = child._get_node(NAMED_PARTS[target]) if target in NAMED_PARTS else None
        if isinstance(parts, DictConfig) and not _is_opaque(parts) and "_target_" not in parts:
            yield from _of_entries(parts, f"{place}.{NAMED_PARTS[target]}", is_strict=True)
        yield from _below(child, place)


def _of_entries(node: DictConfig, path: str, is_strict: bool) -> Iterator[ConfigError]:
    """Yield entries without a target.

    A preset may switch callbacks off for which an experiment has values, so there (`is_strict` false) only an entry
    counts whose name is nearly that of one that is there.
    """
    entries = dict(_children(node))
    there = [key for key, child in entries.items() if "_target_" in child]
    for key, child in entries.items():
        hint = nearest(key, there)
        if "_target_" not in child and (hint if not is_strict else True):
            misspelt = next((name for name in map(str, child) if nearest(name, ["_target_"])), None)
            hint = f" It has '{misspelt}': did you mean '_target_'?" if misspelt else hint
            yield ConfigError(
                f"{path}.{key}",
                f"has no `_target_`, so its values reach nothing.{hint}",
                f"There are: {listed(there)}.",
            )


def _children(node: Any) -> Iterator[tuple[str, DictConfig]]:
    """Yield the mappings below a node that are written out there."""
    if isinstance(node, DictConfig) and not _is_opaque(node):
        for key in node:
            child = node._get_node(key)
            if isinstance(child, DictConfig) and not _is_opaque(child):
                yield str(key), child


def _is_opaque(node: DictConfig) -> bool:
    return node._is_none() or node._is_interpolation() or node._is_missing()
