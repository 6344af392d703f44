"""What is added to Hydra's composition."""

from __future__ import annotations

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.errors import ConfigCompositionException
from setting import Compose

from ml_core.utils import composition
from ml_core.utils.composition import forgiving


def test_the_wrapped_method_is_that_of_hydra_1_3():
    import hydra

    assert hydra.__version__.startswith("1.3.")
    assert callable(ConfigLoaderImpl._load_configuration_impl.__wrapped__)


def test_installing_twice_wraps_once():
    once = ConfigLoaderImpl._load_configuration_impl
    composition.install()
    assert ConfigLoaderImpl._load_configuration_impl is once


@pytest.mark.parametrize("prefix", ["", "+", "++"])
@pytest.mark.parametrize("key", ["max_epochs", "gradient_clip_val"], ids=["in the file", "not in the file"])
def test_a_value_may_be_given_with_any_number_of_pluses(prefix: str, key: str, compose_config: Compose):
    assert compose_config(f"{prefix}trainer.{key}=3").trainer[key] == 3


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("trainer.max_epochs=1", "++trainer.max_epochs=1"),
        ("+data.pin_memory=true", "++data.pin_memory=true"),
        ("model.optimizer.lr=1e-3", "++model.optimizer.lr=1e-3"),
        ("callbacks.x.y=a=b", "++callbacks.x.y=a=b"),
        ("data=mnist", "data=mnist"),
        ("model/optimizer=sgd", "model/optimizer=sgd"),
        ("+model/extra@model.x.y=sgd", "+model/extra@model.x.y=sgd"),
        ("~model.scheduler", "~model.scheduler"),
        ("seed=1", "seed=1"),
        ("paths.data_dir=/x", "paths.data_dir=/x"),
        ("hydra.run.dir=x", "hydra.run.dir=x"),
    ],
)
def test_only_values_of_sections_with_targets_are_forgiven(given: str, meant: str):
    assert forgiving(given) == meant


def test_a_misspelt_key_elsewhere_is_an_error_of_composition(compose_config: Compose):
    with pytest.raises(ConfigCompositionException, match=r"paths\.dta_dir"):
        compose_config("paths.dta_dir=/x")


def test_a_group_may_be_exchanged_in_a_model_from_groups(compose_config: Compose):
    cfg = compose_config("model/optimizer=sgd", "model.optimizer.nesterov=true")
    assert (cfg.model.optimizer._target_, cfg.model.optimizer.nesterov) == ("torch.optim.SGD", True)
