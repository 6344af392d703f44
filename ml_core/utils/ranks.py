"""Which trial of a multirun does a process run that Lightning started for it?

Lightning starts the other ranks of a run by typing the command again. In a multirun that would be a sweep in every
rank, with values of its own. So the first process leaves the command line of the trial in the environment, the others
run that, and nothing of one trial's processes is left when the next one begins.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from ml_core.utils.arguments import split

TRIAL = "ML_CORE_TRIAL"
"""Environment variable: the command line of the running trial, as JSON."""
OF_RUN = ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "PL_GLOBAL_SEED", "PL_SEED_WORKERS")
"""Environment variables that Lightning sets for one run."""
OF_SWEEP = (
    *("hydra.sweep", "hydra/sweep", "hydra.launcher", "hydra/launcher"),
    *("hydra.mode", "hydra.run.", "hydra.output_subdir"),
)
"""Beginnings of overrides that mean something to the sweep alone."""
PATIENCE = 60.0
"""Seconds that a process has to end by itself after a trial that went well, or before it ends the sweep."""

Task = Callable[[DictConfig], Any]


def same_trial(task: Task) -> Task:
    """Return a task of which all ranks run the same trial in a multirun.

    In a process that was started for a trial, the command line becomes that of the trial.
    """
    words = os.environ.get(TRIAL)
    if words is None or os.environ.get("LOCAL_RANK", "0") == "0":
        return _leading(task)
    sys.argv[1:] = json.loads(words)
    return _following(task)


def _leading(task: Task) -> Task:
    @functools.wraps(task)
    def led(cfg: DictConfig) -> Any:
        if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
            return task(cfg)
        with _alone():
            return task(cfg)

    return led


def _following(task: Task) -> Task:
    """Return a task that, when it fails, leaves the first process the time to fail as well.

    Lightning kills the first process, and with it the sweep, soon after another one ended badly. A trial that fails
    on all ranks is to cost only itself.
    """

    @functools.wraps(task)
    def followed(cfg: DictConfig) -> Any:
        try:
            return task(cfg)
        except Exception:
            _leave_group("gloo")
            time.sleep(PATIENCE)
            raise

    return followed


@contextmanager
def _alone() -> Iterator[None]:
    """Let a trial have processes and variables of its own."""
    before = {name: os.environ.get(name) for name in (*OF_RUN, TRIAL)}
    os.environ[TRIAL] = json.dumps(words_of_trial())
    try:
        yield
        _end_others(PATIENCE)
    finally:
        _end_others(0)
        _leave_group()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def words_of_trial() -> list[str]:
    """Return the command line that runs the present job of a multirun, and nothing else, in the same folder."""
    hydra = HydraConfig.get()
    options = [(name, value) for name, value in split(sys.argv[1:]).options if name not in ("--multirun", "--run")]
    own = [o for o in hydra.overrides.hydra if not o.lstrip("+~").startswith(OF_SWEEP)]
    return [
        *(name if value is None else f"{name}={value}" for name, value in options),
        *own,
        *hydra.overrides.task,
        "hydra.mode=RUN",
        "hydra.output_subdir=null",
        f'hydra.run.dir="{hydra.runtime.output_dir}"',
    ]


def _end_others(patience: float) -> None:
    """End the processes that Lightning started in this one, so that its watch over them finds nothing amiss."""
    for watch in threading.enumerate():
        if type(watch).__name__ == "_ChildProcessObserver":
            children: list[subprocess.Popen[bytes]] = watch._child_processes  # type: ignore[attr-defined]
            started = list(children)
            if patience == 0:
                children.clear()  # a killed child would be taken for a failed one
            for child in started:
                _end(child, patience)


def _end(child: subprocess.Popen[bytes], patience: float) -> None:
    try:
        child.wait(patience)
    except subprocess.TimeoutExpired:
        if patience == 0:
            child.kill()
            child.wait()


def _leave_group(backend: str | None = None) -> None:
    """Leave torch's process group, of that backend if one is named, so that the other ranks do not wait."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return
    if backend in (None, torch.distributed.get_backend()):
        torch.distributed.destroy_process_group()
