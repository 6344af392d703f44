"""What the folds of a cross-validation come to, against NumPy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from setting import ROOT

SCRIPT = ROOT / "scripts" / "cross_validation.py"
VALUES = {"val/best": [0.90, 0.92, 0.97], "val/total": [0.30, 0.20, 0.10]}


def printed(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, folder], capture_output=True, text=True, check=False)


def write_run(folder: Path, fold: int | None, num_folds: int | None, rows: str | None) -> None:
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "config.yaml").write_text(f"data: {{fold: {fold or 0}, num_folds: {num_folds or 'null'}}}\n")
    if rows is not None:
        (folder / "metrics.csv").write_text(rows)


@pytest.fixture
def multirun(tmp_path: Path) -> Path:
    for fold in range(3):
        best, total = (VALUES[name][fold] for name in VALUES)
        write_run(tmp_path / str(fold), fold, 3,
                  f"epoch,step,val/best,val/total\n0,10,0.5,0.9\n1,20,{best},{total}\n1,20,,\n")  # fmt: skip
    return tmp_path


def test_the_last_value_of_every_run_counts(multirun: Path):
    lines = printed(multirun).stdout.splitlines()

    assert lines[0] == f"3 runs of {multirun}"
    assert lines[1].split() == ["mean", "spread", "lowest", "highest"]
    found = {name: list(map(float, figures)) for name, *figures in (line.split() for line in lines[2:])}
    assert found == {
        name: pytest.approx([np.mean(v), np.std(v, ddof=1), min(v), max(v)], rel=1e-3) for name, v in VALUES.items()
    }


def test_runs_that_are_no_folds_are_compared_too(tmp_path: Path):
    for seed in range(2):
        write_run(tmp_path / str(seed), None, None, f"epoch,step,val/best\n0,10,{seed}\n")

    assert "val/best         0.5" in printed(tmp_path).stdout


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "1" / ".hydra" / "config.yaml").write_text("data: {fold: 0, num_folds: 3}"),
         "ERROR {0}: the fold 1 of 3 is missing. Run all of them in one multirun: data.fold=range(<num_folds>)."),
        (lambda f: (f / "1" / ".hydra" / "config.yaml").write_text("data: {fold: 1, num_folds: 2}"),
         "ERROR {0}: the runs differ in num_folds. Run all of them in one multirun: data.fold=range(<num_folds>)."),
        (lambda f: (f / "1" / "metrics.csv").unlink(),
         "ERROR {0}/1/metrics.csv: does not exist: this run failed early, or had another logger. Use logger=csv."),
        (lambda f: (f / "1" / "metrics.csv").write_text("epoch,step\n"),
         "ERROR {0}: there is no value that every run logged."),
    ],
)  # fmt: skip
def test_what_would_make_the_mean_a_lie_is_told(multirun: Path, spoil, message):
    spoil(multirun)
    result = printed(multirun)

    assert (result.returncode, result.stderr.strip()) == (65, message.format(multirun))


def test_a_folder_of_no_multirun_is_told(tmp_path: Path):
    assert printed(tmp_path).stderr.startswith(f"ERROR {tmp_path}: is no folder of a multirun.")
