"""Are the nodes there that a run consists of, or is there only the name of an option in the place of one?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, ListConfig
from omegaconf.errors import OmegaConfBaseException

from ml_core.errors import ConfigError
from ml_core.value_types import shown

LIT_MODULE = "ml_core.models.base_module.BaseLitModule"
SECTIONS = ("data", "model", "trainer")
COLLECTIONS = ("callbacks", "logger")
PARTS = {"optimizer": "", "criterions": "", "scheduler": ", or null"}
"""Parts of our own model that have a config group each, with what else may stand in their place."""


def node_mistakes(cfg: DictConfig) -> Iterator[ConfigError]:
    """Yield the nodes that are missing, and the plain values that stand in the place of one."""
    for key in SECTIONS:
        yield from _of_node(cfg, key, key)
    for key in COLLECTIONS:
        yield from _of_collection(cfg, key)
    model = written(cfg, "model")
    if is_ours(model):
        for key, otherwise in PARTS.items():
            if key in model:  # or else it is a missing argument, which is told with the others
                yield from _of_node(model, key, f"model.{key}", otherwise)


def _of_collection(cfg: DictConfig, path: str) -> Iterator[ConfigError]:
    """Yield what is no node in a mapping or list of them; null switches an entry off."""
    node = written(cfg, path)
    if _is_plain(node):
        yield _not_a_node(path, node, "a mapping of nodes with `_target_`, or null")
    elif isinstance(node, DictConfig):
        yield from _of_entries({f"{path}.{key!s}": written(node, str(key)) for key in node})
    elif isinstance(node, ListConfig):
        yield from _of_entries({f"{path}[{index}]": written(node, index) for index in range(len(node))})


def _of_entries(entries: dict[str, Any]) -> Iterator[ConfigError]:
    for path, entry in entries.items():
        if _is_plain(entry) or isinstance(entry, ListConfig):
            wanted = "a node with a `_target_`, or null to switch it off"
            yield ConfigError(path, f"is {shown(entry)}, but must be {wanted}.")


def _of_node(parent: DictConfig, key: str, path: str, otherwise: str = "") -> Iterator[ConfigError]:
    node = written(parent, key)
    if node is None and not otherwise:
        verb = "is null, but" if key in parent else "is missing: it"
        yield ConfigError(path, f"{verb} must be a node with a `_target_`.", _how_to_choose(path))
    elif isinstance(node, DictConfig) and "_target_" not in node:
        yield ConfigError(path, "has no `_target_`, so nothing can be built of it.", _how_to_choose(path))
    elif _is_plain(node) or isinstance(node, ListConfig):
        yield _not_a_node(path, node, f"a node with a `_target_`{otherwise}")


def _is_plain(node: Any) -> bool:
    return isinstance(node, (str, int, float)) and not str(node).startswith("${")


def _not_a_node(path: str, given: Any, wanted: str) -> ConfigError:
    if isinstance(given, str) and (joined := re.fullmatch(r"([\w.]+):(\S.*)", given)):
        fix = f"A space is missing after the colon: {joined.group(1)}: {joined.group(2)}"
        return ConfigError(path, f"is {shown(given)}, but must be {wanted}.", fix)
    option = given if isinstance(given, str) else "<option>"
    return ConfigError(path, f"is {shown(given)}, but must be {wanted}.", _how_to_choose(path, option))


def _how_to_choose(path: str, option: str = "<option>") -> str:
    return f"Choose an option in the list `defaults`: - override /{path.replace('.', '/')}: {option}"


def is_ours(model: Any) -> bool:
    """Whether a node is that of our own LightningModule, whose parts are known."""
    return isinstance(model, DictConfig) and written(model, "_target_") == LIT_MODULE


def written(parent: DictConfig | ListConfig, key: str | int) -> Any:
    """Return a value as it is written, an interpolation as its text; None where there is none."""
    is_there = isinstance(parent, ListConfig) or key in parent
    node: Any = parent._get_node(key) if is_there else None  # type: ignore[arg-type]
    if isinstance(node, (DictConfig, ListConfig)) and not node._is_none() and not node._is_interpolation():
        return node
    return None if node is None else node._value()


def entries(cfg: DictConfig, section: str) -> Iterator[tuple[str, DictConfig]]:
    """Yield path and node of what a section holds, in a mapping or a list; null entries and plain values left out."""
    node = known(cfg, section)
    keys: Any = node if isinstance(node, DictConfig) else range(len(node)) if isinstance(node, ListConfig) else ()
    for key in keys:
        child = known(node, key)
        if isinstance(child, DictConfig):
            yield f"{section}.{key!s}" if isinstance(node, DictConfig) else f"{section}[{key}]", child


def known(parent: DictConfig | ListConfig, key: str | int) -> Any:
    """Return the value of a key, its interpolation resolved; None where it has none, which is told elsewhere."""
    try:
        return parent[key]  # type: ignore[index]
    except (OmegaConfBaseException, KeyError, IndexError, RecursionError):
        return None
