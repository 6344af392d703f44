"""The commands as users type them, each in a process of its own."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from setting import ROOT

SHORT = ("trainer.max_epochs=1", "trainer.min_epochs=1", "extras.print_config=false")

COMPLETION = {"COMP_LINE": "python ml_core/train.py experi", "COMP_POINT": "30"}


def run(*words: str, cwd: Path = ROOT, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `python <words>` and check its exit code."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    for name in ("PROJECT_ROOT", "PL_GLOBAL_SEED", "HYDRA_FULL_ERROR"):
        environment.pop(name, None)
    result = subprocess.run(
        [sys.executable, *words], cwd=cwd, capture_output=True, text=True, timeout=600, env=environment, check=False
    )
    assert result.returncode == code, (result.stdout + result.stderr)[-1500:]
    return result


def metrics_of(logs: Path, task: str = "train") -> dict[str, float]:
    (path,) = logs.glob(f"{task}/runs/*/metrics.csv")
    with open(path) as file:
        rows = list(csv.DictReader(file))
    return {name: float(value) for row in rows for name, value in row.items() if value}


@pytest.mark.parametrize(
    "words",
    [("--cfg", "job"), ("--help",), ("--info",), ("experiment=nope",), ("-sc", "query=bash")],
    ids=["cfg", "help", "info", "mistake", "completion"],
)
def test_looking_at_a_configuration_imports_no_torch(words: tuple[str, ...]):
    code = 64 if "experiment=nope" in words else 0
    imported = run("-X", "importtime", "ml_core/train.py", *words, code=code, **COMPLETION).stderr
    modules = {line.rpartition("|")[2].strip() for line in imported.splitlines() if line.startswith("import time:")}
    assert "omegaconf" in modules
    assert modules.isdisjoint({"torch", "lightning", "datasets", "torchmetrics", "rich", "pandas"})


def test_every_spelling_of_a_command_composes_the_same(tmp_path: Path):
    base = run("ml_core/train.py", "experiment=example", "--cfg", "job").stdout
    script = str(ROOT / "ml_core" / "train.py")
    assert run("ml_core/train.py", "--config-dir", "configs", "experiment=example", "--cfg", "job").stdout == base
    assert run("-m", "ml_core.train", "experiment=example", "--cfg", "job").stdout == base
    assert run(script, "experiment=example", "--cfg", "job", cwd=tmp_path).stdout == base
    assert (
        run("ml_core/eval.py", "--cfg", "job").stdout
        == run("ml_core/eval.py", "--config-dir", "configs", "--cfg", "job").stdout
    )


@pytest.mark.slow
def test_the_two_commands_of_the_readme(tmp_path: Path):
    logs = f"paths.log_dir={tmp_path}"
    printed = run("ml_core/train.py", "experiment=example", logs)
    assert re.search(r"Result: test/accuracy 0\.9[2-9]", printed.stdout)
    (command,) = re.findall(r"Evaluate it again: python (.*)", printed.stdout)
    evaluated = run(*command.split(), "logger=csv", logs)
    assert "Result: test/accuracy" in evaluated.stdout
    trained, tested = metrics_of(tmp_path), metrics_of(tmp_path, "eval")
    for name in ("test/accuracy", "test/ce", "test/total"):
        assert tested[name] == pytest.approx(trained[name], abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        (),
        ("trainer=cpu",),
        ("debug=default",),
        ("debug=fdr",),
        ("debug=limit",),
        ("debug=overfit", "trainer.max_epochs=20"),
        ("debug=profiler",),
        ("logger=csv",),
        ("logger=tensorboard",),
        ("callbacks=none",),
        ("--config-dir", "configs", "debug=fdr", "experiment=example"),
    ],
    ids=" ".join,
)
def test_a_command_runs_and_says_its_result(words: tuple[str, ...], tmp_path: Path):
    short = () if "debug=overfit" in words else SHORT
    printed = run("ml_core/train.py", *words, *short, f"paths.log_dir={tmp_path}")
    assert "Result: test/" in printed.stdout
    assert "Traceback" not in printed.stdout + printed.stderr
    task = "debug" if any(word.startswith("debug=") for word in words) else "train"
    assert len(list((tmp_path / task / "runs").iterdir())) == 1


@pytest.mark.slow
def test_two_processes_train_together_and_report_the_values_of_the_whole(tmp_path: Path):
    logs = f"paths.log_dir={tmp_path}"
    overrides = ("experiment=example", "trainer=ddp_sim", "trainer.devices=2", *SHORT)
    run("ml_core/train.py", *overrides, logs)
    reported = metrics_of(tmp_path)
    (last,) = tmp_path.glob("train/runs/*/checkpoints/last.ckpt")
    run("ml_core/eval.py", f"ckpt_path={last}", "logger=csv", "trainer=cpu", logs)
    alone = metrics_of(tmp_path, "eval")
    for name in ("test/accuracy", "test/ce", "test/total"):  # 1,000 samples: no padding on two ranks
        assert alone[name] == pytest.approx(reported[name], abs=1e-5)


@pytest.mark.slow
def test_two_processes_resume_as_one_run(tmp_path: Path):
    import torch

    common = ("experiment=example", "trainer=ddp_sim", "test=false", "logger=none", "extras.print_config=false")
    run("ml_core/train.py", *common, "trainer.max_epochs=2", "trainer.min_epochs=1", f"paths.log_dir={tmp_path / 'a'}")
    run("ml_core/train.py", *common, *SHORT[:2], f"paths.log_dir={tmp_path / 'b'}")
    (first,) = tmp_path.glob("b/train/runs/*/checkpoints/last.ckpt")
    run("ml_core/train.py", *common, "trainer.max_epochs=2", f"ckpt_path={first}", f"paths.log_dir={tmp_path / 'c'}")
    straight, resumed = (
        torch.load(next(tmp_path.glob(f"{name}/train/runs/*/checkpoints/last.ckpt")), weights_only=True)["state_dict"]
        for name in "ac"
    )
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


@pytest.mark.slow
def test_a_missing_checkpoint_ends_evaluation_with_74(tmp_path: Path):
    failed = run("ml_core/eval.py", "ckpt_path=nowhere.ckpt", f"paths.log_dir={tmp_path}", code=74)
    assert failed.stderr.strip().splitlines()[-1] == (
        "ERROR [nowhere.ckpt]: there is no such checkpoint; A run keeps its own in checkpoints/."
    )
