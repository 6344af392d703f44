"""What `ckpt_path=last` means in training and in evaluation."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from setting import Compose

from ml_core.errors import StorageError
from ml_core.eval import main as eval_main
from ml_core.train import main as train_main
from ml_core.utils import lifecycle
from ml_core.utils.last_checkpoint import newest_run, stored_runs
from ml_core.utils.stored_config import describe_run

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, compose_config: Compose) -> Write:
    """Write a checkpoint that holds a configuration and nothing else, so many seconds old."""

    def write(run: str, *overrides: str, age: int = 0) -> Path:
        path = tmp_path / run / "checkpoints" / "last.ckpt"
        path.parent.mkdir(parents=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("last/data.pkl", pickle.dumps({"ml_core": describe_run(compose_config(*overrides))}))
        os.utime(path, (1e9 - age, 1e9 - age))
        return path

    return write


def test_it_is_the_newest_of_all_tasks(write: Write, tmp_path: Path):
    old, new = write("train/runs/b", age=2), write("production/runs/a", age=1)
    assert [path for path, _ in stored_runs(str(tmp_path))] == [new, old]
    assert newest_run(str(tmp_path)) == new
    assert [path for path, _ in stored_runs(str(tmp_path), "train")] == [old]


def test_files_that_are_no_whole_checkpoint_are_passed_over_and_told(write: Write, tmp_path: Path, caplog):
    good, torn, foreign = (write(f"train/runs/{name}", age=age) for age, name in enumerate(["good", "torn", "foreign"]))
    torn.write_bytes(good.read_bytes()[:100])
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("x/data.pkl", pickle.dumps({"state_dict": {}}))
    assert newest_run(str(tmp_path)) == good
    assert str(torn) in caplog.text


def test_without_any_run_the_folder_is_named(tmp_path: Path):
    with pytest.raises(StorageError, match=f"no run below {tmp_path} has"):
        newest_run(str(tmp_path))


def test_evaluation_composes_with_the_file_in_its_place(
    write: Write, tmp_path: Path, run_command: Callable[..., Path], capsys: pytest.CaptureFixture[str]
):
    write("train/runs/old", "data.batch_size=31", age=2)
    new = write("train/runs/new", "data.batch_size=33")
    run_command(eval_main, "ckpt_path=last", "--cfg", "job")
    cfg = OmegaConf.create(capsys.readouterr().out)
    assert (cfg.ckpt_path, cfg.data.batch_size) == (str(new), 33)


def test_evaluation_without_any_run_ends_with_74(
    run_command: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as end:
        run_command(eval_main, "ckpt_path=last")
    assert end.value.code == 74
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"ERROR [ckpt_path]: is last, but no run below {tmp_path} has a checkpoints/last.ckpt; "
        "Name a file: ckpt_path=<file>"
    )


def test_training_takes_the_newest_of_the_same_data_and_network(write: Write, compose_config: Compose, caplog):
    caplog.set_level("INFO")
    same = write("train/runs/same", age=2)
    write("train/runs/other", "model=mnist")
    cfg = compose_config("ckpt_path=last", "train=false")
    assert lifecycle.checkpoint_to_resume(cfg) == str(same)
    assert f"Testing {same}" in caplog.text


def test_training_starts_afresh_without_one_but_nothing_is_tested(
    compose_config: Compose, run_command: Callable[..., Path], capsys: pytest.CaptureFixture[str]
):
    assert lifecycle.checkpoint_to_resume(compose_config("ckpt_path=last")) is None
    with pytest.raises(SystemExit) as end:
        run_command(train_main, "train=false", "ckpt_path=last", "logger=none")
    assert end.value.code == 74
    assert "no earlier run of this data and network has a last.ckpt" in capsys.readouterr().err
