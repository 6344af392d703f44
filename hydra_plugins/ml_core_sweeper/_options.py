"""Which options does a search have?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional  # noqa: UP035, OmegaConf reads these annotations

from omegaconf import MISSING

SAMPLERS: dict[str, dict[str, Any]] = {
    "tpe": {"_target_": "optuna.samplers.TPESampler", "seed": None, "n_startup_trials": 10, "n_ei_candidates": 24},
    "random": {"_target_": "optuna.samplers.RandomSampler", "seed": None},
    "grid": {"_target_": "optuna.samplers.GridSampler", "seed": None},
    "qmc": {"_target_": "optuna.samplers.QMCSampler", "seed": None},
    "gp": {"_target_": "optuna.samplers.GPSampler", "seed": None, "n_startup_trials": 10},
    "cmaes": {"_target_": "optuna.samplers.CmaEsSampler", "seed": None, "sigma0": None},
    "nsgaii": {"_target_": "optuna.samplers.NSGAIISampler", "seed": None, "population_size": 50},
}
"""The options of `hydra/sweeper/sampler`; any other argument of the sampler can be added to them."""


@dataclass
class OptunaOptions:
    """The options of `hydra/sweeper: optuna`, named as hydra-optuna-sweeper names them.

    Attributes:
        sampler: Node of an Optuna sampler. With a `seed`, a continued study does not draw the same values again.
        direction: `minimize`, `maximize`, `auto` for that of `optimized_metric`, or a list with one for each value.
        storage: URL, or a node of an Optuna storage; null keeps the study in memory.
        study_name: The study to begin or to go on with.
        n_trials: Trials of the study in total, whatever their end, those of earlier commands included.
        n_jobs: Trials that are handed to the launcher at a time.
        max_failure_rate: Share of this command's trials that may fail before it stops.
        params: Search space: `{override key: choice(...), range(...), interval(...) or a fixed value}`.
        custom_search_space: Function of the configuration and the trial that suggests further values.
    """

    defaults: List[Any] = field(default_factory=lambda: [{"sampler": "tpe"}])  # noqa: UP006
    _target_: str = "hydra_plugins.ml_core_sweeper.sweeper.OptunaSweeper"
    _recursive_: bool = False  # sampler and storage are built when a sweep begins
    sampler: Any = MISSING  # the option of the group comes first, and null would replace it
    direction: Any = "auto"
    storage: Any = None
    study_name: Optional[str] = None  # noqa: UP045
    n_trials: int = 20
    n_jobs: int = 1
    max_failure_rate: float = 1.0
    params: Optional[Dict[str, Any]] = None  # noqa: UP006, UP045
    custom_search_space: Optional[str] = None  # noqa: UP045
