"""What does a run do before it builds anything: tags, warnings, the printed configuration, the data folder?"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict

from ml_core.errors import ConfigError, listed, nearest
from ml_core.utils import origins
from ml_core.utils.pylogger import RankedLogger
from ml_core.utils.rich_utils import print_config_tree

log = RankedLogger(__name__, rank_zero_only=True)

TOP_LEVEL = {
    "callbacks": None,
    "check": "bool",
    "ckpt_path": "str | None",
    "data": None,
    "extras": "dict | None",
    "logger": None,
    "model": None,
    "optimized_metric": "str | None",
    "params": "dict | None",
    "paths": "dict",
    "seed": "int | None",
    "tags": "list | None",
    "task_name": "str",
    "test": "bool",
    "train": "bool",
    "trainer": None,
    "trust": "list | None",
}
"""What stands at the top level, with the kind of its value; None for nodes."""
TOP_LEVEL_KEYS = frozenset(TOP_LEVEL)
FOLDERS_OF_EXPERIMENTS = frozenset({"debug", "experiment", "hparams_search", "local"})
"""Config groups whose files write to the top level, which the first line of each says."""
HEADER = "# @package _global_"
EXTRAS = frozenset({"enforce_tags", "ignore_warnings", "print_config"})
DATA_VARIABLES = {"HF_DATASETS_CACHE": "datasets", "HF_HUB_CACHE": "hub"}


def top_level_mistakes(cfg: DictConfig, own: Collection[str] = ()) -> Iterator[ConfigError]:
    """Yield keys that nothing reads; Hydra takes them silently from a file with `@package _global_`.

    Args:
        cfg: The composed configuration.
        own: Keys of the command itself.
    """
    for key in map(str, cfg):
        if key in FOLDERS_OF_EXPERIMENTS and (error := without_header(key)):
            yield error
        elif key not in TOP_LEVEL_KEYS and key not in own:
            yield ConfigError(
                key,
                f"there is no '{key}' at the top level, so it would change nothing.{nearest(key, TOP_LEVEL_KEYS)}",
                f"There are: {listed(TOP_LEVEL)}. Values of your own belong under params.",
            )
    extras: Any = cfg._get_node("extras") if "extras" in cfg else None
    is_written = isinstance(extras, DictConfig) and not extras._is_none() and not extras._is_interpolation()
    for key in map(str, extras if is_written else ()):
        if key not in EXTRAS:
            yield ConfigError(
                f"extras.{key}",
                f"there is no such extra.{nearest(key, EXTRAS)}",
                f"There are: {listed(sorted(EXTRAS))}.",
            )


def without_header(folder: str) -> ConfigError | None:
    """Word that a file's keys landed under the name of its folder; None where somebody wrote that key."""
    file, _, line = str(origins.current().of(folder) or "").rpartition(":")
    if line != "1" or Path(file).parent.name != folder:
        return None
    what = f"the line '{HEADER}' is missing, so all of the file lands under '{folder}'."
    return ConfigError(f"{file}:1", what, "Make it the first line of the file.")


def apply_extras(cfg: DictConfig) -> None:
    """Do what `extras` asks for before a run, and point the data caches at `paths.data_dir`."""
    use_data_folder(cfg.paths.data_dir)
    extras = cfg.get("extras") or {}
    if extras.get("ignore_warnings"):
        log.info("Warnings are off: extras.ignore_warnings is true.")
        warnings.filterwarnings("ignore")
    if extras.get("enforce_tags"):
        enforce_tags(cfg)
    print_config_tree(cfg, to_terminal=False, folder=output_folder())


def show_config(cfg: DictConfig) -> None:
    """Print the configuration on the terminal, where `extras.print_config` asks for it."""
    if (cfg.get("extras") or {}).get("print_config"):
        print_config_tree(cfg)


def output_folder() -> Path | None:
    """Return the running job's output folder; None outside of Hydra."""
    return Path(HydraConfig.get().runtime.output_dir) if HydraConfig.initialized() else None


def enforce_tags(cfg: DictConfig) -> None:
    """See to it that a run has tags: ask on a terminal, take `dev` elsewhere, and refuse a sweep without any.

    Raises:
        ConfigError: If a multirun has no tags.
    """
    if not cfg.get("tags"):
        if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
            raise ConfigError("tags", "a multirun needs tags to be found again.", "For example 'tags=[benchmark]'.")
        answer = input("Tags of this run, separated by commas [dev]: ") if sys.stdin.isatty() else ""
        with open_dict(cfg):
            cfg.tags = [tag.strip() for tag in answer.split(",") if tag.strip()] or ["dev"]
        log.info("Tags: %s", listed(cfg.tags))
    if folder := output_folder():
        (folder / "tags.log").write_text("".join(f"{tag}\n" for tag in cfg.tags))


def use_data_folder(folder: str) -> None:
    """Let downloaded and prepared data sets live under `paths.data_dir`, unless the environment says otherwise."""
    if "HF_HOME" not in os.environ:
        for variable, name in DATA_VARIABLES.items():
            os.environ.setdefault(variable, str(Path(folder) / "huggingface" / name))
