"""Evaluation from a checkpoint alone, and what may be changed on the command line."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from setting import ROOT, Compose

from ml_core.data.sources import mnist_mini
from ml_core.errors import ConfigError, DataError, PolicyError, StorageError
from ml_core.eval import evaluate
from ml_core.eval import main as eval_main
from ml_core.train import main as train_main
from ml_core.utils.stored_config import CONFIG_KEY

QUICK = ("experiment=example", "trainer.accelerator=cpu", "trainer.max_epochs=1", "trainer.min_epochs=1")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was started as from the command line."""
    from hydra.core.global_hydra import GlobalHydra

    logs = tmp_path_factory.mktemp("logs")
    with pytest.MonkeyPatch.context() as patch:
        GlobalHydra.instance().clear()
        patch.setattr("sys.argv", ["train.py", *QUICK, f"paths.log_dir={logs}", "extras.print_config=false"])
        patch.setenv("HYDRA_FULL_ERROR", "0")
        train_main()
    (folder,) = (logs / "train" / "runs").iterdir()
    return folder


@pytest.fixture
def checkpoint(run_folder: Path) -> Path:
    return run_folder / "checkpoints" / "last.ckpt"


def values_of_test(folder: Path) -> dict[str, float]:
    with open(folder / "metrics.csv") as file:
        (row,) = [row for row in csv.DictReader(file) if row.get("test/accuracy")]
    return {name: float(value) for name, value in row.items() if name.startswith("test/")}


def test_a_checkpoint_alone_gives_the_values_that_training_reported(
    run_folder: Path, checkpoint: Path, compose_config: Compose
):
    metrics, _ = evaluate(compose_config(f"ckpt_path={checkpoint}", config="eval.yaml"))
    reported = values_of_test(run_folder)
    assert set(reported) == {"test/accuracy", "test/ce", "test/total"}
    assert {name: metrics[name].item() for name in reported} == pytest.approx(reported, abs=1e-6)


def test_also_after_the_run_folder_was_moved(run_folder: Path, tmp_path: Path, compose_config: Compose):
    moved = shutil.copytree(run_folder, tmp_path / "elsewhere")
    path = moved / "checkpoints" / "last.ckpt"
    metrics, _ = evaluate(compose_config(f"ckpt_path={path}", config="eval.yaml"))
    assert metrics["test/total"].item() == pytest.approx(values_of_test(run_folder)["test/total"], abs=1e-6)


def test_also_through_the_command(checkpoint: Path, run_folder: Path, run_command: Callable[..., Path]):
    logs = run_command(eval_main, f"ckpt_path={checkpoint}", "logger=csv")
    (folder,) = (logs / "eval" / "runs").iterdir()
    assert values_of_test(folder) == pytest.approx(values_of_test(run_folder), abs=1e-6)


def test_also_after_the_experiment_was_edited(run_command: Callable[..., Path], tmp_path: Path):
    experiment = tmp_path / "configs" / "experiment" / "mine.yaml"
    experiment.parent.mkdir(parents=True)
    text = (ROOT / "configs" / "experiment" / "example.yaml").read_text()
    experiment.write_text(text)
    logs = run_command(train_main, "--config-dir", str(tmp_path / "configs"), "experiment=mine", *QUICK[1:])
    (folder,) = (logs / "train" / "runs").iterdir()
    experiment.write_text(text.replace("accuracy", "acc").replace("64", "1"))
    last = folder / "checkpoints" / "last.ckpt"
    run_command(eval_main, "--config-dir", str(tmp_path / "configs"), f"ckpt_path={last}", "logger=csv")
    (evaluated,) = (logs / "eval" / "runs").iterdir()
    assert values_of_test(evaluated) == pytest.approx(values_of_test(folder), abs=1e-6)


def test_data_model_metrics_and_seed_come_from_the_checkpoint(checkpoint: Path, compose_config: Compose):
    cfg = compose_config(f"ckpt_path={checkpoint}", config="eval.yaml")
    assert cfg.data.batch_size == 64
    assert cfg.model.optimizer.lr == 0.002
    assert cfg.callbacks.metrics_callback.tracked_metric_name == "accuracy"
    assert (cfg.seed, cfg.task_name) == (12345, "eval")


def test_a_value_on_the_command_line_overrides_the_stored_one(checkpoint: Path, compose_config: Compose):
    cfg = compose_config(f"ckpt_path={checkpoint}", "data.batch_size=256", "seed=7", config="eval.yaml")
    assert (cfg.data.batch_size, cfg.seed) == (256, 7)


def test_a_group_on_the_command_line_replaces_the_stored_one(checkpoint: Path, compose_config: Compose):
    cfg = compose_config(f"ckpt_path={checkpoint}", "data=mnist", config="eval.yaml")
    assert OmegaConf.to_container(cfg.data.hf_dict_dataset)["_args_"] == ["ylecun/mnist"]
    assert "stratify_by" not in cfg.data


def test_a_nested_group_on_the_command_line_replaces_the_stored_one(checkpoint: Path, compose_config: Compose):
    cfg = compose_config(f"ckpt_path={checkpoint}", "model/optimizer=sgd", config="eval.yaml")
    assert cfg.model.optimizer._target_ == "torch.optim.SGD"
    assert cfg.model.forward_fn.network.transform.input_size == 784


def test_an_experiment_replaces_every_group_that_it_overrides(checkpoint: Path, compose_config: Compose):
    cfg = compose_config(f"ckpt_path={checkpoint}", "experiment=mnist", config="eval.yaml")
    assert cfg.data.hf_dict_dataset._target_ == "datasets.load_dataset"
    assert "log_train_steps" not in cfg.model


def test_a_sweep_over_checkpoints_gives_each_its_own_configuration(
    checkpoint: Path, tmp_path: Path, compose_config: Compose
):
    other = tmp_path / "other.ckpt"
    content = torch.load(checkpoint, weights_only=True)
    content[CONFIG_KEY]["config"] = content[CONFIG_KEY]["config"].replace("batch_size: 64", "batch_size: 32")
    torch.save(content, other)
    sizes = [
        compose_config(f"ckpt_path={p}", config="eval.yaml").data.batch_size for p in (checkpoint, other, checkpoint)
    ]
    assert sizes == [64, 32, 64]


def test_without_a_checkpoint_the_message_names_ckpt_path(compose_config: Compose):
    with pytest.raises(ConfigError) as error:
        evaluate(compose_config(config="eval.yaml"))
    assert str(error.value) == ("ckpt_path: is not given. Name a checkpoint: ckpt_path=<run>/checkpoints/last.ckpt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such checkpoint. A run keeps its own in checkpoints/."),
        (b"", "is no whole checkpoint (BadZipFile: File is not a zip file). Give another file."),
        (b"weights", "is no whole checkpoint (BadZipFile: File is not a zip file). Give another file."),
    ],
    ids=["missing", "empty", "text"],
)
def test_a_file_that_is_no_checkpoint_is_named(
    content: bytes | None, message: str, tmp_path: Path, compose_config: Compose
):
    path = tmp_path / "bad.ckpt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StorageError) as error:
        evaluate(compose_config(f"ckpt_path={path}", config="eval.yaml"))
    assert str(error.value) == f"{path}: {message}"


def test_a_truncated_checkpoint_is_named(checkpoint: Path, tmp_path: Path, compose_config: Compose):
    path = tmp_path / "torn.ckpt"
    path.write_bytes(checkpoint.read_bytes()[:-4096])
    with pytest.raises(StorageError, match=r"torn\.ckpt: is no whole checkpoint"):
        compose_config(f"ckpt_path={path}", config="eval.yaml")


def test_a_checkpoint_of_another_program_asks_for_an_experiment(tmp_path: Path, compose_config: Compose):
    path = tmp_path / "foreign.ckpt"
    torch.save({"state_dict": {}}, path)
    with pytest.raises(ConfigError, match="data: is missing: it must be a node with a `_target_`"):
        evaluate(compose_config(f"ckpt_path={path}", config="eval.yaml"))


class TestAForeignConfiguration:
    """What a checkpoint carries is built from an allow-list only."""

    @staticmethod
    def planted(checkpoint: Path, folder: Path, **target: object) -> Path:
        content = torch.load(checkpoint, weights_only=True)
        config = OmegaConf.create(content[CONFIG_KEY]["config"])
        config.data.hf_dict_dataset = target
        content[CONFIG_KEY]["config"] = OmegaConf.to_yaml(config)
        torch.save(content, folder / "planted.ckpt")
        return folder / "planted.ckpt"

    @pytest.mark.parametrize("target", ["torch.load", "torch.hub.load", "numpy.load", "os.system", "shutil.rmtree"])
    def test_calls_nothing_that_is_not_on_the_list(
        self, target: str, checkpoint: Path, tmp_path: Path, compose_config: Compose
    ):
        path = self.planted(checkpoint, tmp_path, _target_=target, _args_=[str(tmp_path / "x")])
        with pytest.raises(PolicyError) as error:
            evaluate(compose_config(f"ckpt_path={path}", config="eval.yaml"))
        assert error.value.where == "data.hf_dict_dataset._target_"
        assert target in str(error.value)

    def test_may_name_a_package_that_the_user_vouches_for(
        self, checkpoint: Path, tmp_path: Path, compose_config: Compose, monkeypatch: pytest.MonkeyPatch
    ):
        package = tmp_path / "library" / "site-packages"
        package.mkdir(parents=True)
        (package / "friendly.py").write_text(
            "from ml_core.data.sources import mnist_mini\ndef digits():\n    return mnist_mini()\n"
        )
        monkeypatch.syspath_prepend(package)
        path = self.planted(checkpoint, tmp_path, _target_="friendly.digits")
        with pytest.raises(PolicyError, match=r"trust=\[friendly\]"):
            evaluate(compose_config(f"ckpt_path={path}", config="eval.yaml"))
        metrics, _ = evaluate(compose_config(f"ckpt_path={path}", "trust=[friendly]", config="eval.yaml"))
        assert metrics["test/accuracy"] > 0.8


def test_a_pickle_bomb_is_refused_and_does_not_go_off(tmp_path: Path, compose_config: Compose):
    marker = tmp_path / "marker"

    class Bomb:
        def __reduce__(self):
            return Path.touch, (marker,)

    path = tmp_path / "bomb.ckpt"
    torch.save({"state_dict": Bomb()}, path)
    with pytest.raises(PolicyError, match=r"bomb\.ckpt: holds .* which would run code when it is loaded"):
        evaluate(compose_config(f"ckpt_path={path}", "experiment=example", config="eval.yaml"))
    assert not marker.exists()


def test_a_set_without_a_test_split_is_an_error_on_evaluation(
    checkpoint: Path, tmp_path: Path, compose_config: Compose, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    mnist_mini()["train"].to_parquet(tmp_path / "train.parquet")
    source = f"{{_target_: datasets.DatasetDict.from_parquet, path_or_paths: {{train: {tmp_path}/train.parquet}}}}"
    cfg = compose_config(f"ckpt_path={checkpoint}", f"data.hf_dict_dataset={source}", config="eval.yaml")
    with pytest.raises(DataError) as error:
        evaluate(cfg)
    assert str(error.value) == "data: there is no test split. Splits: train, validation."
