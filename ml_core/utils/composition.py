"""What is done to Hydra's composition, for every way it is started: command line, sweeps and the compose API.

Three things are changed, in wrappers around Hydra 1.3's config loader (private methods;
`tests/utils/test_composition.py` fails when Hydra changes them):

- `trainer.x=`, `+trainer.x=` and `++trainer.x=` are one and the same, for all sections whose keys are arguments
  of a target; what the target does not take is found when it is built.
- Where a configuration starts from a checkpoint (`eval.yaml`), its sections become the options `from_checkpoint`
  of their groups, so that anything on the command line overrides them in Hydra's own way.
- A node whose `_target_` changes remembers which arguments were those of the old one (`utils/retargeting.py`).

And it is noted from which file every key comes (`utils/origins.py`).
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from ml_core.utils import origins
from ml_core.utils.last_checkpoint import LAST, newest_run
from ml_core.utils.retargeting import Retargeting, mark_overrides
from ml_core.utils.stored_config import read_config, read_stored

FORGIVING_SECTIONS = frozenset({"callbacks", "data", "logger", "model", "params", "trainer"})
EMPTY_GROUPS = frozenset({"callbacks", "logger", "model/scheduler"})
FROM_CHECKPOINT = "from_checkpoint"
CHECKPOINT_PROVIDER = "checkpoint"
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
            overrides = _with_last_found(overrides, functools.partial(load, self, config_name))
            register_checkpoint(_checkpoint_of(overrides))
        _remember(self)
        forgiven = [forgiving(override) for override in overrides]
        self._typed = dict(zip(forgiven, overrides, strict=True))
        return original(self, config_name, forgiven, *args, **kwargs)

    load._is_ml_core = True  # type: ignore[attr-defined]
    ConfigLoaderImpl._load_configuration_impl = load  # type: ignore[method-assign]
    _watch_merging()


_loaders: list[ConfigLoaderImpl] = []


def _remember(loader: ConfigLoaderImpl) -> None:
    _loaders[:] = [loader]


def last_loader() -> ConfigLoaderImpl | None:
    """Return the loader of the last composition, which knows groups and folders also when it failed."""
    return _loaders[0] if _loaders else None


def _watch_merging() -> None:
    merge, load_file = ConfigLoaderImpl._compose_config_from_defaults_list, ConfigLoaderImpl._load_single_config
    apply_overrides = ConfigLoaderImpl._apply_overrides_to_config

    @functools.wraps(merge)
    def merge_watched(self: Any, defaults: Any, repo: Any) -> DictConfig:
        self._retargeting, self._origins = Retargeting(), origins.start()
        config = merge(self, defaults, repo)
        for override in OverridesParser.create().parse_overrides(list(self._typed)):
            if not repo.group_exists(override.key_or_group):
                # The jobs of a sweep come with the plus signs that the command line got above
                self._origins.add_override(override.key_or_group, self._typed[override.input_line].removeprefix("++"))
        return config

    @functools.wraps(load_file)
    def load_watched(self: Any, default: Any, *args: Any, **kwargs: Any) -> Any:
        result = load_file(self, default, *args, **kwargs)
        self._retargeting.watch(result.config)
        _note_origin(self._origins, result, default)
        return result

    @functools.wraps(apply_overrides)
    def apply_marked(overrides: list[Override], cfg: DictConfig) -> None:
        mark_overrides(overrides, cfg)
        apply_overrides(overrides, cfg)

    ConfigLoaderImpl._compose_config_from_defaults_list = merge_watched  # type: ignore[method-assign]
    ConfigLoaderImpl._load_single_config = load_watched  # type: ignore[method-assign]
    ConfigLoaderImpl._apply_overrides_to_config = staticmethod(apply_marked)  # type: ignore[method-assign]


def _note_origin(noted: origins.Origins, result: Any, default: Any) -> None:
    """Note the file, or the checkpoint, that a configuration was read from."""
    package = "" if default.package in (None, "_global_") else default.package
    if result.provider == CHECKPOINT_PROVIDER:
        noted.add_source("the checkpoint's configuration", package)
    elif str(result.path).startswith("file://"):
        name = default.config_path if default.config_path.endswith((".yaml", ".yml")) else f"{default.config_path}.yaml"
        noted.add_file(Path(str(result.path).removeprefix("file://"), name), package)


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
    ConfigStore.instance().store(
        group=group, name=FROM_CHECKPOINT, node=node, package=package, provider=CHECKPOINT_PROVIDER
    )


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


def _with_last_found(overrides: list[str], compose: Callable[..., DictConfig]) -> list[str]:
    """Return overrides with the file of the newest run in place of `ckpt_path=last`.

    Raises:
        StorageError: If there is no such run below `paths.log_dir`, which is composed without a checkpoint.
    """
    if _checkpoint_of(overrides) != LAST:
        return overrides
    paths = compose([o for o in overrides if o.lstrip("+").startswith("paths")], RunMode.RUN).paths
    found = f'ckpt_path="{newest_run(paths.log_dir)}"'
    return [found if re.fullmatch(rf"\+*ckpt_path=[\"']?{LAST}[\"']?", o) else o for o in overrides]


def _checkpoint_of(overrides: list[str]) -> str | None:
    """Return the value of `ckpt_path` among overrides, the first one of a sweep."""
    value: Any = None
    for override in OverridesParser.create().parse_overrides(overrides):
        if override.key_or_group == "ckpt_path" and not override.is_delete():
            is_sweep = override.is_sweep_override()
            value = next(override.sweep_string_iterator()) if is_sweep else override.value()
    return None if value is None else str(value).strip("'\"")
