"""Samplers draw every point once, also in a study that goes on."""

from __future__ import annotations

from collections.abc import Mapping

import optuna
import pytest
from optuna.trial import TrialState

from hydra_plugins.ml_core_sweeper._sampler import build_sampler
from hydra_plugins.ml_core_sweeper._space import SearchSpace, read_space
from ml_core.errors import ConfigError

TPE = {"_target_": "optuna.samplers.TPESampler", "seed": 1234, "n_startup_trials": 2}
GRID = {"_target_": "optuna.samplers.GridSampler", "_partial_": True}


def drawn(node: Mapping | None, space: SearchSpace, *commands: int) -> list[tuple]:
    """Return the points of a study to which every command adds so many trials."""
    study = optuna.create_study()
    for count in commands:
        study.sampler = build_sampler(node, space, len(study.trials), True)
        for _ in range(count):
            trial = study.ask(space.distributions)
            study.tell(trial, sum(v for v in trial.params.values() if isinstance(v, (int, float))))
    return [tuple(trial.params.values()) for trial in study.trials]


def test_the_first_trials_are_those_of_optuna_itself():
    space = read_space({"x": "interval(0.0, 1.0)", "y": "choice(a, b, c)"}, [])
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1234, n_startup_trials=2))
    for _ in range(5):
        trial = study.ask(space.distributions)
        study.tell(trial, trial.params["x"])
    assert drawn(TPE, space, 5) == [tuple(trial.params.values()) for trial in study.trials]


def test_a_command_that_goes_on_draws_other_values_from_the_same_seed():
    space = read_space({"x": "interval(0.0, 1.0)"}, [])
    points = drawn(TPE, space, 3, 3)
    assert len(set(points)) == 6
    assert points == drawn(TPE, space, 3, 3)


@pytest.mark.parametrize("node", [TPE, {"_target_": "optuna.samplers.RandomSampler", "seed": 1}, GRID, None])
def test_a_finite_space_is_drawn_whole_before_anything_comes_twice(node):
    space = read_space({"x": "range(0, 4)", "y": "choice(a, b, c)", "z": "choice(1)"}, [])
    points = drawn(node, space, 5, 7)
    assert len(set(points)) == 12


def test_a_grid_goes_in_the_order_of_the_space_and_is_shuffled_by_a_seed():
    space = read_space({"x": "1,2", "y": "3,4"}, [])
    assert drawn(GRID, space, 3, 1) == [(1, 3), (1, 4), (2, 3), (2, 4)]
    shuffled = drawn({**GRID, "seed": 1}, read_space({"x": "range(0, 9)"}, []), 9)
    assert sorted(shuffled) == [(i,) for i in range(9)] != shuffled


def test_a_failed_point_is_not_drawn_again():
    space = read_space({"x": "1,2"}, [])
    study = optuna.create_study(sampler=build_sampler(TPE, space, 0, True))
    first = study.ask(space.distributions)
    study.tell(first, state=TrialState.FAIL)
    assert study.ask(space.distributions).params != first.params
    assert study.sampler.is_exhausted(study)


def test_what_hydra_optuna_sweeper_carries_along_is_left_out(recwarn):
    old = {
        "seed": 1, "consider_prior": True, "prior_weight": 1.0, "consider_magic_clip": True, "n_startup_trials": 10,
        "consider_endpoints": False, "n_ei_candidates": 24, "multivariate": False, "warn_independent_sampling": True,
    }  # fmt: skip
    build_sampler({"_target_": "optuna.samplers.TPESampler", **old}, read_space({"x": "1,2"}, []), 0, True)
    assert [str(w.message) for w in recwarn if issubclass(w.category, FutureWarning)] == []


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({**TPE, "sede": 1}, "hydra.sweeper.sampler.sede: optuna.samplers.TPESampler takes no 'sede'. Did you mean"),
        ({"_target_": "optuna.samplers.TPE"}, "hydra.sweeper.sampler._target_: there is no optuna.samplers.TPE: "),
        ({"_target_": "optuna.samplers.RandomSampler", "n_startup_trials": 5}, "hydra.sweeper.sampler.n_startup_trial"),
    ],
)
def test_a_sampler_that_does_not_fit(node, message):
    with pytest.raises(ConfigError) as raised:
        build_sampler(node, read_space({"x": "1,2"}, []), 0, True)
    assert str(raised.value).startswith(message)


def test_a_grid_of_an_interval_is_refused():
    with pytest.raises(ConfigError, match="a grid needs choices or ranges, and no interval"):
        build_sampler(GRID, read_space({"x": "interval(0.0, 1.0)"}, []), 0, True)
