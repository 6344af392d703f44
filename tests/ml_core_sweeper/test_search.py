"""A search goes on whatever becomes of a trial, and its study can be continued."""

from __future__ import annotations

import gc
import importlib.util
import math
import os
import re
import signal
import subprocess
import sys
import weakref
from pathlib import Path

import optuna
import pytest
import yaml
from setting import ROOT

from ml_core.errors import ConfigError, DataError, MissingPackageError, UserError

NAMED = ("hydra.sweeper.study_name=s",)


def square(cfg) -> float:
    return float(cfg.x) ** 2


def storage(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/study.db"


def stored(tmp_path: Path) -> tuple[str, ...]:
    return (f"hydra.sweeper.storage={storage(tmp_path)}", *NAMED)


def study_in(tmp_path: Path) -> optuna.Study:
    return optuna.load_study(study_name="s", storage=storage(tmp_path))


def states(study: optuna.Study) -> list[str]:
    return [trial.state.name for trial in study.trials]


def test_the_best_trial_is_told_with_its_folder(search, tmp_path: Path, capsys):
    found = search(square)
    folder = Path(found["best_trial"]["folder"])
    config = yaml.safe_load((folder / ".hydra" / "config.yaml").read_text())
    assert found["best_value"] == pytest.approx(found["best_params"]["x"] ** 2)
    assert config["x"] == found["best_params"]["x"]
    assert "4 trials (4 complete)" in capsys.readouterr().out


def test_direction_maximize_finds_the_other_end(search):
    least = search(square)["best_value"]
    assert search(square, "hydra.sweeper.direction=maximize")["best_value"] > least


def test_a_seed_gives_the_same_trials_again(search):
    assert search(square)["best_params"] == search(square)["best_params"]


def test_one_trial_that_raises_is_recorded_and_the_search_goes_on(search, capsys):
    def task(cfg):
        if cfg.y == 2:
            raise RuntimeError("boom")
        return cfg.y

    found = search(task, "y=choice(1,2,3)", "hydra.sweeper.params=null", "hydra.sweeper.n_trials=3")
    assert found["best_value"] == 1
    assert [(f["reason"], f["params"]) for f in found["failed"]] == [("RuntimeError: boom", {"y": 2})]
    out = capsys.readouterr().out
    number = found["failed"][0]["number"]
    assert f"WARNING trial {number} failed: RuntimeError: boom" in out
    assert "3 trials (2 complete, 1 fail)" in out


@pytest.mark.parametrize("value", [math.nan, math.inf, None, "much"])
def test_what_is_no_number_fails(value, search):
    found = search(lambda cfg: value if cfg.y == 2 else 1.0, "y=1,2", "hydra.sweeper.params=null")
    assert [f["params"] for f in found["failed"]] == [{"y": 2}]
    assert str(value) in found["failed"][0]["reason"]


def test_a_mistake_about_a_searched_value_is_a_failed_trial(search):
    def task(cfg):
        if cfg.y < 0:
            raise ConfigError("y", "must not be negative.")
        return cfg.y

    found = search(task, "y=-1,2,3", "hydra.sweeper.params=null", "hydra/sweeper/sampler=grid")
    assert found["best_value"] == 2
    assert found["failed"][0]["reason"] == "y: must not be negative."


@pytest.mark.parametrize("error", [ConfigError("optimized_metric", "is none."), DataError("data.path", "is empty.")])
def test_a_mistake_about_anything_else_ends_the_search_with_the_first_trial(error, search, tmp_path: Path):
    def task(cfg):
        raise error

    with pytest.raises(type(error)) as raised:
        search(task, *stored(tmp_path))
    assert raised.value is error
    assert states(study_in(tmp_path)) == ["FAIL"]


def test_a_mistake_that_only_a_later_trial_makes_is_recorded(search):
    calls = []

    def task(cfg):
        calls.append(cfg.x)
        if len(calls) == 2:
            raise ConfigError("optimized_metric", "is none.")
        return cfg.x

    assert len(search(task)["failed"]) == 1
    assert len(calls) == 4


def test_an_override_that_does_not_compose_ends_the_search(search):
    with pytest.raises(Exception, match="nothing"):
        search(square, "nothing=1", "hydra.sweeper.n_trials=2")


def test_when_all_trials_fail_the_first_cause_is_raised(search, tmp_path: Path):
    calls = []

    def task(cfg):
        calls.append(cfg.x)
        raise OSError(f"disk {len(calls)}")

    with pytest.raises(OSError, match="disk 1"):
        search(task, *stored(tmp_path))
    assert states(study_in(tmp_path)) == ["FAIL"] * 4
    assert (tmp_path / "sweep" / "optimization_results.yaml").exists()


def test_when_all_trials_give_nan_that_is_said(search):
    with pytest.raises(DataError, match="no trial gave a number; the value is nan"):
        search(lambda cfg: math.nan)


@pytest.mark.parametrize(("rate", "num_run"), [(0.0, 1), (0.5, 3), (1.0, 4)])
def test_the_failure_rate_counts_over_the_whole_command(rate, num_run, search):
    calls = []

    def task(cfg):
        calls.append(cfg.x)
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        search(task, f"hydra.sweeper.max_failure_rate={rate}")
    assert len(calls) == num_run


def test_a_study_goes_on_to_n_trials_in_total_and_repeats_no_point(search, tmp_path: Path):
    search(square, *stored(tmp_path), "hydra.sweeper.n_trials=3")
    search(square, *stored(tmp_path), "hydra.sweeper.n_trials=5", f"hydra.sweep.dir={tmp_path}/second")
    trials = study_in(tmp_path).trials
    assert len(trials) == 5
    assert len({trial.params["x"] for trial in trials}) == 5
    assert sorted(p.name for p in (tmp_path / "sweep").iterdir() if p.is_dir()) == ["0", "1", "2"]
    assert sorted(p.name for p in (tmp_path / "second").iterdir() if p.is_dir()) == ["3", "4"]


def test_a_study_that_has_all_its_trials_runs_none(search, tmp_path: Path):
    before = search(square, *stored(tmp_path))
    assert search(lambda cfg: pytest.fail("ran"), *stored(tmp_path)) == before


def test_folders_are_never_used_twice(search, tmp_path: Path):
    first = Path(search(square, "hydra.sweeper.n_trials=2")["best_trial"]["folder"])
    (first / "mark").write_text("first")
    search(square, "hydra.sweeper.n_trials=2")
    assert (first / "mark").read_text() == "first"
    assert sorted(p.name for p in (tmp_path / "sweep").iterdir() if p.is_dir()) == ["0", "1", "2", "3"]


def test_several_trials_can_be_handed_over_at_a_time(search, tmp_path: Path):
    def task(cfg):
        if len(list((tmp_path / "sweep").iterdir())) == 1:
            raise ConfigError("optimized_metric", "is none.")
        return cfg.x

    with pytest.raises(ConfigError, match="is none"):
        search(task, *stored(tmp_path), "hydra.sweeper.n_jobs=2")
    assert states(study_in(tmp_path)) == ["FAIL", "COMPLETE"]
    search(task, *stored(tmp_path), "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=5")
    assert states(study_in(tmp_path)) == ["FAIL", "COMPLETE", "COMPLETE", "COMPLETE", "COMPLETE"]
    assert sorted(p.name for p in (tmp_path / "sweep").iterdir() if p.is_dir()) == ["0", "1", "2", "3", "4"]


def test_categories_are_not_repeated_while_others_are_left(search, tmp_path: Path):
    words = ("y=1,2,3", "name=a,b", "hydra.sweeper.params=null", "hydra.sweeper.n_trials=9")
    search(lambda cfg: cfg.y, *words, *stored(tmp_path))
    points = [tuple(trial.params.values()) for trial in study_in(tmp_path).trials]
    assert len(points) == len(set(points)) == 6


def test_a_grid_goes_on_with_what_is_left(search, tmp_path: Path):
    words = ("y=range(1,6)", "hydra.sweeper.params=null", "hydra/sweeper/sampler=grid", *stored(tmp_path))
    words += ("hydra.sweeper.sampler.seed=null",)
    search(lambda cfg: cfg.y, *words, "hydra.sweeper.n_trials=2")
    search(lambda cfg: cfg.y, *words, "hydra.sweeper.n_trials=20")
    assert [trial.params["y"] for trial in study_in(tmp_path).trials] == [1, 2, 3, 4, 5]


def test_what_is_typed_replaces_what_the_file_searches(search, tmp_path: Path):
    search(square, "++x=0.5", "y=1,2", *stored(tmp_path))
    assert [set(trial.params) for trial in study_in(tmp_path).trials] == [{"y"}, {"y"}]


def test_a_study_for_the_other_direction_is_refused(search, tmp_path: Path):
    search(square, *stored(tmp_path))
    with pytest.raises(ConfigError, match=r"looks for .'minimize'., and this command for .'maximize'."):
        search(square, *stored(tmp_path), "hydra.sweeper.direction=maximize")


def test_other_choices_than_the_study_has_are_refused(search, tmp_path: Path):
    words = ("hydra.sweeper.params=null", *stored(tmp_path))
    search(square, "y=1,2", *words, "hydra.sweeper.n_trials=1")
    with pytest.raises(ConfigError) as refused:
        search(square, "y=1,2,3", *words)
    assert str(refused.value) == (
        "y: the study 's' chooses from 1, 2, and this command from 1, 2, 3. "
        "Keep them, or begin another study: hydra.sweeper.study_name=<name>"
    )
    search(square, "y=1,2", *words)
    assert states(study_in(tmp_path)) == ["COMPLETE", "COMPLETE"]


def test_several_values_have_a_direction_each(search):
    found = search(lambda cfg: (cfg.y, -cfg.y), "y=1,2", "hydra.sweeper.params=null",
                   "hydra.sweeper.direction=[minimize,maximize]")  # fmt: skip
    assert [s["values"] for s in found["solutions"]] == [[1.0, -1.0]]


def test_ctrl_c_lets_the_trial_wait_for_the_next_command(search, tmp_path: Path):
    values = []

    def interrupted(cfg):
        values.append(cfg.x)
        if len(values) == 2:
            raise KeyboardInterrupt
        return cfg.x

    with pytest.raises(KeyboardInterrupt):
        search(interrupted, *stored(tmp_path))
    assert states(study_in(tmp_path)) == ["COMPLETE", "WAITING"]
    search(square, *stored(tmp_path))
    study = study_in(tmp_path)
    assert states(study) == ["COMPLETE"] * 4
    assert study.trials[1].params["x"] == values[1]


DYING = """
import os, sys
sys.path.insert(0, {root!r})
import hydra
from hydra_plugins import ml_core_sweeper

def task(cfg):
    if os.path.exists({mark!r}):
        os.kill(os.getpid(), 9)
    open({mark!r}, "w").close()
    return cfg.x

ml_core_sweeper.install()
hydra.main(version_base="1.3", config_path={configs!r}, config_name="config")(task)()
"""


@pytest.mark.slow
def test_a_trial_whose_process_was_killed_runs_again_and_fails_when_it_kills_again(search, tmp_path: Path):
    names = {"root": str(ROOT), "mark": str(tmp_path / "mark"), "configs": str(tmp_path / "configs")}
    command = [sys.executable, "-c", DYING.format(**names), *stored(tmp_path)]
    assert subprocess.run(command, check=False, cwd=tmp_path).returncode == -signal.SIGKILL
    assert states(study_in(tmp_path)) == ["COMPLETE", "RUNNING"]
    assert subprocess.run(command, check=False, cwd=tmp_path).returncode == -signal.SIGKILL
    values = study_in(tmp_path).trials[1].params
    found = search(square, *stored(tmp_path))
    study = study_in(tmp_path)
    assert states(study) == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert study.trials[1].params == values
    assert found["failed"][0]["reason"] == "its process ended 2 times"


def test_a_trial_of_another_host_is_left_alone(search, tmp_path: Path, capsys):
    study = optuna.create_study(study_name="s", storage=storage(tmp_path))
    study.ask().set_user_attr("process", f"elsewhere:{os.getpid()}:1")
    search(square, *stored(tmp_path))
    assert states(study) == ["RUNNING", "COMPLETE", "COMPLETE", "COMPLETE"]
    assert "Trial 0 is run by elsewhere" in capsys.readouterr().out


def test_nothing_of_a_trial_is_kept_whether_it_fails_or_not(search):
    class Big:
        pass

    alive: list[weakref.ref] = []
    left: list[Big | None] = []

    def task(cfg):
        left.extend(ref() for ref in alive)
        big = Big()
        big.itself = big
        alive.append(weakref.ref(big))
        if len(alive) == 2:
            raise MemoryError
        return cfg.x

    gc.disable()
    try:
        found = search(task)
    finally:
        gc.enable()
    assert len(found["failed"]) == 1
    assert left == [None] * (0 + 1 + 2 + 3)


def test_optuna_warns_of_nothing(search, recwarn):
    search(square)
    assert [str(w.message) for w in recwarn if "optuna" in f"{w.filename}{w.message}".lower()] == []


def test_a_search_in_every_process_of_torchrun_is_refused(search, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="WORLD_SIZE=2: several processes were started"):
        search(square)


def test_a_study_without_a_name_says_how_to_go_on(search, tmp_path: Path, capsys):
    found = search(square, f"hydra.sweeper.storage={storage(tmp_path)}")
    assert f"To go on with it: hydra.sweeper.study_name={found['study_name']}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("n_trials=0", "hydra.sweeper.n_trials: is 0, but must be 1 or more."),
        ("max_failure_rate=2", "hydra.sweeper.max_failure_rate: is 2.0, but must be a share from 0 to 1."),
        ("direction=maximise", "hydra.sweeper.direction: is 'maximise'. Did you mean 'maximize'?"),
        ("direction=auto", "optimized_metric: is null, so there is nothing to search for."),
        ("storage=nothing://x", "hydra.sweeper.storage: nothing://x cannot be used: "),
        ("params=null", "hydra.sweeper.params: nothing is searched."),
        (
            "sampler._target_=optuna.samplers.Random",
            "hydra.sweeper.sampler._target_: there is no optuna.samplers.Random",
        ),
        ("sampler=null", None),
    ],
)
def test_an_option_that_makes_no_sense_is_told_before_anything_runs(option, message, search):
    if message is None:
        assert len(search(square, f"hydra.sweeper.{option}")["failed"]) == 0
        return
    with pytest.raises(UserError, match=re.escape(message)):
        search(lambda cfg: pytest.fail("ran"), f"hydra.sweeper.{option}")


@pytest.mark.parametrize("sampler", ["random", "nsgaii"])
def test_other_samplers_are_options(sampler, search):
    assert search(square, f"hydra/sweeper/sampler={sampler}", "hydra.sweeper.sampler.seed=3")["n_trials"] == 4


SUGGESTING = """
def suggest(config, trial):
    if trial.params["y"] == 2:
        trial.suggest_float("x", 5.0, 6.0)
"""


def test_a_function_can_suggest_more(search, tmp_path: Path, monkeypatch):
    (tmp_path / "suggesting.py").write_text(SUGGESTING)
    monkeypatch.syspath_prepend(tmp_path)
    found = search(square, "hydra.sweeper.custom_search_space=suggesting.suggest", "hydra.sweeper.params=null",
                   "y=1,2", "hydra.sweeper.direction=maximize")  # fmt: skip
    assert 25 <= found["best_value"] <= 36


@pytest.mark.skipif(importlib.util.find_spec("cmaes") is not None, reason="cmaes is installed")
def test_a_sampler_whose_package_is_missing_is_told(search):
    with pytest.raises(MissingPackageError, match=r"hydra.sweeper.sampler: .*cmaes"):
        search(square, "y=range(1,9)", "hydra/sweeper/sampler=cmaes")


DOCUMENT = """
hydra:
  sweeper:
    _target_: hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper
    direction: maximize
    n_trials: 3
    n_jobs: 1
    storage: null
    study_name: null
    sampler: {_target_: optuna.samplers.TPESampler, seed: 1234, n_startup_trials: 10, consider_prior: true}
    params: {x: "interval(0.0001, 0.1)", y: "choice(32, 64, 128, 256)"}
"""


def test_a_file_for_hydra_optuna_sweeper_runs_as_it_stands(search, tmp_path: Path, recwarn):
    (tmp_path / "configs" / "hparams").mkdir()
    (tmp_path / "configs" / "hparams" / "old.yaml").write_text(f"# @package _global_{DOCUMENT}")
    found = search(lambda cfg: math.nan if cfg.y == 32 else cfg.x, "+hparams=old")
    assert found["n_trials"] == 3
    assert set(found["best_params"]) == {"x", "y"}
    assert [str(w.message) for w in recwarn if issubclass(w.category, FutureWarning)] == []
