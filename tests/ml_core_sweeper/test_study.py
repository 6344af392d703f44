"""Studies that are opened, shown, and taken up after a process that is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from hydra_plugins.ml_core_sweeper import _study as studies
from ml_core.errors import StorageError


@pytest.mark.parametrize(
    ("storage", "text"),
    [
        (None, "memory"),
        ("sqlite:///logs/study.db", "sqlite:///logs/study.db"),
        ("postgresql://me:secret@host/db", "postgresql://me:***@host/db"),  # pragma: allowlist secret
        ({"_target_": "optuna.storages.JournalStorage"}, "optuna.storages.JournalStorage"),
    ],
)
def test_no_password_is_shown(storage, text):
    assert studies.shown(storage) == text


def test_the_folder_of_a_database_is_made(tmp_path: Path):
    studies.open_study("s", f"sqlite:///{tmp_path}/new/study.db", ["minimize"])
    assert (tmp_path / "new" / "study.db").exists()


def test_a_storage_can_be_a_node(tmp_path: Path):
    node = {"_target_": "optuna.storages.RDBStorage", "url": f"sqlite:///{tmp_path}/study.db"}
    studies.open_study("s", node, ["minimize"])
    assert optuna.get_all_study_summaries(f"sqlite:///{tmp_path}/study.db")[0].study_name == "s"


def test_a_storage_that_cannot_be_used_is_named_without_its_password(tmp_path: Path):
    (tmp_path / "file").write_text("no database")
    with pytest.raises(StorageError) as raised:
        studies.open_study("s", f"sqlite:///{tmp_path}/file", ["minimize"])
    assert raised.value.where == "hydra.sweeper.storage"
    assert "cannot be used" in str(raised.value)


def running_trial(process: str) -> tuple[optuna.Study, optuna.trial.Trial]:
    study = optuna.create_study()
    trial = study.ask()
    trial.set_user_attr(studies.PROCESS, process)
    return study, trial


def test_the_trial_of_a_process_that_runs_is_left_alone():
    study, _ = running_trial(studies.this_process())
    studies.take_back_abandoned(study)
    assert study.trials[0].state.name == "RUNNING"
    assert studies.num_started(study) == 1


def test_the_trial_of_a_process_that_is_gone_waits():
    code = "from hydra_plugins.ml_core_sweeper._study import this_process; print(this_process())"
    root = Path(studies.__file__).parents[2]
    gone = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    study, _ = running_trial(gone.strip())
    studies.take_back_abandoned(study)
    assert study.trials[0].state.name == "WAITING"
    assert studies.num_started(study) == 0


def test_a_process_id_that_was_given_anew_is_another_process():
    host, pid, start = studies.this_process().split(":")
    study, _ = running_trial(f"{host}:{pid}:{int(start or 1) - 1}")
    studies.take_back_abandoned(study)
    assert study.trials[0].state.name == "WAITING"
