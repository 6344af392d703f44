"""Which arguments of a node were written for another `_target_`?

Hydra merges key by key, so a file that changes the `_target_` of a node leaves the arguments of the old target
behind. Here such a node gets a list of them, `_inherited_`. When it is built, those that the new target takes are
kept and the others dropped (`utils/instantiators.py`), which is known only then: composition imports no library.
Positional arguments of the old target are dropped at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict

INHERITED = "_inherited_"


class Retargeting:
    """Watches the files of one composition in the order in which they are merged."""

    def __init__(self) -> None:
        self._targets: dict[str, str] = {}
        self._arguments: dict[str, set[str]] = {}
        self._inherited: dict[str, list[str]] = {}
        self._positional: set[str] = set()

    def watch(self, config: DictConfig) -> None:
        """Note the targets and arguments of a file, and mark its nodes that change a target."""
        for path, node in _nodes(config):
            given = {str(key) for key in node if not str(key).startswith("_")}
            target = _target(node)
            if target is not None and target != self._targets.setdefault(path, target):
                self._inherited[path] = sorted(self._arguments.get(path, set()))
                self._targets[path] = target
                if path in self._positional and "_args_" not in node:
                    _drop_positional(node)
            if "_args_" in node:
                self._positional.add(path)
            if path in self._inherited:
                self._inherited[path] = [key for key in self._inherited[path] if key not in given]
                _mark(node, self._inherited[path])
            self._arguments.setdefault(path, set()).update(given)


def mark_overrides(overrides: list[Override], cfg: DictConfig) -> None:
    """Mark the nodes of a composed configuration whose target the command line changes; before it is applied."""
    for override in overrides:
        value = None if override.is_delete() else override.value()
        path, _, last = override.key_or_group.lstrip("+").rpartition(".")
        if isinstance(value, dict) and "_target_" in value:
            path, target, given = f"{path}.{last}" if path else last, value["_target_"], {str(key) for key in value}
        elif last == "_target_" and value is not None:
            target, given = value, set()
        else:
            continue
        given |= {o.key_or_group.lstrip("+").removeprefix(f"{path}.").split(".")[0] for o in overrides}
        node = OmegaConf.select(cfg, path, throw_on_missing=False)
        if isinstance(node, DictConfig) and _target(node) not in (None, str(target)):
            _mark(node, sorted(str(k) for k in node if not str(k).startswith("_") and k not in given))
            if "_args_" in node and "_args_" not in given:
                _drop_positional(node)


def _mark(node: DictConfig, keys: list[str]) -> None:
    with open_dict(node):
        node[INHERITED] = keys


def _drop_positional(node: DictConfig) -> None:
    """Positional arguments mean nothing to another target; an empty list takes their place when files are merged."""
    with open_dict(node):
        node["_args_"] = []


def _target(node: DictConfig) -> str | None:
    raw = node._get_node("_target_")
    return None if raw is None else str(raw._value())


def _nodes(node: Any, path: str = "") -> Iterator[tuple[str, DictConfig]]:
    """Yield every mapping of a configuration with its path, Hydra's own left out; nothing is resolved."""
    if not isinstance(node, DictConfig) or node._is_none() or node._is_interpolation() or node._is_missing():
        return
    if path:
        yield path, node
    for key in list(node):
        if path or key != "hydra":
            yield from _nodes(node._get_node(key), f"{path}.{key!s}" if path else str(key))
