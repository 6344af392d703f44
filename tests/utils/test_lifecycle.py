"""The steps of a run, those that the entry points' own tests do not show."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import DatasetDict
from setting import Compose

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


def test_the_result_of_a_run_without_a_test_split_says_that_it_is_not_tested(compose_config: Compose, caplog):
    caplog.set_level("INFO")
    cfg = compose_config("trainer.accelerator=cpu", "trainer.fast_dev_run=true")
    cfg.data.hf_dict_dataset = {"_target_": f"{__name__}.without_test"}
    train(cfg)
    (result,) = [r.getMessage() for r in caplog.records if r.getMessage().startswith("Result: ")]
    assert result.endswith("; not tested: the data has no test split")

    caplog.clear()
    cfg.test = False
    train(cfg)
    assert "not tested" not in caplog.text


def test_data_is_not_loaded_to_see_whether_it_has_a_test_split():
    class NotLoaded:
        splits: dict = {}

    assert lifecycle.has_test_split({"datamodule": NotLoaded()})


def test_evaluation_says_its_result(caplog):
    caplog.set_level("INFO")
    lifecycle.say_result({"test/accuracy": 0.5, "val/best": 0.25, "train/total": 9.0})
    assert [record.getMessage() for record in caplog.records] == ["Result: test/accuracy 0.5000, val/best 0.2500"]


def test_training_ends_with_the_best_checkpoint_and_the_command(compose_config: Compose, tmp_path: Path, caplog):
    caplog.set_level("INFO")
    metrics, _ = train(compose_config(*SHORT, "trainer.max_epochs=1", "test=false"))
    best = tmp_path / "run" / "checkpoints" / "epoch_000.ckpt"
    *_, result, where, command = [r.getMessage() for r in caplog.records if r.name == lifecycle.__name__]
    assert result == f"Result: val/best {metrics['val/best']:.4f}"
    assert where == f"Best checkpoint: {best} (val/best {metrics['val/best']:.4f})"
    assert command.startswith("Evaluate it again: ")
    assert command.endswith(f"eval.py ckpt_path={best}")


def test_without_a_checkpoint_there_is_none_to_evaluate(compose_config: Compose, caplog):
    caplog.set_level("INFO")
    train(compose_config(*SHORT, "trainer.max_epochs=1", "test=false", "callbacks=none"))
    assert "Evaluate it again" not in caplog.text
    assert "Result: nothing was measured" in caplog.text


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
