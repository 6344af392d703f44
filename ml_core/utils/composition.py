"""What is done to Hydra's composition, for every way it is started: command line, sweeps and the compose API.

Three things, in wrappers around Hydra 1.3's config loader (private methods; `tests/utils/test_composition.py` fails
when Hydra changes them):

- `trainer.x=`, `+trainer.x=` and `++trainer.x=` are one and the same, for all sections whose keys are arguments
  of a target; what the target does not take is found when it is built.
- Where a configuration starts from a checkpoint (`eval.yaml`), its sections become the options `from_checkpoint`
  of their groups, so that anything on the command line overrides them in Hydra's own way.
- A node whose `_target_` changes remembers which arguments were those of the old one (`utils/retargeting.py`).
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from ml_core.utils.retargeting import Retargeting, mark_overrides
from ml_core.utils.stored_config import read_config, read_stored

FORGIVING_SECTIONS = frozenset({"callbacks", "data", "logger", "model", "params", "trainer"})
EMPTY_GROUPS = frozenset({"callbacks", "logger", "model/scheduler"})
FROM_CHECKPOINT = "from_checkpoint"
STORED_SECTIONS = ("params", "data", "model", "callbacks")
CONFIGS_OF_CHECKPOINTS = frozenset({"eval"})
KEPT_OF_TRAINER = ("precision", "min_epochs", "max_epochs", "max_steps", "deterministic")
"""What evaluation takes from the training's trainer: what changes numbers, and not which devices there were."""


def install() -> None:
    """Wrap Hydra's config loader, once per process."""
    original = ConfigLoaderImpl._load_configuration_impl
    if getattr(original, "_is_ml_core", False):
        return

    @functools.wraps(original)
    def load(self: Any, config_name: str | None, overrides: list[str], *args: Any, **kwargs: Any) -> DictConfig:
        if Path(config_name or "").stem in CONFIGS_OF_CHECKPOINTS:
            register_checkpoint(_checkpoint_of(overrides))
        return original(self, config_name, [forgiving(o) for o in overrides], *args, **kwargs)

    load._is_ml_core = True  # type: ignore[attr-defined]
    ConfigLoaderImpl._load_configuration_impl = load  # type: ignore[method-assign]
    _install_retargeting()


def _install_retargeting() -> None:
    merge, load_file = ConfigLoaderImpl._compose_config_from_defaults_list, ConfigLoaderImpl._load_single_config
    apply_overrides = ConfigLoaderImpl._apply_overrides_to_config

    @functools.wraps(merge)
    def merge_watched(self: Any, *args: Any, **kwargs: Any) -> DictConfig:
        self._retargeting = Retargeting()
        return merge(self, *args, **kwargs)

    @functools.wraps(load_file)
    def load_watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = load_file(self, *args, **kwargs)
        self._retargeting.watch(result.config)
        return result

    @functools.wraps(apply_overrides)
    def apply_marked(overrides: list[Override], cfg: DictConfig) -> None:
        mark_overrides(overrides, cfg)
        apply_overrides(overrides, cfg)

    ConfigLoaderImpl._compose_config_from_defaults_list = merge_watched  # type: ignore[method-assign]
    ConfigLoaderImpl._load_single_config = load_watched  # type: ignore[method-assign]
    ConfigLoaderImpl._apply_overrides_to_config = staticmethod(apply_marked)  # type: ignore[method-assign]


def forgiving(override: str) -> str:
    """Return `++key=value` for a value in a section of targets, however many `+` it came with.

    A group that may be empty takes `null` for its option `none`.
    """
    key, equals, value = override.partition("=")
    if key in EMPTY_GROUPS and value == "null":
        return f"{key}=none"
    name = key.lstrip("+")
    is_value = equals and "." in name and not key.startswith("~") and "/" not in name and "@" not in name
    return f"++{name}={value}" if is_value and name.split(".")[0] in FORGIVING_SECTIONS else override


def register_checkpoint(path: str | None) -> None:
    """Make the sections of a checkpoint's configuration the options `from_checkpoint`; empty ones without a file.

    Raises:
        StorageError: If the file is there but is no whole checkpoint.
    """
    stored = read_config(path) if path and os.path.isfile(path) else None
    groups = read_stored(path).get("groups", []) if path and stored is not None else []
    config: Any = {} if stored is None else OmegaConf.to_container(stored, resolve=False)
    for section in STORED_SECTIONS:
        node = config.get(section) or {}
        nested = [_register_nested(section, node, entry) for entry in groups]
        defaults: list[Any] = [{name: FROM_CHECKPOINT} for name in nested if name]
        _register(section, {"defaults": [*defaults, "_self_"], **node})
    trainer = {key: value for key, value in (config.get("trainer") or {}).items() if key in KEPT_OF_TRAINER}
    _register("trainer", {"defaults": ["default", "_self_"], **trainer})
    _register("run", {key: config[key] for key in ("seed",) if key in config}, package="_global_")


def _register(group: str, node: dict[str, Any], package: str | None = None) -> None:
    ConfigStore.instance().store(group=group, name=FROM_CHECKPOINT, node=node, package=package, provider="checkpoint")


def _register_nested(section: str, node: dict[str, Any], entry: dict[str, str]) -> str | None:
    """Cut what a nested group gave out of a section and make it an option of that group; return the group's name."""
    group, package = entry["group"], entry["package"]
    if not (group.startswith(f"{section}/") and package.startswith(f"{section}.")):
        return None
    *parents, last = package.removeprefix(f"{section}.").split(".")
    for parent in parents:
        node = node.get(parent) if isinstance(node, dict) else None  # type: ignore[assignment]
    if not isinstance(node, dict) or not isinstance(node.get(last), dict):
        return None
    _register(group, node.pop(last), package=package)
    return group.removeprefix(f"{section}/")


def _checkpoint_of(overrides: list[str]) -> str | None:
    """Return the value of `ckpt_path` among overrides, the first one of a sweep."""
    value: Any = None
    for override in OverridesParser.create().parse_overrides(overrides):
        if override.key_or_group == "ckpt_path" and not override.is_delete():
            is_sweep = override.is_sweep_override()
            value = next(override.sweep_string_iterator()) if is_sweep else override.value()
    return None if value is None else str(value).strip("'\"")
