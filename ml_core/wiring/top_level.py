"""Are the plain values at the top level, and those under `paths`, what a run can use?"""

from __future__ import annotations

from collections.abc import Iterator

from omegaconf import DictConfig, OmegaConf

from ml_core.errors import ConfigError, listed, nearest
from ml_core.utils.extras import TOP_LEVEL
from ml_core.utils.values import value
from ml_core.value_types import misfit
from ml_core.wiring.nodes import written

PATHS = ("root_dir", "data_dir", "log_dir", "output_dir", "work_dir")


def value_mistakes(cfg: DictConfig) -> Iterator[ConfigError]:
    """Yield values that are not there or of the wrong kind, and misspelt paths."""
    for key, annotation in TOP_LEVEL.items():
        if annotation is not None and key in cfg:
            yield from _of(cfg, key, annotation)
    paths = written(cfg, "paths")
    for key in map(str, paths if isinstance(paths, DictConfig) else ()):
        if key not in PATHS and nearest(key, PATHS):  # others may be for interpolations
            yield ConfigError(f"paths.{key}", f"nothing reads it.{nearest(key, PATHS)}", f"There are: {listed(PATHS)}.")


def _of(cfg: DictConfig, key: str, annotation: str) -> Iterator[ConfigError]:
    try:
        given = value(cfg, key, key)
    except ConfigError as error:
        yield error
        return
    plain = OmegaConf.to_container(given, resolve=False) if OmegaConf.is_config(given) else given
    wrong = misfit(plain, annotation)
    if wrong:
        yield ConfigError(key, wrong)
