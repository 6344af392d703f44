"""A search knows by itself which way its value is better."""

from __future__ import annotations

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from hydra_plugins.ml_core_sweeper._direction import directions_of
from ml_core.errors import ConfigError
from ml_core.utils.project_root import config_folder


def example(*overrides: str) -> DictConfig:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        words = ["experiment=example", "optimized_metric=val/best", *overrides]
        return compose("train.yaml", words, return_hydra_config=True)


MSE = (
    "callbacks.metrics_callback.metrics.metrics.accuracy._target_=torchmetrics.MeanSquaredError",
    "~callbacks.metrics_callback.metrics.metrics.accuracy.task",
    "~callbacks.metrics_callback.metrics.metrics.accuracy.num_classes",
)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), "maximize"),
        (("callbacks.metrics_callback.tracked_metric_name=null",), "minimize"),
        (("optimized_metric=val/accuracy",), "maximize"),
        (("optimized_metric=val/total",), "minimize"),
        (("optimized_metric=val/ce", "callbacks=none"), "minimize"),
        (MSE, "minimize"),
        (("callbacks.metrics_callback.mode=min",), "minimize"),
    ],
)
def test_auto_is_the_direction_of_the_optimised_value(overrides: tuple[str, ...], expected: str):
    assert directions_of("auto", lambda: example(*overrides)) == [expected]
    assert not HydraConfig.initialized()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("optimized_metric=null",), "optimized_metric: is null, so there is nothing to search for. For example val/b"),
        (
            ("optimized_metric=val/acuracy",),
            "optimized_metric: nothing in this run logs 'val/acuracy'. Did you mean 'val/accuracy'?",
        ),
        (("optimized_metric=step",), "hydra.sweeper.direction: is auto, but 'step' does not say which way is better."),
        (("callbacks=none",), "optimized_metric: nothing in this run logs 'val/best'."),
    ],
)
def test_auto_needs_a_value_that_the_run_logs(overrides: tuple[str, ...], message: str):
    with pytest.raises(ConfigError) as raised:
        directions_of("auto", lambda: example(*overrides))
    assert str(raised.value).startswith(message)


def test_a_direction_that_is_given_needs_no_configuration():
    def compose_nothing() -> DictConfig:
        raise AssertionError

    assert directions_of("maximize", compose_nothing) == ["maximize"]
    assert directions_of(["minimize", "maximize"], compose_nothing) == ["minimize", "maximize"]
    with pytest.raises(ConfigError, match="Did you mean 'minimize'"):
        directions_of("minimise", compose_nothing)
