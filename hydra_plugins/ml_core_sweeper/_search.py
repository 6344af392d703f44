"""How does a search go? Ask for values, run them, write down what came out, and go on."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig
from optuna.study import Study
from optuna.trial import Trial, TrialState

from hydra_plugins.ml_core_sweeper import _study as studies
from hydra_plugins.ml_core_sweeper._direction import directions_of
from hydra_plugins.ml_core_sweeper._outcome import (
    Outcome,
    is_of_every_trial,
    nothing_came_out,
    one_line,
    outcome_of,
    release,
)
from hydra_plugins.ml_core_sweeper._sampler import FreshSampler, build_sampler
from hydra_plugins.ml_core_sweeper._space import SearchSpace, any_value, read_space
from hydra_plugins.ml_core_sweeper._summary import FOLDER, REASON, tell
from ml_core.errors import ConfigError, MissingPackageError, UserError, listed
from ml_core.utils.signatures import UnknownArgumentError
from ml_core.utils.sweep_check import require_names_of_job
from ml_core.utils.targets import resolve_target

log = logging.getLogger(__name__)


@dataclass
class Search:
    """One command's share of a study.

    Attributes:
        options: The fields of `OptunaOptions`.
        config: The composed configuration of the command.
        launcher: Runs jobs.
        space: What is searched.
        study: Where trials are kept.
        directions: One for each value.
        planned: Trials that the study lacks when the command begins.
        outcomes: Of this command's trials, in the order in which they ended.
    """

    options: Mapping[str, Any]
    config: DictConfig
    launcher: Launcher
    space: SearchSpace
    study: Study
    directions: Sequence[str]
    planned: int
    outcomes: list[Outcome] = field(default_factory=list)

    def run(self) -> None:
        """Run the trials that the study lacks; see `OptunaSweeper.sweep`."""
        asked: list[Trial] = []
        try:
            while asked := self._ask():
                self._note(asked, self._launch(asked))
        except BaseException:
            self._put_back(asked)
            raise
        finally:
            tell(self.study, self.config, self.directions)
        if self.outcomes and len(self._failures) == len(self.outcomes):
            raise _first_error(self._failures)

    def _ask(self) -> list[Trial]:
        """Return the next trials with their values; none when the study has all that it should have."""
        asked: list[Trial] = []
        while len(asked) < self.options["n_jobs"] and studies.num_started(self.study) < self.options["n_trials"]:
            if self._is_exhausted():
                log.info("Every point of the search space had its trial.")
                break
            asked.append(self._ask_one())
        return asked

    def _is_exhausted(self) -> bool:
        sampler, waiting = self.study.sampler, self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        return not waiting and isinstance(sampler, FreshSampler) and sampler.is_exhausted(self.study)

    def _ask_one(self) -> Trial:
        try:
            trial = self.study.ask(self.space.distributions)
        except Exception as error:
            studies.put_back_unmarked(self.study)
            if (mistake := _as_mistake(error, self.study, self.space)) is None:
                raise
            raise mistake from error
        trial.set_user_attr(studies.PROCESS, studies.this_process())
        if custom := self.options["custom_search_space"]:
            resolve_target(custom, "hydra.sweeper.custom_search_space")(self.config, trial)
        return trial

    def _launch(self, trials: Sequence[Trial]) -> list[Outcome]:
        """Run the jobs of some trials; a configuration that does not compose ends all of them."""
        direction = f"[{','.join(self.directions)}]" if len(self.directions) > 1 else self.directions[0]
        overrides = [(*self.space.overrides(t.params), f"hydra.sweeper.direction={direction}") for t in trials]
        try:
            jobs = self.launcher.launch(overrides, initial_job_idx=self._job_number(trials))
        except Exception as error:  # whatever composition raises
            return [Outcome(error=error, reason=one_line(error))] * len(trials)
        return [outcome_of(job, len(self.directions)) for job in jobs]

    def _job_number(self, trials: Sequence[Trial]) -> int:
        """Return the number of the first job: the trial's, unless a folder of that number is there already."""
        number = trials[0].number
        numbers = [trial.number for trial in trials]
        while numbers != list(range(number, number + len(trials))) or any(self._has_folder(n) for n in numbers):
            number = max(number + 1, self.options["n_trials"])
            numbers = list(range(number, number + len(trials)))
        return number

    def _has_folder(self, number: int) -> bool:
        return (Path(self.config.hydra.sweep.dir) / str(number)).exists()

    def _note(self, trials: list[Trial], outcomes: Sequence[Outcome]) -> None:
        """Write down what came out, and stop where going on makes no sense."""
        is_first = not self.outcomes
        for outcome in outcomes:
            self.outcomes.append(outcome)
            self._note_one(trials.pop(0), outcome)
        first = outcomes[0].error
        if is_first and first is not None and is_of_every_trial(first, self.space.keys):
            raise first
        if len(self._failures) > self.options["max_failure_rate"] * self.planned:
            log.error("%d of %d trials failed: hydra.sweeper.max_failure_rate", len(self._failures), self.planned)
            raise _first_error(self._failures)

    @property
    def _failures(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.values is None]

    def _note_one(self, trial: Trial, outcome: Outcome) -> None:
        if outcome.folder:
            trial.set_user_attr(FOLDER, outcome.folder)
        if outcome.values is not None:
            self.study.tell(trial, outcome.values)
        else:
            trial.set_user_attr(REASON, outcome.reason)
            self.study.tell(trial, state=TrialState.FAIL)
            log.warning("WARNING trial %d failed: %s", trial.number, outcome.reason)
        release(outcome.error)

    def _put_back(self, trials: Sequence[Trial]) -> None:
        """Let trials that were cut off wait for the next command."""
        for trial in trials:
            studies.put_back(self.study, trial)


def begin(
    options: Mapping[str, Any],
    config: DictConfig,
    loader: ConfigLoader,
    launcher: Launcher,
    arguments: Sequence[str],
) -> Search:
    """Open the study and make ready what a search needs.

    Raises:
        ConfigError: If the options, the search space or the direction make no sense.
        StorageError: If the storage cannot be used.
    """
    _check(options)
    _refuse_ranks()
    space = read_space(options["params"] or {}, arguments)

    def compose() -> DictConfig:
        point = {name: any_value(distribution) for name, distribution in space.distributions.items()}
        return loader.load_sweep_config(config, list(space.overrides(point)))

    _refuse_mistakes_of_all(compose(), space)
    directions = directions_of(options["direction"], compose)
    study = studies.open_study(options["study_name"], options["storage"], directions)
    studies.take_back_abandoned(study)
    num_trials = len(study.get_trials(deepcopy=False))
    study.sampler = build_sampler(options["sampler"], space, num_trials, not options["custom_search_space"])
    planned = max(0, options["n_trials"] - studies.num_started(study))
    _say_what_is_searched(options, study, directions, planned)
    return Search(options, config, launcher, space, study, directions, planned)


def _refuse_mistakes_of_all(cfg: DictConfig, space: SearchSpace) -> None:
    """Refuse what is wrong with every trial: a misspelt key, or a mistake that no searched value has a part in."""
    try:
        require_names_of_job(cfg)
    except UserError as error:
        mistakes = getattr(error, "errors", (error,))
        if is_of_every_trial(error, space.keys) or any(isinstance(one, UnknownArgumentError) for one in mistakes):
            raise


def _say_what_is_searched(options: Mapping[str, Any], study: Study, directions: Sequence[str], planned: int) -> None:
    where = f"study '{study.study_name}' in {studies.shown(options['storage'])}" if options["storage"] else "in memory"
    log.info("Search %s: %s, %d of %d trials to run", where, ", ".join(directions), planned, options["n_trials"])
    if options["storage"] and not options["study_name"]:
        log.info("To go on with it: hydra.sweeper.study_name=%s", study.study_name)


def _check(options: Mapping[str, Any]) -> None:
    for name in ("n_trials", "n_jobs"):
        if options[name] < 1:
            raise ConfigError(f"hydra.sweeper.{name}", f"is {options[name]}, but must be 1 or more.")
    if not 0 <= options["max_failure_rate"] <= 1:
        raise ConfigError(
            "hydra.sweeper.max_failure_rate", f"is {options['max_failure_rate']}, but must be a share from 0 to 1."
        )


def _refuse_ranks() -> None:
    """Refuse a search in every process of a launcher such as torchrun: each would draw values of its own."""
    counts = {name: os.environ.get(name, "1") for name in ("WORLD_SIZE", "SLURM_STEP_NUM_TASKS")}
    for name, count in counts.items():
        if count != "1":
            raise ConfigError(
                "--multirun",
                f"{name}={count}: several processes were started, and each would search for itself.",
                "Start one: trainer.strategy=ddp with trainer.devices starts the others, for every trial",
            )


def _as_mistake(error: Exception, study: Study, space: SearchSpace) -> ConfigError | None:
    """Return why no trial could be drawn, if that is known."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if isinstance(error, ImportError):  # samplers import what they need when they draw
        return MissingPackageError("hydra.sweeper.sampler", text, "Install it, or take another sampler")
    if isinstance(error, ValueError):  # for example other choices than those of the study's earlier trials
        other = "Keep them, or begin another study: hydra.sweeper.study_name=<name>"
        if (changed := studies.changed_choices(study, space.distributions)) is not None:
            name, before, now = changed
            what = f"the study '{study.study_name}' chooses from {listed(before)}, and this command from {listed(now)}."
            return ConfigError(space.keys.get(name, name), what, other)
        return ConfigError("hydra.sweeper.params", f"do not fit the study '{study.study_name}': {text}", other)
    return None


def _first_error(failures: Sequence[Outcome]) -> Exception:
    """Return what ended the first trial that was ended by an exception."""
    return next((o.error for o in failures if o.error is not None), None) or nothing_came_out(failures)
