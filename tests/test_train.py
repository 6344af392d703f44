"""Training through the real `train` and `main`, on embedded data."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from setting import ROOT, Compose
from sklearn.metrics import accuracy_score

from ml_core.errors import ConfigError, StorageError
from ml_core.train import main, train

QUICK = ("trainer.accelerator=cpu", "extras.print_config=false")


def rows_of(folder: Path) -> list[dict[str, str]]:
    with open(folder / "metrics.csv") as file:
        return list(csv.DictReader(file))


def weights_of(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint, weights_only=True)["state_dict"]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory):
    """The example, trained once: metrics, objects and its folder."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from ml_core.utils.project_root import config_folder

    folder = tmp_path_factory.mktemp("example")
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        cfg = compose(
            "train.yaml", ["experiment=example", f"paths.output_dir={folder}", f"paths.work_dir={folder}", *QUICK]
        )
    metrics, objects = train(cfg)
    return metrics, objects, folder


def test_the_example_reaches_its_accuracy(example):
    metrics, _, _ = example
    assert metrics["test/accuracy"] == pytest.approx(0.943, abs=0.02)
    assert metrics["test/accuracy"] >= 0.92
    assert metrics["val/best"] > 0.9


def test_the_example_leaves_a_best_and_a_last_checkpoint_its_metrics_and_its_configuration(example):
    _, _, folder = example
    names = {path.name for path in (folder / "checkpoints").iterdir()}
    assert "last.ckpt" in names
    assert len(names) == 2
    assert {"metrics.csv", "hparams.yaml"} <= {path.name for path in folder.iterdir()}


def test_the_reported_test_accuracy_is_what_scikit_learn_finds_in_the_predictions(example):
    metrics, objects, _ = example
    batches = objects["trainer"].predict(objects["model"], datamodule=objects["datamodule"])
    predictions = torch.cat([batch["prediction"] for batch in batches])
    labels = torch.cat([batch["label"] for batch in batches])
    assert len(labels) == 1000
    assert metrics["test/accuracy"].item() == pytest.approx(accuracy_score(labels, predictions), abs=1e-6)


def test_train_val_and_test_values_differ_and_the_loss_is_the_mean_over_samples(example):
    metrics, objects, _ = example
    assert len({metrics[f"{stage}/accuracy"].item() for stage in ("train", "val", "test")}) == 3
    loss = torch.nn.CrossEntropyLoss(reduction="sum")
    batches = objects["trainer"].predict(objects["model"], datamodule=objects["datamodule"])
    total = sum(loss(batch["output"], batch["label"]) for batch in batches)
    assert metrics["test/total"].item() == pytest.approx(total.item() / 1000, rel=1e-5)


def test_a_checkpoint_loads_without_unpickling_objects_and_holds_little_beside_the_state(example):
    _, _, folder = example
    path = folder / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    weights = sum(t.numel() * t.element_size() for t in checkpoint["state_dict"].values())
    moments = [t for state in checkpoint["optimizer_states"][0]["state"].values() for t in state.values()]
    optimizer = sum(t.numel() * t.element_size() for t in moments)
    assert path.stat().st_size <= weights + optimizer + 64 * 1024


def test_loggers_are_told_the_configuration_and_the_number_of_parameters(example):
    _, objects, folder = example
    told = OmegaConf.load(folder / "hparams.yaml")
    count = sum(p.numel() for p in objects["model"].parameters())
    assert told["model/params/total"] == count == told["model/params/trainable"]
    assert told["model/params/non_trainable"] == 0
    assert told.model.optimizer.lr == 0.002


def test_the_same_seed_gives_the_same_run_also_seed_0(compose_config: Compose, tmp_path: Path):
    for folder in ("a", "b"):
        train(compose_config("experiment=example", "seed=0", "trainer.max_epochs=1", *QUICK, folder=folder))
    assert rows_of(tmp_path / "a") == rows_of(tmp_path / "b")


DROPOUT = (  # a network that draws random numbers in every step
    "model=mnist",
    "model.forward_fn.network.mapping={image: input}",
    "model.forward_fn.network.transform={_target_: torch.nn.Sequential, _args_: ["
    "{_target_: torch.nn.Flatten}, {_target_: torch.nn.Dropout},"
    "{_target_: torch.nn.Linear, in_features: 784, out_features: 10}]}",
    "~model.forward_fn.network.transform.input_size",
    "~model.forward_fn.network.transform.output_size",
)


@pytest.mark.parametrize("network", [(), DROPOUT], ids=["dense", "dropout"])
def test_two_epochs_straight_equal_one_epoch_and_a_resumed_one(network, compose_config: Compose, tmp_path: Path):
    # patience 0 and an impossible threshold make the plateau scheduler cut the rate after every epoch
    common = ("experiment=example", "model.scheduler.patience=0", "model.scheduler.threshold=100", *network, *QUICK)
    straight, _ = train(compose_config(*common, "trainer.max_epochs=2", folder="straight"))
    train(compose_config(*common, "trainer.max_epochs=1", "trainer.min_epochs=1", folder="first"))
    last = tmp_path / "first" / "checkpoints" / "last.ckpt"
    resumed, objects = train(compose_config(*common, "trainer.max_epochs=2", f"ckpt_path={last}", folder="second"))

    unbroken = weights_of(tmp_path / "straight" / "checkpoints" / "last.ckpt")
    continued = weights_of(tmp_path / "second" / "checkpoints" / "last.ckpt")
    assert unbroken.keys() == continued.keys()
    assert all(torch.equal(unbroken[name], continued[name]) for name in unbroken)
    assert resumed["val/best"] == straight["val/best"]
    assert objects["trainer"].optimizers[0].param_groups[0]["lr"] == pytest.approx(0.002 * 0.1**2)


def test_a_resumed_run_keeps_a_best_value_that_it_does_not_reach_again(compose_config: Compose, tmp_path: Path):
    first, _ = train(compose_config("experiment=example", "trainer.max_epochs=2", "trainer.min_epochs=1", *QUICK))
    ruin = ("model.optimizer.lr=0.002", "trainer.max_epochs=3", "data.batch_size=2000")
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(last, weights_only=True)
    checkpoint["state_dict"] = {k: torch.zeros_like(v) for k, v in checkpoint["state_dict"].items()}
    torch.save(checkpoint, last)
    cfg = compose_config("experiment=example", *ruin, f"ckpt_path={last}", *QUICK, folder="second")
    second, objects = train(cfg)
    assert second["val/accuracy"] < first["val/best"]
    assert second["val/best"] == first["val/best"]
    assert Path(objects["trainer"].checkpoint_callback.best_model_path).parent == tmp_path / "run" / "checkpoints"


def test_without_fitting_a_checkpoint_is_tested(example, compose_config: Compose):
    metrics, _, folder = example
    best = next(folder.glob("checkpoints/epoch_*.ckpt"))
    tested, _ = train(compose_config("experiment=example", "train=false", f"ckpt_path={best}", *QUICK))
    assert tested["test/accuracy"] == metrics["test/accuracy"]
    assert tested["test/total"].item() == pytest.approx(metrics["test/total"].item(), abs=1e-6)


def test_a_run_without_checkpoints_tests_the_weights_that_it_has(compose_config: Compose, caplog):
    cfg = compose_config(
        "experiment=example", "callbacks=none", "trainer.enable_checkpointing=false", "trainer.max_epochs=1", *QUICK
    )
    metrics, _ = train(cfg)
    assert {"train/total", "val/total", "test/total"} <= set(metrics)
    assert "test/accuracy" not in metrics
    assert "No checkpoint was written" in caplog.text


@pytest.mark.parametrize("scheduler", ["null", "plateau"])
def test_a_scheduler_is_optional(scheduler: str, compose_config: Compose):
    override = "model.scheduler=null" if scheduler == "null" else "model/scheduler=plateau"
    _, objects = train(compose_config("experiment=example", override, "trainer.fast_dev_run=true", *QUICK))
    configs = objects["trainer"].lr_scheduler_configs
    assert [c.monitor for c in configs] == ([] if scheduler == "null" else ["val/total"])


OPTIMIZERS = sorted(path.stem for path in (ROOT / "configs/model/optimizer").glob("*.yaml"))
SCHEDULERS = sorted(path.stem for path in (ROOT / "configs/model/scheduler").glob("*.yaml"))


def test_there_are_optimizers_and_schedulers_to_choose_from():
    assert {"adafactor", "adam", "adamw", "rmsprop", "sgd"} <= set(OPTIMIZERS)
    assert {
        "constant", "cosine", "exponential", "linear_warmup", "none", "one_cycle", "plateau", "step",
        "warmup_stable_decay",
    } <= set(SCHEDULERS)  # fmt: skip


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler_trains_with_a_warm_up(scheduler: str, compose_config: Compose):
    limits = ["trainer.max_epochs=1", "+trainer.limit_train_batches=3", "trainer.limit_val_batches=1", "test=false"]
    warmup = [] if scheduler == "none" else ["++model.scheduler.warmup_epochs=0", "++model.scheduler.warmup_steps=2"]
    cfg = compose_config("experiment=example", f"model/scheduler={scheduler}", *limits, *warmup, *QUICK)
    _, objects = train(cfg)
    names = [type(config.scheduler).__name__ for config in objects["trainer"].lr_scheduler_configs]
    assert len(names) == (0 if scheduler == "none" else 2)
    assert scheduler == "none" or names[0] == "LinearWarmup"


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_trains_with_the_configured_values(optimizer: str, compose_config: Compose):
    cfg = compose_config(
        f"model/optimizer={optimizer}", "model.optimizer.lr=0.005", "model.optimizer.weight_decay=0.0001",
        "trainer.gradient_clip_val=0.5", "trainer.fast_dev_run=true", *QUICK,
    )  # fmt: skip
    _, objects = train(cfg)
    group = objects["trainer"].optimizers[0].param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (0.005, 0.0001)
    assert group.get("fused", True)
    assert objects["trainer"].gradient_clip_val == 0.5


def test_debug_default_is_one_epoch_without_callbacks_whatever_the_experiment_says(compose_config: Compose):
    metrics, objects = train(compose_config("experiment=example", "debug=default", *QUICK))
    assert objects["trainer"].current_epoch == 1
    assert objects["trainer"].global_step == 57
    assert objects["callbacks"] == objects["logger"] == []
    assert "train/accuracy" not in metrics


def test_debug_fdr_takes_one_step_of_each_stage(compose_config: Compose):
    _, objects = train(compose_config("experiment=example", "debug=fdr", *QUICK))
    trainer = objects["trainer"]
    assert (trainer.global_step, trainer.num_val_batches, trainer.num_test_batches) == (1, [1], [1])


def test_debug_limit_takes_one_and_five_percent_for_three_epochs(compose_config: Compose):
    _, objects = train(compose_config("experiment=example", "debug=limit", *QUICK))
    trainer = objects["trainer"]
    # 3,600, 400 and 1,000 samples in batches of 16: 225, 25 and 63 batches
    assert (trainer.num_training_batches, trainer.num_val_batches, trainer.num_test_batches) == (2, [1], [3])
    assert trainer.global_step == 6


def test_debug_overfit_makes_the_training_loss_fall_tenfold(compose_config: Compose):
    cfg = compose_config("experiment=example", "debug=overfit", "test=false", *QUICK)
    first, _ = train(
        compose_config("experiment=example", "debug=overfit", "trainer.max_epochs=1", "test=false", *QUICK)
    )
    last, objects = train(cfg)
    assert objects["trainer"].global_step == 60
    assert last["train/total"] < first["train/total"] / 10


@pytest.mark.parametrize(
    ("profiler", "word"), [("simple", "run_training_epoch"), ("advanced", "run_training_epoch"), ("pytorch", "aten::")]
)
def test_debug_profiler_reports_with_each_profiler(profiler: str, word: str, compose_config: Compose, caplog):
    caplog.set_level("INFO")
    preset = ("debug=profiler", f"trainer.profiler={profiler}", "trainer.limit_train_batches=3", "test=false")
    train(compose_config("experiment=example", *preset, *QUICK))
    assert word in caplog.text


@pytest.mark.parametrize("logger", ["csv", "tensorboard"])
def test_a_logger_writes_into_the_run_folder(logger: str, compose_config: Compose, tmp_path: Path):
    train(
        compose_config("experiment=example", f"logger={logger}", "trainer.max_epochs=1", "trainer.min_epochs=1", *QUICK)
    )
    pattern = {"csv": "metrics.csv", "tensorboard": "tensorboard/events.*"}[logger]
    assert list((tmp_path / "run").glob(pattern))


def test_several_loggers_write_at_once(compose_config: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path))
    overrides = ("logger=many_loggers", "logger.wandb.offline=true", "trainer.max_epochs=1", "trainer.min_epochs=1")
    train(compose_config("experiment=example", *overrides, *QUICK))
    for pattern in ("metrics.csv", "tensorboard/events.*", "wandb/offline-run-*"):
        assert list((tmp_path / "run").glob(pattern)), pattern


@pytest.mark.parametrize(("logger", "package"), [("mlflow", "mlflow"), ("aim", "aim"), ("comet", "comet_ml")])
def test_a_logger_whose_package_is_missing_names_the_extra(logger: str, package: str, compose_config: Compose):
    if importlib.util.find_spec(package):
        pytest.skip(f"{package} is installed")
    with pytest.raises(ConfigError, match=f"needs the package '{package}'.* uv pip install '..loggers.'"):
        train(compose_config("experiment=example", f"logger={logger}", *QUICK))


def test_ckpt_path_last_goes_on_from_the_newest_run_of_the_same_experiment(
    run_command: Callable[..., Path], caplog: pytest.LogCaptureFixture
):
    common = ("experiment=example", "trainer.min_epochs=1", "logger=none", "test=false", "ckpt_path=last", *QUICK)
    logs = run_command(main, *common, "trainer.max_epochs=1")
    (first,) = logs.glob("train/runs/*/checkpoints/last.ckpt")
    assert torch.load(first, weights_only=True)["epoch"] == 0
    run_command(main, *common, "trainer.max_epochs=1", "model.forward_fn.network.transform.lin1_size=64")
    run_command(main, *common, "trainer.max_epochs=2")
    newest = max(logs.glob("train/runs/*/checkpoints/last.ckpt"), key=lambda path: path.stat().st_mtime)
    checkpoint = torch.load(newest, weights_only=True)
    assert (checkpoint["epoch"], checkpoint["global_step"]) == (1, 114)
    assert weights_of(newest)["forward_fn.network.transform.model.0.weight"].shape == (256, 784)


def test_a_run_folder_holds_configuration_log_and_checkpoints(run_command: Callable[..., Path]):
    logs = run_command(main, "experiment=example", "trainer.max_epochs=1", "trainer.min_epochs=1", *QUICK)
    (folder,) = (logs / "train" / "runs").iterdir()
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {
        ".hydra/config.yaml",
        ".hydra/hydra.yaml",
        ".hydra/overrides.yaml",
        "checkpoints/last.ckpt",
        "config_tree.log",
        "hparams.yaml",
        "metrics.csv",
        "tags.log",
        "train.log",
    } <= found
    assert (folder / "tags.log").read_text() == "mnist\nsimple_dense_net\n"


def test_a_checkpoint_that_does_not_exist_is_named_before_training(compose_config: Compose):
    with pytest.raises(StorageError) as error:
        train(compose_config("experiment=example", "ckpt_path=nowhere.ckpt", *QUICK))
    assert str(error.value) == "nowhere.ckpt: there is no such checkpoint. A run keeps its own in checkpoints/."


def test_the_hub_experiment_runs_as_it_stands_on_a_local_repository(
    compose_config: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """`load_dataset("ylecun/mnist")` takes a folder of that name before it asks the Hub."""
    from ml_core.data.sources import mnist_mini

    repository = tmp_path / "ylecun" / "mnist"
    for split, rows in mnist_mini().items():
        (repository / "mnist").mkdir(parents=True, exist_ok=True)
        rows.to_parquet(repository / "mnist" / f"{split}-00000-of-00001.parquet")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    metrics, objects = train(compose_config("experiment=mnist", "trainer.max_epochs=2", "data.num_workers=2", *QUICK))
    assert metrics["test/accuracy"] > 0.85
    assert {part.split: len(part.rows) for (part,) in objects["datamodule"].sets.values()} == {
        "train": 3600,
        "validation": 400,
        "test": 1000,
    }
