"""All ranks of a trial run that trial, whatever becomes of it, and the next trial begins with a clean slate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import hydra
import pytest
from hydra.core.global_hydra import GlobalHydra

from ml_core.utils import ranks

CONFIG = "lr: 0.1\nname: a\nhydra: {sweep: {dir: FOLDER/sweep, subdir: '${hydra.job.num}'}, run: {dir: FOLDER/run}}\n"


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Run a task by a command line, as `hydra.main` does."""
    (tmp_path / "config.yaml").write_text(CONFIG.replace("FOLDER", str(tmp_path)))
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")

    def run(task, *words: str) -> None:
        GlobalHydra.instance().clear()
        monkeypatch.setattr(sys, "argv", ["command", *words])
        hydra.main(version_base="1.3", config_path=str(tmp_path), config_name="config")(ranks.same_trial(task))()

    return run


def test_the_words_of_a_trial_run_the_same_trial_in_the_same_folder(command, tmp_path, monkeypatch):
    told = []

    def task(cfg):
        told.append((cfg.lr, json.loads(os.environ[ranks.TRIAL])))

    command(
        task, "--multirun", "lr=0.5,0.25", "name='b c'", "hydra.sweep.subdir=t${hydra.job.num}", "hydra.verbose=true"
    )
    assert [lr for lr, _ in told] == [0.5, 0.25]
    assert ranks.TRIAL not in os.environ

    seen = []
    for _, words in told:
        monkeypatch.setenv(ranks.TRIAL, json.dumps(words))
        monkeypatch.setenv("LOCAL_RANK", "1")
        command(lambda cfg: seen.append((cfg.lr, cfg.name, ranks.HydraConfig.get().runtime.output_dir)), "-m", "lr=7")
        assert "hydra.verbose=true" in words
    assert seen == [(0.5, "b c", f"{tmp_path}/sweep/t0"), (0.25, "b c", f"{tmp_path}/sweep/t1")]


def test_a_single_run_is_left_alone(command):
    def task(cfg):
        assert ranks.TRIAL not in os.environ

    command(task)


def test_the_variables_of_a_trial_are_not_those_of_the_next(command, monkeypatch):
    monkeypatch.setenv("MASTER_PORT", "1")
    seen = []

    def task(cfg):
        seen.append((os.environ.get("LOCAL_RANK"), os.environ["MASTER_PORT"]))
        os.environ |= {"LOCAL_RANK": "0", "MASTER_PORT": "2"}

    command(task, "-m", "lr=1,2")
    assert seen == [(None, "1"), (None, "1")]
    assert "LOCAL_RANK" not in os.environ


class _ChildProcessObserver(threading.Thread):
    """Lightning's watch, as far as it is known to `ranks`."""

    def __init__(self, children: list) -> None:
        super().__init__(daemon=True)
        self._child_processes = children
        self.go_on = threading.Event()

    def run(self) -> None:
        self.go_on.wait()


def test_a_trial_that_fails_ends_the_processes_that_it_started(command):
    started = []

    def task(cfg):
        if cfg.lr == 1:
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
            started.append(_ChildProcessObserver([child]))
            started[0].start()
            started.append(child)
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        command(task, "-m", "lr=1,2")
    watch, child = started
    assert child.poll() is not None
    assert watch._child_processes == []
    watch.go_on.set()


def test_lightning_still_has_the_watch_that_is_called_off():
    from lightning.fabric.strategies.launchers.subprocess_script import _ChildProcessObserver as Lightnings

    assert Lightnings(main_pid=0, child_processes=[])._child_processes == []


def test_a_rank_that_fails_gives_the_first_one_time(command, monkeypatch):
    waited = []
    monkeypatch.setenv(ranks.TRIAL, "[]")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(ranks.time, "sleep", waited.append)

    def task(cfg):
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        command(task)
    assert waited == [ranks.PATIENCE]
