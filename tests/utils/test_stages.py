"""What is missing for now, and what for good."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from setting import Compose

from ml_core.errors import ConfigError
from ml_core.train import train
from ml_core.utils.stages import is_yet_to_come


@pytest.mark.parametrize(
    ("monitor", "logged", "expected"),
    [
        ("val/best", [], True),
        ("val/best", ["train/total"], True),
        ("val/bset", ["val/total", "val/best"], False),
        ("train/total", [], False),
    ],
)
def test_a_value_is_yet_to_come_while_no_validation_has_run(monitor: str, logged: list[str], expected: bool):
    assert is_yet_to_come(monitor, SimpleNamespace(callback_metrics=dict.fromkeys(logged))) is expected


def test_a_plateau_scheduler_that_looks_at_a_misspelt_value_is_no_constant_one(compose_config: Compose):
    words = ("trainer.accelerator=cpu", "trainer.limit_train_batches=2", "trainer.max_epochs=1", "logger=none")
    with pytest.raises(ConfigError, match=r"^model\.scheduler\.monitor: nothing in this run logs 'val/totl'\. Did you"):
        train(compose_config("model/scheduler=plateau", "model.scheduler.monitor=val/totl", "check=false", *words))


def test_a_run_that_ends_before_its_first_validation_ends_well(compose_config: Compose):
    words = ("trainer.accelerator=cpu", "trainer.max_steps=2", "trainer.max_epochs=-1", "test=false", "logger=none")
    metrics, objects = train(compose_config("experiment=example", *words))
    assert objects["trainer"].global_step == 2
    assert "val/best" not in metrics
