"""Which values does a trial get? Those of the sampler, but no point twice."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
from hydra.utils import instantiate
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.ml_core_sweeper._space import Key, Params, SearchSpace
from ml_core.errors import ConfigError, listed, nearest
from ml_core.utils.targets import resolve_target

WHERE = "hydra.sweeper.sampler"
GRID = "optuna.samplers.GridSampler"
DRAWS = 20
"""Times that a sampler is asked for a point that no trial had, before one is chosen for it."""
CANDIDATES = 10_000
"""Points that are looked through for such a choice."""
OF_PLUGIN = {
    "consider_endpoints": False,
    "consider_magic_clip": True,
    "consider_prior": True,
    "consider_pruned_trials": False,
    "inc_popsize": 2,
    "n_ei_candidates": 24,
    "n_startup_trials": 10,
    "prior_weight": 1.0,
    "restart_strategy": None,
    "warn_independent_sampling": True,
}
"""What configurations for hydra-optuna-sweeper carry along; other samplers, or newer Optunas, do not take them."""


class FreshSampler(BaseSampler):
    """Draws from another sampler, again where a trial had that point already.

    Args:
        inner: The sampler; None goes through the points in order.
        space: All parameters.
        seed: For the choice among the points that are left when `inner` finds no new one; without `inner`, the
            order of the points.
    """

    def __init__(self, inner: BaseSampler | None, space: SearchSpace, seed: int | None) -> None:
        self.inner, self.space, self.seed = inner, space, seed

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return all parameters: they are drawn together, so that whole points can be compared."""
        return dict(self.space.searched)

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> Params:
        """Draw a point that no trial had."""
        seen, point = self._seen(study, trial), {}
        for _ in range(DRAWS if self.inner is not None else 0):
            point = self._draw(study, trial)
            if self.space.key(point) not in seen:
                return point
        return self._unseen(seen) or point

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one parameter, for `sample_relative`."""
        assert self.inner is not None
        return self.inner.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Tell the other sampler."""
        if self.inner is not None:
            self.inner.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """Tell the other sampler."""
        if self.inner is not None:
            self.inner.after_trial(study, trial, state, values)

    def is_exhausted(self, study: Study) -> bool:
        """Whether every point had its trial."""
        return self.space.size <= len(self._seen(study, None))

    def _draw(self, study: Study, trial: FrozenTrial) -> Params:
        assert self.inner is not None
        joint = self.inner.infer_relative_search_space(study, trial)
        drawn = dict(self.inner.sample_relative(study, trial, joint))
        return {
            name: drawn[name] if name in drawn else self.sample_independent(study, trial, name, distribution)
            for name, distribution in self.space.searched.items()
        }

    def _seen(self, study: Study, trial: FrozenTrial | None) -> set[Key]:
        """Return the points of the other trials, also those that wait or failed."""
        others = [t for t in study.get_trials(deepcopy=False) if trial is None or t.number != trial.number]
        keys = (self.space.key({**t.system_attrs.get("fixed_params", {}), **t.params}) for t in others)
        return {key for key in keys if key is not None}

    def _unseen(self, seen: set[Key]) -> Params | None:
        """Return a point that no trial had; the first one where points go in order; None if there is none."""
        if self.space.values is None:
            return None
        fresh = (point for point in self.space.points() if self.space.key(point) not in seen)
        if self.inner is None and self.seed is None:
            return next(fresh, None)
        points = [point for point, _ in zip(fresh, range(CANDIDATES), strict=False)]
        chosen = np.random.default_rng(None if self.seed is None else (self.seed, len(seen)))
        return points[chosen.integers(len(points))] if points else None


def build_sampler(node: Mapping[str, Any] | None, space: SearchSpace, num_trials: int, is_whole: bool) -> BaseSampler:
    """Return the sampler of a study.

    Args:
        node: `hydra.sweeper.sampler`; null for Optuna's default.
        space: What is searched.
        num_trials: Trials that the study has already: each command draws other values from the same seed.
        is_whole: Whether `space` is all there is, or a function suggests more.

    Raises:
        ConfigError: If the node does not fit the sampler, or the sampler does not fit the space.
    """
    arguments = dict(node or {"_target_": "optuna.samplers.TPESampler"})
    target, seed = str(arguments.pop("_target_", "")), arguments.get("seed")
    arguments.pop("_partial_", None)
    if target == GRID:
        if space.values is None or not is_whole:
            raise ConfigError(WHERE, "a grid needs choices or ranges, and no interval.", "Or take another sampler")
        return FreshSampler(None, space, seed)
    if seed is not None and num_trials:
        arguments["seed"] = seed = int(np.random.SeedSequence((seed, num_trials)).generate_state(1)[0])
    inner = _built(target, arguments)
    return FreshSampler(inner, space, seed) if is_whole else inner


def _built(target: str, arguments: Mapping[str, Any]) -> BaseSampler:
    sampler: Any = resolve_target(target, f"{WHERE}._target_")
    kwargs = _fitting(target, inspect.signature(sampler).parameters, arguments)
    return sampler(**{k: instantiate(v) if isinstance(v, Mapping) else v for k, v in kwargs.items()})


def _fitting(target: str, known: Mapping[str, inspect.Parameter], arguments: Mapping[str, Any]) -> Params:
    """Return the arguments that differ from the defaults; newer Optunas warn about some of those that do not."""
    given = {k: v for k, v in arguments.items() if k not in OF_PLUGIN or OF_PLUGIN[k] != v}
    unknown = next((name for name in given if name not in known), None)
    if unknown is not None:
        raise ConfigError(
            f"{WHERE}.{unknown}",
            f"{target} takes no '{unknown}'.{nearest(unknown, known)}",
            f"It takes: {listed(known)}",
        )
    return {k: v for k, v in given.items() if v != known[k].default}
