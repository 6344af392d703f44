"""A node whose `_target_` changes: what is kept and what is dropped."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf
from setting import Compose

from ml_core.utils.instantiators import Builder
from ml_core.utils.project_root import config_folder


def keywords(cfg: DictConfig, path: str) -> dict:
    return Builder(cfg).build(path).keywords


@pytest.fixture
def with_experiment(tmp_path: Path):
    """Compose with an experiment of the user's own."""

    def run(text: str, *overrides: str) -> DictConfig:
        (tmp_path / "experiment").mkdir()
        (tmp_path / "experiment" / "mine.yaml").write_text(f"# @package _global_\n{text}")
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(config_folder()), version_base="1.3"):
            return compose("train.yaml", [f"hydra.searchpath=[file://{tmp_path}]", "experiment=mine", *overrides])

    return run


def test_on_the_command_line_arguments_are_kept_that_the_new_target_takes(compose_config: Compose, caplog):
    caplog.set_level("INFO")
    cfg = compose_config("model=mnist", "model.optimizer._target_=torch.optim.SGD", "model.optimizer.lr=0.5")
    assert keywords(cfg, "model.optimizer") == {"lr": 0.5}
    cfg = compose_config("model/optimizer=sgd", "model.optimizer._target_=torch.optim.AdamW")
    assert keywords(cfg, "model.optimizer") == {"lr": 0.01, "weight_decay": 0.0, "fused": True}
    assert "model.optimizer: momentum, written for the target before, are dropped" in caplog.text


def test_in_a_file_too(with_experiment):
    cfg = with_experiment(
        "defaults:\n  - override /model: mnist\n"
        "model:\n  scheduler:\n    _target_: torch.optim.lr_scheduler.StepLR\n    step_size: 3\n"
    )
    assert Builder(cfg).build("model").scheduler.factory.keywords == {"step_size": 3}


def test_what_is_written_again_for_the_new_target_must_fit_it(with_experiment):
    from ml_core.errors import ConfigError

    cfg = with_experiment(
        "defaults:\n  - override /model: mnist\n"
        "model:\n  optimizer:\n    _target_: torch.optim.SGD\n    betas: [0, 1]\n"
    )
    with pytest.raises(ConfigError, match=r"model\.optimizer\.betas: torch\.optim\.SGD takes no 'betas'"):
        Builder(cfg).build("model.optimizer")


def test_what_a_later_file_writes_is_no_longer_inherited(with_experiment):
    cfg = with_experiment(
        "defaults:\n  - override /model: mnist\nmodel:\n  optimizer:\n    _target_: torch.optim.SGD\n    lr: 0.3\n"
    )
    assert cfg.model.optimizer._inherited_ == []
    assert keywords(cfg, "model.optimizer") == {"lr": 0.3}


def test_a_whole_node_on_the_command_line(compose_config: Compose):
    node = "{_target_: torch.nn.Linear, in_features: 784, out_features: 10}"
    cfg = compose_config("model=mnist", f"model.forward_fn.network.transform={node}")
    assert sorted(cfg.model.forward_fn.network.transform._inherited_) == ["input_size", "output_size"]
    assert Builder(cfg).build("model.forward_fn.network.transform").in_features == 784


def test_a_built_in_keeps_what_nobody_can_check(compose_config: Compose):
    cfg = compose_config("model=mnist", "model.forward_fn.argmax.transform._target_=torch.softmax")
    assert keywords(cfg, "model.forward_fn.argmax.transform") == {"dim": -1}


def test_a_group_option_replaces_the_node_and_inherits_nothing(compose_config: Compose):
    cfg = compose_config("experiment=example", "model/optimizer=sgd")
    assert "_inherited_" not in cfg.model.optimizer


def test_nothing_is_marked_where_no_target_changes(compose_config: Compose):
    assert "_inherited_" not in OmegaConf.to_yaml(compose_config("experiment=example", "debug=fdr"), resolve=False)


def test_positional_arguments_of_the_old_target_are_dropped(with_experiment, compose_config: Compose):
    text = (
        "defaults:\n  - override /data: mnist\n"
        "data:\n  hf_dict_dataset:\n    _target_: ml_core.data.sources.mnist_mini\n"
    )
    assert with_experiment(text).data.hf_dict_dataset._args_ == []
    cfg = compose_config("data=mnist", "data.hf_dict_dataset._target_=ml_core.data.sources.mnist_mini")
    assert len(Builder(cfg).build("data.hf_dict_dataset")["test"]) == 1000


def test_positional_arguments_of_the_new_target_stay(compose_config: Compose):
    cfg = compose_config("data=mnist", "data.hf_dict_dataset={_target_: builtins.dict, _args_: [[[train, 1]]]}")
    assert Builder(cfg).build("data.hf_dict_dataset") == {"train": 1}
