"""Is what is optimised better when lower or when higher?"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from omegaconf import DictConfig

from hydra_plugins.ml_core_sweeper._job import as_job
from ml_core.errors import ConfigError, listed, nearest

WHERE = "hydra.sweeper.direction"
DIRECTIONS = ("minimize", "maximize")
AUTO = "auto"


def directions_of(given: Any, compose: Callable[[], DictConfig]) -> list[str]:
    """Return the direction of every optimised value.

    Args:
        given: `hydra.sweeper.direction`.
        compose: Makes the configuration of a trial; called for `auto` alone.

    Raises:
        ConfigError: If a direction is none, or nothing tells which one a value has.
    """
    values = [v.name if isinstance(v, Enum) else v for v in (given if isinstance(given, list) else [given])]
    if values == [AUTO]:
        return [_of_metric(compose())]
    for value in values:
        if value not in DIRECTIONS:
            raise ConfigError(
                WHERE, f"is {value!r}.{nearest(str(value), DIRECTIONS)}", f"Choices: {listed((*DIRECTIONS, AUTO))}"
            )
    return [str(value) for value in values]


def _of_metric(cfg: DictConfig) -> str:
    """Return the direction that the configuration's own callbacks, or else its model, know."""
    name = cfg.get("optimized_metric")
    if name is None:
        raise ConfigError("optimized_metric", "is null, so there is nothing to search for.", "For example val/best")
    from ml_core.callbacks.direction import known_directions  # imports lightning
    from ml_core.utils.data_sets import sets_of
    from ml_core.utils.instantiators import Builder
    from ml_core.utils.logged_values import require_logged

    with as_job(cfg):
        builder = Builder(cfg)
        callbacks = builder.build_each("callbacks")
        if (better := known_directions(callbacks).get(name)) is None:
            sources, sets = [builder.build("model"), *callbacks], sets_of(builder.build("data"))
            require_logged(name, sources, "optimized_metric", in_training=False, sets=sets)
            better = known_directions(sources, sets).get(name)
    if better is None:
        raise ConfigError(WHERE, f"is auto, but '{name}' does not say which way is better.", "Set it to one of the two")
    return f"{better}imize"
