"""The steps of a run, those that the entry points' own tests do not show."""

from __future__ import annotations

from datasets import DatasetDict
from setting import Compose

from ml_core.data.sources import mnist_mini
from ml_core.train import train
from ml_core.utils import lifecycle


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


def test_the_last_lines_say_the_result_and_the_command(caplog, tmp_path, monkeypatch):
    caplog.set_level("INFO")
    monkeypatch.chdir(tmp_path)
    lifecycle.say_result(
        {"test/accuracy": 0.5, "val/best": 0.25, "train/total": 9.0}, str(tmp_path / "runs" / "x.ckpt")
    )
    assert [record.getMessage() for record in caplog.records] == [
        "Result: test/accuracy 0.5000, val/best 0.2500",
        "Evaluate it again: python ml_core/eval.py ckpt_path=runs/x.ckpt",
    ]
