"""Where are the trials kept, and what became of those of an earlier command?"""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna
from hydra.utils import instantiate
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from ml_core.errors import ConfigError, StorageError

log = logging.getLogger(__name__)

PROCESS, DEATHS = "process", "deaths"
"""User attributes of a trial: the process that runs it, and how many processes ended during it."""
MAX_DEATHS = 2


def open_study(name: str | None, storage: str | Mapping[str, Any] | None, directions: Sequence[Any]) -> Study:
    """Return the study of that name, a new one where there is none.

    Raises:
        ConfigError: If the study looks for something else.
        StorageError: If the storage cannot be used.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = _load_or_create(name, _storage(storage), directions)
    except Exception as error:  # of the database, its driver, or Optuna: each has kinds of its own
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise StorageError(
            "hydra.sweeper.storage", f"{shown(storage)} cannot be used: {reason[0]}", "Such as sqlite:///study.db"
        ) from error
    here = [direction.name.lower() for direction in study.directions]
    if here != list(directions):
        raise ConfigError(
            "hydra.sweeper.study_name",
            f"the study '{name}' looks for {here}, and this command for {list(directions)}.",
            "Name another study",
        )
    return study


def _load_or_create(name: str | None, storage: Any, directions: Sequence[Any]) -> Study:
    if name is not None and storage is not None:
        with suppress(KeyError):  # there is none of that name
            return optuna.load_study(study_name=name, storage=storage)
    return optuna.create_study(study_name=name, storage=storage, directions=[*directions])


def shown(storage: str | Mapping[str, Any] | None) -> str:
    """Return a storage as it may be shown: without a password."""
    text = storage if isinstance(storage, str) else "memory" if storage is None else str(storage.get("_target_"))
    return re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:***@", text)


def _storage(storage: str | Mapping[str, Any] | None) -> Any:
    if isinstance(storage, str):
        if storage.startswith("sqlite:///"):
            Path(storage.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        return optuna.storages.get_storage(storage)
    return None if storage is None else instantiate(storage)


def changed_choices(
    study: Study, distributions: Mapping[str, BaseDistribution]
) -> tuple[str, Sequence[Any], Sequence[Any]] | None:
    """Return a parameter whose choices are not those of the study's trials, with both; None where all are the same."""
    for trial in study.get_trials(deepcopy=False):
        for name, before in trial.distributions.items():
            now = distributions.get(name)
            if not isinstance(before, CategoricalDistribution) or not isinstance(now, CategoricalDistribution):
                continue
            if before.choices != now.choices:
                return name, before.choices, now.choices
    return None


def num_started(study: Study) -> int:
    """Return how many trials have begun, whatever became of them."""
    return sum(t.state != TrialState.WAITING for t in study.get_trials(deepcopy=False))


def take_back_abandoned(study: Study) -> None:
    """Put the trials of processes that are gone back into the queue, under their own numbers.

    A trial during which a second process ended fails: it may be what ended them. Trials of other hosts, of processes
    that still run, and of other programs are left alone.
    """
    for trial in study.get_trials(deepcopy=False):
        if trial.state != TrialState.RUNNING:
            continue
        if not _is_gone(trial.user_attrs.get(PROCESS, "")):
            log.warning(
                "Trial %d is run by %s, or was. If that is gone: optuna tell --trial-number %d --state fail ...",
                trial.number,
                trial.user_attrs.get(PROCESS, "a process that is not known"),
                trial.number,
            )
            continue
        deaths = trial.user_attrs.get(DEATHS, 0) + 1
        study._storage.set_trial_user_attr(trial._trial_id, DEATHS, deaths)
        if deaths < MAX_DEATHS:
            log.info("Trial %d was cut off; it is run again.", trial.number)
            put_back(study, trial)
        else:
            log.warning("Trial %d was cut off %d times; it is given up.", trial.number, deaths)
            study._storage.set_trial_user_attr(trial._trial_id, "reason", f"its process ended {deaths} times")
            study.tell(trial.number, state=TrialState.FAIL)


def put_back(study: Study, trial: FrozenTrial | optuna.Trial) -> None:
    """Let a trial that was begun wait to be run again; the next `ask` takes it, with its values."""
    storage: Any = study._storage
    set_state = getattr(storage, "set_trial_state_values", None) or storage.set_trial_state  # the latter: Optuna 2
    set_state(trial._trial_id, TrialState.WAITING)


def put_back_unmarked(study: Study) -> None:
    """Put trials back that no process has: those that were begun and could not be drawn."""
    for trial in study.get_trials(deepcopy=False):
        process = trial.user_attrs.get(PROCESS)
        if trial.state == TrialState.RUNNING and (process is None or _is_gone(process)):
            put_back(study, trial)


def this_process() -> str:
    """Return what tells this process from all others, of other hosts and other times."""
    return f"{socket.gethostname()}:{os.getpid()}:{_start_of(os.getpid())}"


def _is_gone(process: str) -> bool:
    host, _, rest = process.partition(":")
    pid, _, start = rest.partition(":")
    return host == socket.gethostname() and pid.isdigit() and _start_of(int(pid)) != start


def _start_of(pid: int) -> str | None:
    """Return when a process began, as far as the system tells; None if there is none of that id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return ""
    state, *fields = stat.read_text().rpartition(")")[2].split()
    return None if state == "Z" else fields[18]
