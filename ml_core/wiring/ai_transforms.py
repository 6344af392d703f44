"""Which transforms of an experiment does a language model write, and how far is each?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from ml_core.errors import UserError
from ml_core.generated_code.approval import place_of
from ml_core.generated_code.order import Order, order_of
from ml_core.transforms.ai_transform import AITransformWrapper
from ml_core.wiring.findings import Note

NOT_IN_ORDER = ("_target_", "_partial_", "_convert_", "_recursive_", "mapping", "force", "require_approval", "endpoint")


def ai_nodes(cfg: Any, path: str = "") -> Iterator[tuple[str, DictConfig]]:
    """Yield path and node of every AI transform in a configuration."""
    if isinstance(cfg, DictConfig) and not cfg._is_none() and not cfg._is_missing() and not cfg._is_interpolation():
        if str(cfg.get("_target_", "")).endswith(f".{AITransformWrapper.__name__}"):
            yield path, cfg
        for key in map(str, cfg):
            if not OmegaConf.is_interpolation(cfg, key) and not OmegaConf.is_missing(cfg, key):
                yield from ai_nodes(cfg[key], f"{path}.{key}" if path else key)
    elif isinstance(cfg, ListConfig) and not cfg._is_none() and not cfg._is_interpolation():
        for index, child in enumerate(cfg):
            yield from ai_nodes(child, f"{path}.{index}")


def order_at(path: str, node: DictConfig) -> Order:
    """Return what a node orders; the endpoint is left out, since it may need a key.

    Raises:
        ConfigError: If its prompt asks for no function.
    """
    arguments: Any = {str(key): node[key] for key in node if key not in NOT_IN_ORDER}
    plain: dict[str, Any] = {
        key: OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        for key, value in arguments.items()
    }
    try:
        return order_of(**plain)
    except UserError as error:
        error.within(path)
        raise


def order_of_run(path: str, node: DictConfig) -> Order:
    """Return what a node orders, with the endpoint that it names."""
    order = order_at(path, node)
    endpoint = node.get("endpoint")
    return replace(order, endpoint=instantiate(endpoint)) if endpoint is not None else order


def ai_notes(cfg: DictConfig) -> list[Note]:
    """Return a note on each AI transform: where its function is kept, and its state."""
    notes = []
    for path, node in ai_nodes(cfg):
        try:
            order = order_at(path, node)
        except (UserError, TypeError):  # a mistake that the check of names has told
            continue
        where = place_of(order.file)
        notes.append(Note(path, f"{order.prompt.name} is written by a language model ({where}): {order.state}."))
    return notes
