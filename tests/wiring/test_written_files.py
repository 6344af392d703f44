"""Parts of a run, and runs of one command, that would write to the same file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from ml_core.wiring.written_files import same_files, written_again

CHECKPOINT, CSV = "ml_core.callbacks.model_checkpoint.ModelCheckpoint", "lightning.pytorch.loggers.CSVLogger"
TENSORBOARD = "lightning.pytorch.loggers.TensorBoardLogger"


def config(callbacks: Any = None, logger: Any = None, **others: Any) -> DictConfig:
    paths = {"output_dir": "logs/run", "log_dir": "logs"}
    return OmegaConf.create({"paths": paths, "callbacks": callbacks, "logger": logger, **others})


def told(cfg: DictConfig) -> list[str]:
    return [f"{error.where}: {error.what}" for error in same_files(cfg)]


def checkpoint(dirpath: str, **others: str) -> dict[str, str]:
    return {"_target_": CHECKPOINT, "dirpath": dirpath, **others}


@pytest.fixture
def multirun(monkeypatch: pytest.MonkeyPatch) -> DictConfig:
    hydra = OmegaConf.create({"hydra": {"mode": "MULTIRUN", "sweep": {"subdir": "${hydra.job.num}"}}}).hydra
    hydra.mode = RunMode.MULTIRUN
    monkeypatch.setattr(HydraConfig, "initialized", lambda: True)
    monkeypatch.setattr(HydraConfig, "get", lambda: hydra)
    return hydra


def test_two_checkpoints_of_one_name_are_told_whatever_their_class():
    other = {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "dirpath": "${paths.output_dir}"}
    assert told(config({"one": checkpoint("logs/run"), "two": other})) == [
        "callbacks.two.dirpath: is logs/run, and callbacks.one writes files of the same names there."
    ]
    assert told(config({"one": checkpoint("logs/run"), "two": {**other, "filename": "two"}})) == []


def test_entries_of_a_list_are_looked_at_too():
    assert [line.split(":")[0] for line in told(config([checkpoint("a"), checkpoint("a")]))] == ["callbacks[1].dirpath"]


def test_loggers_of_one_kind_are_told_and_others_share_a_folder():
    one, two = {"_target_": CSV, "save_dir": "logs/run"}, {"_target_": TENSORBOARD, "save_dir": "logs/run"}
    assert told(config(logger={"one": one, "two": two})) == []
    assert told(config(logger={"one": one, "two": dict(one)})) == [
        "logger.two.save_dir: is logs/run, and logger.one writes files of the same names there."
    ]


def test_a_node_that_is_switched_off_writes_nothing():
    assert told(config({"one": checkpoint("a"), "two": None, "three": {"dirpath": "a"}})) == []


@pytest.mark.usefixtures("multirun")
@pytest.mark.parametrize("folder", ["/data/checkpoints", "${paths.log_dir}/checkpoints", "checkpoints"])
def test_a_folder_that_all_runs_of_a_command_share_is_told(folder):
    assert [line.split(" ", 2)[2] for line in told(config({"one": checkpoint(folder)}))] == [
        f"{folder.replace('${paths.log_dir}', 'logs')}, the same for all runs of this command, "
        "so that each would write over the one before."
    ]


@pytest.mark.usefixtures("multirun")
@pytest.mark.parametrize("folder", ["${paths.output_dir}/checkpoints", "/data/${task_name}"])
def test_a_folder_of_each_run_is_left_alone(folder):
    assert told(config({"one": checkpoint(folder)}, task_name="a")) == []


def test_jobs_that_share_a_folder_are_told(multirun: DictConfig):
    multirun.sweep.subdir = "same"
    assert told(config()) == [
        "hydra.sweep.subdir: is same, the same for all runs of this command, "
        "so that each would write over the one before."
    ]


def test_outside_of_a_multirun_any_folder_will_do():
    assert told(config({"one": checkpoint("/data/checkpoints")})) == []


def test_a_checkpoint_that_is_read_and_may_be_written_is_noted(tmp_path: Path):
    cfg = config({"one": checkpoint(str(tmp_path))}, ckpt_path=str(tmp_path / "last.ckpt"), train=True)
    assert [(note.where, note.what) for note in written_again(cfg)] == [
        ("ckpt_path", "lies in the folder that callbacks.one writes to, which may replace it.")
    ]
    for changed in ({"ckpt_path": "elsewhere/last.ckpt"}, {"ckpt_path": "last"}, {"ckpt_path": None}, {"train": False}):
        assert list(written_again(OmegaConf.merge(cfg, changed))) == []
