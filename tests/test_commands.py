"""The commands as users type them: what each composes in every form, and that each runs."""

from __future__ import annotations

import csv
import json
import logging
import pickle
import re
import shlex
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from processes import install_wheel, run, run_python
from setting import ROOT

from ml_core.eval import main as eval_main
from ml_core.train import main as train_main

SHORT = ("trainer.max_epochs=1", "trainer.min_epochs=1", "extras.print_config=false")
COMPLETION = {"COMP_LINE": "python ml_core/train.py experi", "COMP_POINT": "30"}

Run = Callable[..., Path]

# A command, and what it sets. <file> is a checkpoint.
COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ("train", {"task_name": "train", "trainer.max_epochs": 10}),
    ("train experiment=example", {"seed": 12345, "model.optimizer.lr": 0.002}),
    ("train data=mnist model=mnist", {"data.hf_dict_dataset._target_": "datasets.load_dataset"}),
    (
        "train trainer.max_epochs=20 model.optimizer.lr=1e-4 data.batch_size=32",
        {"trainer.max_epochs": 20, "model.optimizer.lr": 1e-4, "data.batch_size": 32},
    ),
    ("train trainer.max_epochs=5 model.optimizer.lr=0.005", {"model.optimizer.lr": 0.005}),
    *((f"train debug={name}", {"task_name": "debug"}) for name in ("default", "fdr", "limit", "overfit", "profiler")),
    *(
        (f"train debug={name} experiment=example", {"task_name": "debug", "seed": 12345})
        for name in ("default", "fdr", "limit", "overfit", "profiler")
    ),
    ("train logger=csv", {"logger.csv.name": ""}),
    ("train logger=tensorboard", {"logger.tensorboard.name": ""}),
    ("train logger=[csv,tensorboard]", {"logger.csv.name": "", "logger.tensorboard.name": ""}),
    *((f"train logger={nothing}", {"logger": None}) for nothing in ("[]", "none", "null")),
    ("train callbacks=default", {"callbacks.early_stopping.patience": 100}),
    *((f"train callbacks={nothing}", {"callbacks": None}) for nothing in ("[]", "none", "null")),
    (
        "train +trainer.gradient_clip_val=0.5 +trainer.accumulate_grad_batches=10 +trainer.val_check_interval=0.25",
        {
            "trainer.gradient_clip_val": 0.5,
            "trainer.accumulate_grad_batches": 10,
            "trainer.val_check_interval": 0.25,
        },
    ),
    (
        "train trainer.gradient_clip_val=0.5 ++trainer.accumulate_grad_batches=10",
        {"trainer.gradient_clip_val": 0.5, "trainer.accumulate_grad_batches": 10},
    ),
    (
        "train trainer.limit_train_batches=0.2 trainer.precision=bf16-mixed +trainer.deterministic=true",
        {"trainer.limit_train_batches": 0.2, "trainer.precision": "bf16-mixed", "trainer.deterministic": True},
    ),
    ("train ckpt_path=<file> trainer.max_epochs=7", {"trainer.max_epochs": 7}),
    ("train train=false test=true ckpt_path=<file>", {"train": False, "test": True}),
    ("train trainer=ddp trainer.devices=4", {"trainer.strategy": "ddp", "trainer.devices": 4}),
    ("train trainer=gpu model.optimizer.lr=0.01 trainer.max_epochs=10", {"trainer.accelerator": "gpu"}),
    ("train logger=wandb logger.wandb.project=my_project task_name=exp1", {"logger.wandb.project": "my_project"}),
    ("train logger=mlflow", {"logger.mlflow.experiment_name": "ml_core"}),
    ("train seed=42 trainer.deterministic=true", {"seed": 42, "trainer.deterministic": True}),
    ("train callbacks.early_stopping.patience=15", {"callbacks.early_stopping.patience": 15}),
    ("train model.compile=true", {"model.compile": True}),
    ("train model.scheduler=null", {"model.scheduler": None}),
    ("train model/optimizer=sgd data.num_workers=8", {"model.optimizer._target_": "torch.optim.SGD"}),
    ("train model.optimizer.weight_decay=1e-4", {"model.optimizer.weight_decay": 1e-4}),
    ("train hydra/launcher=basic", {}),
    (
        "train -m seed=1,2,3 trainer.max_epochs=1 logger=csv 'tags=[benchmark]'",
        {"hydra.overrides.task": ["seed=1,2,3", "++trainer.max_epochs=1", "logger=csv", "tags=[benchmark]"]},
    ),
    ("train -m 'experiment=glob(*,exclude=[mnist])' ++trainer.fast_dev_run=true", {"hydra.mode": "MULTIRUN"}),
    (
        "train -m data.batch_size=32,64 model.optimizer.lr=0.001,0.0005 trainer.max_epochs=1",
        {"hydra.sweeper._target_": "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"},
    ),
    (
        "train -m hparams_search=optuna experiment=example hydra.sweeper.n_trials=5 trainer.max_epochs=1",
        {"hydra.sweeper.n_trials": 5, "seed": 12345},
    ),
    (
        "train -m hparams_search=mnist_optuna experiment=example "
        "'model.optimizer.lr=tag(log, interval(0.0001, 0.1))'",
        {"hydra.sweeper.n_trials": 20, "optimized_metric": "val/best"},
    ),
    ("train hparams_search=mnist_optuna experiment=example", {"optimized_metric": "val/best"}),
    ("eval ckpt_path=<file>", {"task_name": "eval", "data.batch_size": 64, "trainer.max_epochs": 3}),
    ("eval ckpt_path=<file> experiment=example data.batch_size=256", {"data.batch_size": 256, "seed": 12345}),
    ("eval ckpt_path=<file> logger=csv trainer=cpu", {"trainer.accelerator": "cpu"}),
]  # fmt: skip
LINES = [line for line, _ in COMMANDS]

# What runs here in moments: one epoch or a few, of two batches.
TINY = ("trainer.limit_train_batches=2", "trainer.limit_val_batches=1", "trainer.limit_test_batches=1")
ONE = ("trainer.max_epochs=1",)
RUNS: list[tuple[str, int]] = [  # and the number of jobs
    *((f"train debug={name}", 1) for name in ("default", "fdr", "limit", "overfit", "profiler")),
    *((f"train debug={name} experiment=example", 1) for name in ("fdr", "limit")),
    ("train trainer.max_epochs=20 model.optimizer.lr=1e-4 data.batch_size=32", 1),
    *(
        (f"train logger={name} trainer.max_epochs=1", 1)
        for name in ("csv", "tensorboard", "[csv,tensorboard]", "none", "[]")
    ),
    *((f"train callbacks={name} trainer.max_epochs=1", 1) for name in ("default", "none", "[]", "null")),
    (
        "train +trainer.gradient_clip_val=0.5 +trainer.accumulate_grad_batches=10 +trainer.val_check_interval=0.25 "
        "trainer.limit_train_batches=8 trainer.max_epochs=1",
        1,
    ),
    (
        "train trainer.limit_train_batches=0.2 trainer.precision=bf16-mixed +trainer.deterministic=true "
        "trainer.max_epochs=1",
        1,
    ),
    ("train experiment=example ckpt_path=<file> trainer.max_epochs=7", 1),
    ("train experiment=example train=false test=true ckpt_path=<file>", 1),
    ("train -m seed=1,2,3 trainer.max_epochs=1 logger=csv 'tags=[benchmark]'", 3),
    ("train -m data.batch_size=32,64 model.optimizer.lr=0.001,0.0005 trainer.max_epochs=1", 4),
    ("train -m hparams_search=optuna experiment=example hydra.sweeper.n_trials=5 trainer.max_epochs=1", 5),
    (
        "train -m hparams_search=mnist_optuna experiment=example 'model.optimizer.lr=tag(log, interval(0.0001, 0.1))' "
        "hydra.sweeper.n_trials=2 trainer.max_epochs=1",
        2,
    ),
    ("eval ckpt_path=<file> experiment=example data.batch_size=256", 1),
]


def words_of(line: str, checkpoint: Path) -> tuple[int, list[str]]:
    """Return 0 for training and 1 for evaluation, and the arguments."""
    program, *words = shlex.split(line.replace("<file>", shlex.quote(str(checkpoint))))
    return ["train", "eval"].index(program), words


def metrics_of(logs: Path, task: str = "train") -> dict[str, float]:
    (path,) = logs.glob(f"{task}/runs/*/metrics.csv")
    with open(path) as file:
        rows = list(csv.DictReader(file))
    return {name: float(value) for row in rows for name, value in row.items() if value}


@pytest.fixture(scope="module")
def compositions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What every command prints with `--cfg job`, by the form in which it is given."""
    folder = tmp_path_factory.mktemp("forms")
    checkpoint = folder / "last.ckpt"
    config = run_python("ml_core/train.py", "experiment=example", "trainer.max_epochs=3", "--cfg", "job").stdout
    with zipfile.ZipFile(checkpoint, "w") as archive:
        archive.writestr("last/data.pkl", pickle.dumps({"ml_core": {"config": config, "groups": []}}))
    lines = [words_of(line, checkpoint) for line in LINES]
    last = [(program, [*words, "--config-dir", "configs"]) for program, words in lines]
    scripts = ["ml_core/train.py", "ml_core/eval.py"]
    commands = install_wheel(folder)
    forms: dict[str, tuple[Any, ...]] = {
        "script": (lines, ROOT, sys.executable, *scripts),
        "script, then --config-dir configs": (last, ROOT, sys.executable, *scripts),
        "script from another folder": (lines, folder, sys.executable, *(ROOT / script for script in scripts)),
        "module": (lines, ROOT, sys.executable, "-m", "ml_core.train", "ml_core.eval"),
        "installed": (lines, folder, commands / "python", commands / "ml-core-train", commands / "ml-core-eval"),
    }
    return {
        form: json.loads(
            run(python, ROOT / "tests" / "compositions.py", *programs, cwd=cwd, stdin=json.dumps(words)).stdout
        )
        for form, (words, cwd, python, *programs) in forms.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize(("line", "expected"), COMMANDS, ids=LINES)
def test_a_command_composes_what_it_says(line: str, expected: dict[str, Any], compositions: dict[str, list[str]]):
    cfg = OmegaConf.create(compositions["script"][LINES.index(line)])
    composed = {path: OmegaConf.select(cfg, path) for path in expected}
    assert {path: None if value == {} else value for path, value in composed.items()} == expected


@pytest.mark.slow
def test_every_form_of_a_command_composes_the_same(compositions: dict[str, list[str]]):
    script, *others = compositions.values()
    assert len(others) == 4
    assert all(len(text) > 500 for text in script)
    differing = [
        (form, line)
        for form, texts in compositions.items()
        for line, text, other in zip(LINES, script, texts, strict=True)
        if text != other
    ]
    assert differing == []


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The newest checkpoint of a run of one epoch."""
    from hydra.core.global_hydra import GlobalHydra

    logs = tmp_path_factory.mktemp("logs")
    words = ["experiment=example", *TINY, *SHORT, "test=false", "logger=none", f"paths.log_dir={logs}"]
    with pytest.MonkeyPatch.context() as patch:
        GlobalHydra.instance().clear()
        patch.setattr(sys, "argv", ["train.py", *words])
        patch.setenv("HYDRA_FULL_ERROR", "0")
        train_main()
    (path,) = logs.glob("train/runs/*/checkpoints/last.ckpt")
    return path


@pytest.fixture(autouse=True)
def hydras_handlers_go_with_the_test():
    """Hydra configures logging for the process; the stream that it wrote to is closed in the next test."""
    yield
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if type(handler).__module__ == "logging"]:
        root.removeHandler(handler)
    root.setLevel(logging.WARNING)


@pytest.mark.slow
@pytest.mark.parametrize(("line", "num_jobs"), RUNS, ids=[line for line, _ in RUNS])
def test_a_command_runs_and_says_its_result(
    line: str, num_jobs: int, checkpoint: Path, run_command: Run, capsys: pytest.CaptureFixture[str]
):
    program, words = words_of(line, checkpoint)
    given = {word.partition("=")[0].lstrip("+") for word in words}
    is_preset = any(word.startswith("debug=") for word in words)
    tiny = [word for word in TINY if word.partition("=")[0] not in given and not is_preset]
    short = [word for word in SHORT[1:2] if not is_preset and "trainer.max_epochs" in given]
    logs = run_command((train_main, eval_main)[program], *words, *tiny, *short)
    printed = capsys.readouterr()
    assert printed.out.count("Result: test/") == num_jobs
    assert "Traceback" not in printed.out + printed.err
    task = "eval" if program else "debug" if is_preset else "train"
    assert (
        len(list(logs.glob(f"{task}/runs/*/.hydra") if num_jobs == 1 else logs.glob("train/multiruns/*/*/.hydra")))
        == num_jobs
    )


@pytest.mark.slow
def test_the_loggers_of_a_command_are_those_that_write(run_command: Run):
    logs = run_command(train_main, "logger=[csv,tensorboard]", *TINY, *SHORT)
    (run_folder,) = (logs / "train" / "runs").iterdir()
    assert (run_folder / "metrics.csv").exists()
    assert list((run_folder / "tensorboard").glob("**/events*"))


@pytest.mark.parametrize(
    "words",
    [("--cfg", "job"), ("--help",), ("--info",), ("experiment=nope",), ("-sc", "query=bash")],
    ids=["cfg", "help", "info", "mistake", "completion"],
)
def test_looking_at_a_configuration_imports_no_torch(words: tuple[str, ...]):
    code = 64 if "experiment=nope" in words else 0
    imported = run_python("-X", "importtime", "ml_core/train.py", *words, code=code, **COMPLETION).stderr
    modules = {line.rpartition("|")[2].strip() for line in imported.splitlines() if line.startswith("import time:")}
    assert "omegaconf" in modules
    assert modules.isdisjoint({"torch", "lightning", "datasets", "torchmetrics", "rich", "pandas"})


def test_a_configuration_is_shown_with_every_value_resolved(run_command: Run, capsys: pytest.CaptureFixture[str]):
    run_command(train_main, "experiment=example", "--cfg", "job", "--resolve")
    printed = capsys.readouterr().out
    assert f"root_dir: {ROOT}" in printed
    assert "${" not in printed


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "train experiment=example --epochs 100 --batch_size 32",
            "ERROR [--epochs]: is no option. Values are given as key=value, without dashes; "
            "Here: trainer.max_epochs=100 data.batch_size=32",
        ),
        (
            "train -m hparams_search=optuna model.optimizer.lr=tag(log, interval(0.0001, 0.1))",
            "ERROR [model.optimizer.lr]: came in pieces: 'model.optimizer.lr=tag(log,', 'interval(0.0001,', '0.1))'",
        ),
        ("eval --weights best.ckpt", "ERROR [--weights]: is no option. Values are given as key=value, without dashes; "
         "Here: ckpt_path=best.ckpt"),
        ("train --config-dir nowhere", f"ERROR [--config-dir]: there is no folder 'nowhere'; "
         f"Looked for: {Path.cwd() / 'nowhere'}"),
    ],
    ids=lambda value: value.partition(" ")[0],
)  # fmt: skip
def test_a_mistyped_command_ends_with_64_and_what_to_type(
    line: str, told: str, run_command: Run, capsys: pytest.CaptureFixture[str]
):
    program, *words = line.split()
    with pytest.raises(SystemExit) as end:
        run_command({"train": train_main, "eval": eval_main}[program], *words)
    assert end.value.code == 64
    assert capsys.readouterr().err.strip().splitlines()[-1] == told


def test_hydra_and_the_processes_that_lightning_starts_read_the_command_in_order(run_command: Run):
    run_command(train_main, "seed=1", "--cfg", "job")
    assert sys.argv[1:3] == ["--cfg=job", "seed=1"]


@pytest.mark.slow
def test_the_two_commands_of_the_readme(tmp_path: Path):
    logs = f"paths.log_dir={tmp_path}"
    printed = run_python("ml_core/train.py", "experiment=example", logs)
    assert re.search(r"Result: test/accuracy 0\.9[2-9]", printed.stdout)
    (command,) = re.findall(r"Evaluate it again: (.*)", printed.stdout)
    evaluated = run_python(*shlex.split(command)[1:], "logger=csv", logs)
    assert "Result: test/accuracy" in evaluated.stdout
    trained, tested = metrics_of(tmp_path), metrics_of(tmp_path, "eval")
    for name in ("test/accuracy", "test/ce", "test/total"):
        assert tested[name] == pytest.approx(trained[name], abs=1e-6)


@pytest.mark.slow
def test_two_processes_train_together_and_report_the_values_of_the_whole(tmp_path: Path):
    logs = f"paths.log_dir={tmp_path}"
    overrides = ("experiment=example", "trainer=ddp_sim", "trainer.devices=2", *SHORT)
    run_python("ml_core/train.py", *overrides, logs)
    reported = metrics_of(tmp_path)
    (last,) = tmp_path.glob("train/runs/*/checkpoints/last.ckpt")
    run_python("ml_core/eval.py", f"ckpt_path={last}", "logger=csv", "trainer=cpu", logs)
    alone = metrics_of(tmp_path, "eval")
    for name in ("test/accuracy", "test/ce", "test/total"):  # 1,000 samples: no padding on two ranks
        assert alone[name] == pytest.approx(reported[name], abs=1e-5)


@pytest.mark.slow
def test_two_processes_resume_as_one_run(tmp_path: Path):
    import torch

    common = ("experiment=example", "trainer=ddp_sim", "test=false", "logger=none", "extras.print_config=false")
    run_python(
        "ml_core/train.py", *common, "trainer.max_epochs=2", "trainer.min_epochs=1", f"paths.log_dir={tmp_path / 'a'}"
    )
    run_python("ml_core/train.py", *common, *SHORT[:2], f"paths.log_dir={tmp_path / 'b'}")
    (first,) = tmp_path.glob("b/train/runs/*/checkpoints/last.ckpt")
    run_python(
        "ml_core/train.py", *common, "trainer.max_epochs=2", f"ckpt_path={first}", f"paths.log_dir={tmp_path / 'c'}"
    )
    straight, resumed = (
        torch.load(next(tmp_path.glob(f"{name}/train/runs/*/checkpoints/last.ckpt")), weights_only=True)["state_dict"]
        for name in "ac"
    )
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


@pytest.mark.slow
def test_a_missing_checkpoint_ends_evaluation_with_74(tmp_path: Path):
    failed = run_python("ml_core/eval.py", "ckpt_path=nowhere.ckpt", f"paths.log_dir={tmp_path}", code=74)
    assert failed.stderr.strip().splitlines()[-1] == (
        "ERROR [nowhere.ckpt]: there is no such checkpoint; A run keeps its own in checkpoints/."
    )
