"""Several runs from one command."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from processes import run_python
from setting import ROOT

from ml_core.train import main

QUICK = ("-m", "experiment=example", "trainer.accelerator=cpu", "logger=none", "test=false")
TINY = ("trainer.max_epochs=1", "trainer.min_epochs=1", "trainer.limit_train_batches=4")
QUIET = ("callbacks.rich_progress_bar=null", "callbacks.model_summary=null", "extras.print_config=false")
EMPTY = """
from datasets import Dataset, DatasetDict

def empty():
    return DatasetDict(train=Dataset.from_dict({"image": [], "label": []}))
"""
LOG_RATE = "model.optimizer.lr=tag(log, interval(0.0001, 0.1))"


def only(folder: Path) -> Path:
    (child,) = (folder / "train" / "multiruns").iterdir()
    return child


def results(folder: Path) -> dict:
    return yaml.safe_load((only(folder) / "optimization_results.yaml").read_text())


def test_a_multirun_gives_every_job_its_folder(run_command, tmp_path: Path):
    run_command(main, *QUICK, *TINY, "model.optimizer.lr=0.005,0.01")
    sweep = only(tmp_path)
    rates = [
        yaml.safe_load((sweep / job / ".hydra" / "config.yaml").read_text())["model"]["optimizer"]["lr"] for job in "01"
    ]
    assert rates == [0.005, 0.01]
    assert all((sweep / job / "checkpoints" / "last.ckpt").exists() for job in "01")


def test_a_search_tells_its_best_trial_and_how_to_evaluate_it(run_command, tmp_path: Path, capsys):
    run_command(main, *QUICK, *TINY, *QUIET, "hparams_search=mnist_optuna", LOG_RATE, "hydra.sweeper.n_trials=2")
    found = results(tmp_path)
    assert 0.0 <= found["best_value"] <= 1.0
    assert set(found["best_params"]) >= {"model.optimizer.lr", "data.batch_size"}
    command = re.findall(r"^Evaluate it: (.*)$", capsys.readouterr().out, flags=re.M)[0]
    checkpoint = Path(shlex.split(command)[-1].removeprefix("ckpt_path="))
    assert checkpoint.is_file()
    assert checkpoint.is_relative_to(found["best_trial"]["folder"])
    assert checkpoint.name != "last.ckpt"


def test_trials_that_fail_or_diverge_are_recorded_and_the_search_goes_on(run_command, tmp_path: Path, capsys):
    words = ("hparams_search=optuna", "hydra/sweeper/sampler=grid", "hydra.sweeper.sampler.seed=null")
    run_command(
        main, *QUICK, *TINY, *QUIET, *words, "model.optimizer.lr=-1.0,1e30,0.01", "data.batch_size=64"
    )  # fmt: skip
    found = results(tmp_path)
    assert found["best_params"] == {"model.optimizer.lr": 0.01}
    assert [failed["number"] for failed in found["failed"]] == [0, 1]
    assert "-1.0" in found["failed"][0]["reason"]
    out = capsys.readouterr().out
    assert "WARNING trial 0 failed: model.optimizer" in out
    assert "3 trials (1 complete, 2 fail)" in out
    assert "Traceback" not in out
    assert "Traceback" in (only(tmp_path) / "0" / "train.log").read_text()


def test_a_search_goes_on_where_the_last_command_stopped(run_command, tmp_path: Path):
    study = (f"hydra.sweeper.storage=sqlite:///{tmp_path}/study.db", "hydra.sweeper.study_name=digits")
    for n_trials in (1, 2):
        run_command(main, *QUICK, *TINY, *QUIET, "hparams_search=optuna", *study, f"hydra.sweeper.n_trials={n_trials}")
    folders = sorted((tmp_path / "train" / "multiruns").glob("*/[0-9]"))
    assert [folder.name for folder in folders] == ["0", "1"]
    rates = [yaml.safe_load((f / ".hydra" / "config.yaml").read_text())["model"]["optimizer"]["lr"] for f in folders]
    assert rates[0] != rates[1]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ("hydra.sweeper.direction=maximize", "callbacks.metrics_callback.mode=min"),
            "ERROR [hydra.sweeper.direction]: is maximize, but 'val/best' is better when lower; "
            "Set hydra.sweeper.direction=minimize",
        ),
        (
            ("optimized_metric=val/acuracy", "hydra.sweeper.direction=maximize"),
            "ERROR [optimized_metric]: nothing in this run logs 'val/acuracy'. Did you mean 'val/accuracy'?",
        ),
        (
            ("optimized_metric=val/acuracy",),
            "ERROR [optimized_metric]: nothing in this run logs 'val/acuracy'. Did you mean 'val/accuracy'?",
        ),
        (("debug=fdr",), "ERROR [optimized_metric]: nothing in this run logs 'val/best'."),
        (("trainer.max_epoch=1",), "ERROR [trainer.max_epoch]: "),
    ],
)
def test_a_search_that_makes_no_sense_ends_before_anything_is_trained(words, line, run_command, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        run_command(main, *QUICK, "hparams_search=optuna", *words)
    assert end.value.code == 64
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith(line)
    assert list(tmp_path.rglob("*.ckpt")) == []


def test_bad_data_ends_a_search_with_the_exit_code_of_bad_data(run_command, tmp_path: Path, capsys, monkeypatch):
    (tmp_path / "bad_source.py").write_text(EMPTY)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SystemExit) as end:
        run_command(main, *QUICK, *TINY, "hparams_search=optuna", "data.hf_dict_dataset._target_=bad_source.empty")
    assert end.value.code == 65
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("ERROR [data]: the train split is empty")


SPY = """
from lightning.pytorch import Callback

class Spy(Callback):
    def __init__(self, folder):
        self.folder = folder

    def on_train_start(self, trainer, module):
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        with open(f"{self.folder}/ranks.txt", "a") as file:
            file.write(f"{trainer.global_rank} {rate}\\n")
        if rate == 0.5:
            raise RuntimeError("boom")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [("hparams_search=optuna", "model.optimizer.lr=choice(0.5, 0.01)"), ("model.optimizer.lr=0.02,0.01",)]
)
def test_all_ranks_of_a_trial_have_its_values(words, tmp_path: Path):
    (tmp_path / "spy.py").write_text(SPY)
    run_python(
        "ml_core/train.py", *QUICK, *TINY, *QUIET, "trainer=ddp_sim", "trainer.devices=2", *words, "data.batch_size=64",
        "+callbacks.spy={_target_: spy.Spy, folder: '${paths.output_dir}'}", f"paths.log_dir={tmp_path}",
        PYTHONPATH=str(tmp_path),
    )  # fmt: skip
    sweep = only(tmp_path)
    seen = [sorted((sweep / job / "ranks.txt").read_text().splitlines()) for job in "01"]
    rates = [lines[0].split()[1] for lines in seen]
    assert seen == [[f"0 {rate}", f"1 {rate}"] for rate in rates]
    assert len(set(rates)) == 2
    assert [path.name for path in sorted(sweep.iterdir()) if path.is_dir()] == ["0", "1"]


@pytest.mark.slow
def test_all_experiments_but_those_of_the_hub_run_in_one_command(run_command, tmp_path: Path):
    words = ("-m", "experiment=glob(*,exclude=[mnist])", "++trainer.fast_dev_run=true", "logger=none", "tags=[smoke]")
    run_command(main, *words)
    experiments = {path.stem for path in (ROOT / "configs" / "experiment").glob("*.yaml")} - {"mnist"}
    assert len(experiments) >= 2
    assert sorted(job.name for job in only(tmp_path).iterdir() if job.is_dir()) == list(
        map(str, range(len(experiments)))
    )
