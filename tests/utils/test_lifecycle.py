"""The steps of a run, those that the entry points' own tests do not show."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from datasets import DatasetDict
from setting import ROOT, Compose

from ml_core.data.sources import mnist_mini
from ml_core.errors import ConfigError, StorageError
from ml_core.train import train
from ml_core.utils import lifecycle

SHORT = ("trainer.accelerator=cpu", "trainer.min_epochs=1", "trainer.limit_train_batches=2", "logger=none")


def without_test() -> DatasetDict:
    return DatasetDict(train=mnist_mini()["train"])


def test_without_a_test_split_nothing_is_tested_and_that_is_said(compose_config: Compose, caplog):
    source = {"_target_": f"{__name__}.without_test"}
    cfg = compose_config("trainer.accelerator=cpu", "trainer.fast_dev_run=true")
    cfg.data.hf_dict_dataset = source
    metrics, _ = train(cfg)
    assert not [name for name in metrics if name.startswith("test/")]
    assert "The data set has no test split: nothing is tested" in caplog.text


def test_data_is_not_loaded_to_see_whether_it_has_a_test_split():
    class NotLoaded:
        splits: dict = {}

    assert lifecycle.has_test_split({"datamodule": NotLoaded()})


def test_the_last_lines_say_the_result_and_the_command(caplog, monkeypatch):
    caplog.set_level("INFO")
    monkeypatch.chdir(ROOT)
    lifecycle.say_result({"test/accuracy": 0.5, "val/best": 0.25, "train/total": 9.0}, str(ROOT / "runs" / "x.ckpt"))
    assert [record.getMessage() for record in caplog.records] == [
        "Result: test/accuracy 0.5000, val/best 0.2500",
        "Evaluate it again: python ml_core/eval.py ckpt_path=runs/x.ckpt",
    ]


def test_a_path_with_special_characters_is_quoted_for_the_shell_and_for_hydra(compose_config: Compose):
    override = lifecycle._as_override("ckpt_path", "logs/epoch=0-step=57.ckpt")
    assert override == """'ckpt_path="logs/epoch=0-step=57.ckpt"'"""
    (word,) = shlex.split(override)
    assert compose_config(word).ckpt_path == "logs/epoch=0-step=57.ckpt"


class TestAFinishedRun:
    """Its checkpoint has all epochs behind it."""

    @pytest.fixture
    def last(self, compose_config: Compose, tmp_path: Path) -> Path:
        train(compose_config(*SHORT, "trainer.max_epochs=2", "test=false", folder="first"))
        return tmp_path / "first" / "checkpoints" / "last.ckpt"

    def test_is_told_when_it_is_resumed_without_more_epochs(self, last: Path, compose_config: Compose, caplog):
        train(compose_config(*SHORT, "trainer.max_epochs=2", "test=false", f"ckpt_path={last}"))
        assert f"{last} has all 2 epochs behind it, so nothing is trained." in caplog.text

    def test_cannot_be_resumed_for_fewer_epochs(self, last: Path, compose_config: Compose):
        with pytest.raises(ConfigError) as error:
            train(compose_config(*SHORT, "trainer.max_epochs=1", f"ckpt_path={last}"))
        assert str(error.value) == f"trainer.max_epochs: is 1, but {last} has 2 epochs behind it. Set it higher."

    def test_is_named_where_its_folder_is_given(self, last: Path, compose_config: Compose):
        folder = last.parents[1]
        with pytest.raises(ConfigError) as error:
            train(compose_config(*SHORT, f"ckpt_path={folder}"))
        assert str(error.value) == f"ckpt_path: '{folder}' is a folder. Name a file in it: ckpt_path={last}"


def test_a_text_file_is_no_checkpoint_and_is_told_before_anything_is_built(compose_config: Compose, tmp_path: Path):
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(StorageError, match=r"a\.txt: is no whole checkpoint"):
        train(compose_config(*SHORT, f"ckpt_path={tmp_path / 'a.txt'}"))
