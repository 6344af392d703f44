"""What happens around a task."""

from __future__ import annotations

import logging

import pytest
import torch
from omegaconf import OmegaConf
from setting import Compose

from ml_core.errors import ConfigError
from ml_core.utils.task import optimized_metric, task_wrapper


def test_no_name_means_no_value():
    assert optimized_metric({"val/best": torch.tensor(0.5)}, None) is None


def test_a_named_value_comes_as_a_float():
    value = optimized_metric({"val/best": torch.tensor(0.5)}, "val/best")
    assert (value, type(value)) == (0.5, float)


def test_a_name_that_was_not_logged_is_explained():
    with pytest.raises(ConfigError) as error:
        optimized_metric({"val/total": torch.tensor(1.0)}, "val/best")
    assert str(error.value) == (
        "optimized_metric: 'val/best' was not logged. `val/best` comes from callbacks.metrics_callback, which is "
        "switched off. Logged: val/total."
    )


def test_a_failing_task_leaves_its_traceback_in_the_log_file_and_keeps_its_exception(compose_config: Compose, tmp_path):
    handler = logging.FileHandler(tmp_path / "task.log")
    logging.getLogger().addHandler(handler)

    @task_wrapper
    def fails(cfg):
        raise ZeroDivisionError("of all things")

    cfg = compose_config("check=false")
    OmegaConf.update(cfg, "paths.output_dir", "${hydra:runtime.output_dir}")  # cannot be resolved here
    try:
        with pytest.raises(ZeroDivisionError, match="of all things"):
            fails(cfg)
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
    assert "ZeroDivisionError: of all things" in (tmp_path / "task.log").read_text()


def test_a_key_that_nothing_reads_is_refused(compose_config: Compose):
    @task_wrapper
    def never(cfg):
        raise AssertionError("must not run")

    cfg = compose_config("+trianer.max_epochs=3")
    with pytest.raises(ConfigError, match=r"trianer: there is no 'trianer' .* Did you mean 'trainer'\?"):
        never(cfg)
