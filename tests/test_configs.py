"""Every configuration file says what it is and composes, alone and with the example."""

from __future__ import annotations

import shlex
from itertools import takewhile
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from setting import ROOT, Compose

CONFIGS = ROOT / "configs"
FILES = sorted(p.relative_to(CONFIGS) for p in CONFIGS.rglob("*.yaml") if p.parts[-2] != "local")
OPTIONS = [p.with_suffix("") for p in FILES if len(p.parts) > 1]
EXPERIMENTS = [p.relative_to("experiment").with_suffix("").as_posix() for p in FILES if p.parts[0] == "experiment"]

IMAGE_TRANSFORM = {
    "_target_": "ml_core.transforms.base.ComposeTransform",
    "to_tensor": {
        "_target_": "ml_core.transforms.image.TorchVisionTransform",
        "transform": {"_target_": "torchvision.transforms.ToTensor"},
        "key": "image",
    },
    "normalize": {
        "_target_": "ml_core.transforms.image.TorchVisionTransform",
        "transform": {"_target_": "torchvision.transforms.Normalize", "mean": [0.1307], "std": [0.3081]},
        "key": "image",
    },
}


def header(path: Path) -> list[str]:
    lines = (CONFIGS / path).read_text().splitlines()
    return list(takewhile(lambda line: line.startswith("#"), lines))


def test_the_globs_find_the_configuration():
    assert len(FILES) > 40
    assert {"example", "mnist", "data/csv"} <= set(EXPERIMENTS)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_opens_with_what_it_is_and_the_command_that_uses_it(path: Path):
    lines = [line for line in header(path) if "@package" not in line]
    assert len(lines) >= 2, f"{path} has no header"
    assert lines[-1].startswith("# Run: python ml_core/"), lines


@pytest.mark.parametrize("path", FILES, ids=str)
def test_the_command_in_a_header_composes(path: Path, compose_config: Compose):
    command = shlex.split(header(path)[-1].removeprefix("# Run: "))
    config = Path(command[1]).stem
    overrides = [word for word in command[2:] if not word.startswith("-") and word not in ("job", "hydra")]
    assert compose_config(*overrides, config=f"{config}.yaml")


@pytest.mark.parametrize("option", OPTIONS, ids=str)
@pytest.mark.parametrize("experiment", [None, "example"])
def test_every_option_composes_alone_and_with_the_example(
    option: Path, experiment: str | None, compose_config: Compose
):
    group, name = option.parent.as_posix(), option.name
    if option.parts[0] == "experiment":  # its folders are no groups
        group, name = "experiment", option.relative_to("experiment").as_posix()
    overrides = [f"experiment={experiment}"] if experiment and group != "experiment" else []
    cfg = compose_config(f"{group}={name}", *overrides)
    assert {"data", "model", "trainer", "callbacks", "logger"} <= set(cfg)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_composes_on_evaluation_too(experiment: str, compose_config: Compose):
    cfg = compose_config(f"experiment={experiment}", "ckpt_path=x", config="eval.yaml")
    assert cfg.data._target_ == "ml_core.data.base_datamodule.BaseDataModule"
    callback = cfg.callbacks.metrics_callback
    assert callback.tracked_metric_name in callback.metrics.metrics


def test_data_mnist_is_as_the_architecture_document_writes_it(compose_config: Compose):
    assert OmegaConf.to_container(compose_config("data=mnist").data) == {
        "_target_": "ml_core.data.base_datamodule.BaseDataModule",
        "hf_dict_dataset": {"_target_": "datasets.load_dataset", "_args_": ["ylecun/mnist"]},
        "val_ratio": 0.1,
        "transform": IMAGE_TRANSFORM,
        "batch_size": 128,
        "num_workers": 8,
    }


def test_model_mnist_is_as_the_architecture_document_writes_it(compose_config: Compose):
    assert OmegaConf.to_container(compose_config("model=mnist").model) == {
        "_target_": "ml_core.models.base_module.BaseLitModule",
        "forward_fn": {
            "_target_": "ml_core.transforms.base.ComposeTransform",
            "network": {
                "_target_": "ml_core.transforms.base.WrapTransform",
                "transform": {
                    "_target_": "ml_core.models.components.simple_dense_net.SimpleDenseNet",
                    "input_size": 784,
                    "output_size": 10,
                },
                "mapping": {"image": "x"},
                "new_key": "output",
            },
            "argmax": {
                "_target_": "ml_core.transforms.base.WrapTransform",
                "transform": {"_target_": "torch.argmax", "_partial_": True, "dim": -1},
                "mapping": {"output": "input"},
                "new_key": "prediction",
            },
        },
        "criterions": {
            "_target_": "ml_core.models.utils.CriterionsComposition",
            "criterions": {"ce": {"_target_": "torch.nn.CrossEntropyLoss"}},
            "weights": {"ce": 1.0},
            "mapping": {"ce": {"output": "input", "label": "target"}},
        },
        "optimizer": {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 0.001},
        "scheduler": {
            "_target_": "torch.optim.lr_scheduler.ReduceLROnPlateau",
            "_partial_": True,
            "mode": "min",
            "factor": 0.1,
            "patience": 10,
        },
        "compile": False,
    }


@pytest.mark.parametrize(("experiment", "data"), [("mnist", "mnist"), ("example", "mnist_mini")])
def test_the_experiments_are_as_the_architecture_document_writes_them(
    experiment: str, data: str, compose_config: Compose
):
    cfg = compose_config(f"experiment={experiment}")
    assert list(cfg.tags) == ["mnist", "simple_dense_net"]
    assert cfg.seed == 12345
    assert (cfg.trainer.min_epochs, cfg.trainer.max_epochs) == (5, 5)
    assert cfg.model.optimizer._target_ == "torch.optim.Adam"
    assert cfg.model.optimizer.lr == 0.002
    assert cfg.data.batch_size == 64
    assert cfg.data.hf_dict_dataset == compose_config(f"data={data}").data.hf_dict_dataset
    assert OmegaConf.to_container(cfg.callbacks.metrics_callback) == {
        "_target_": "ml_core.callbacks.metrics_callback.MetricsCallback",
        "tracked_metric_name": "accuracy",
        "metrics": {
            "_target_": "ml_core.models.utils.MetricsComposition",
            "metrics": {"accuracy": {"_target_": "torchmetrics.Accuracy", "task": "multiclass", "num_classes": 10}},
            "mapping": {"accuracy": {"prediction": "preds", "label": "target"}},
        },
    }


def test_the_primary_configuration_trains_embedded_data(compose_config: Compose):
    cfg = compose_config()
    assert cfg.data.hf_dict_dataset._target_ == "ml_core.data.sources.mnist_mini"
    assert (cfg.task_name, cfg.train, cfg.test, cfg.ckpt_path, cfg.seed) == ("train", True, True, None, None)


def test_parts_of_the_example_model_can_be_exchanged(compose_config: Compose):
    cfg = compose_config("experiment=example", "model/optimizer=sgd", "model/scheduler=constant")
    assert cfg.model.optimizer._target_ == "torch.optim.SGD"
    assert cfg.model.optimizer.lr == 0.002
    assert cfg.model.scheduler._target_ == "torch.optim.lr_scheduler.ConstantLR"


def test_a_debug_preset_wins_over_an_experiment_and_the_command_line_over_both(compose_config: Compose):
    assert compose_config("experiment=example", "debug=fdr").trainer.max_epochs == 1
    assert compose_config("experiment=example", "debug=fdr", "trainer.max_epochs=2").trainer.max_epochs == 2


@pytest.mark.parametrize(
    ("preset", "trainer"),
    [
        ("default", {"max_epochs": 1, "accelerator": "cpu", "devices": 1, "detect_anomaly": True}),
        ("fdr", {"max_epochs": 1, "fast_dev_run": True}),
        (
            "limit",
            {"max_epochs": 3, "limit_train_batches": 0.01, "limit_val_batches": 0.05, "limit_test_batches": 0.05},
        ),
        ("overfit", {"max_epochs": 20, "overfit_batches": 3}),
        ("profiler", {"max_epochs": 1, "profiler": "simple"}),
    ],
)
def test_what_the_debug_presets_set(preset: str, trainer: dict, compose_config: Compose):
    cfg = compose_config("experiment=example", f"debug={preset}")
    assert trainer.items() <= OmegaConf.to_container(cfg.trainer).items()
    assert (cfg.task_name, cfg.callbacks, cfg.logger) == ("debug", None, None)
    assert cfg.data.num_workers == 0
    assert cfg.extras.enforce_tags is False


def test_the_searches_compose_with_the_example(compose_config: Compose):
    for name in ("optuna", "mnist_optuna"):
        assert compose_config(f"hparams_search={name}", "experiment=example").optimized_metric == "val/best"


def test_the_data_folder_moves_with_one_value(compose_config: Compose):
    assert compose_config("paths.data_dir=/x").paths.data_dir == "/x"
