"""Several runs from one command."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ml_core.train import main

QUICK = ("-m", "experiment=example", "trainer.accelerator=cpu", "logger=none", "test=false")
TINY = ("trainer.max_epochs=1", "trainer.min_epochs=1", "trainer.limit_train_batches=4")


def test_a_multirun_gives_every_job_its_folder(run_command, tmp_path: Path):
    run_command(main, *QUICK, *TINY, "model.optimizer.lr=0.005,0.01")
    (sweep,) = (tmp_path / "train" / "multiruns").iterdir()
    rates = [
        yaml.safe_load((sweep / job / ".hydra" / "config.yaml").read_text())["model"]["optimizer"]["lr"] for job in "01"
    ]
    assert rates == [0.005, 0.01]
    assert all((sweep / job / "checkpoints" / "last.ckpt").exists() for job in "01")


def test_a_search_returns_its_best_value(run_command, tmp_path: Path):
    run_command(main, *QUICK, *TINY, "hparams_search=mnist_optuna", "hydra.sweeper.n_trials=2")
    (sweep,) = (tmp_path / "train" / "multiruns").iterdir()
    results = yaml.safe_load((sweep / "optimization_results.yaml").read_text())
    assert 0.0 <= results["best_value"] <= 1.0
    assert set(results["best_params"]) >= {"model.optimizer.lr", "data.batch_size"}


def test_a_search_for_the_worst_value_is_refused(run_command, capsys: pytest.CaptureFixture[str]):
    words = ("hparams_search=optuna", "hydra.sweeper.n_trials=1", "callbacks.metrics_callback.mode=min")
    with pytest.raises(SystemExit) as end:
        run_command(main, *QUICK, *TINY, *words)
    assert end.value.code == 64
    assert capsys.readouterr().err.strip().splitlines()[-1] == (
        "ERROR [hydra.sweeper.direction]: is maximize, but 'val/best' is better when lower; "
        "Set hydra.sweeper.direction=minimize"
    )


def test_a_search_for_a_value_that_is_switched_off_says_so(run_command, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        run_command(
            main, *QUICK, "hparams_search=optuna", "hydra.sweeper.n_trials=1", "hydra.sweeper.max_failure_rate=0",
            "debug=fdr",
        )  # fmt: skip
    assert end.value.code == 64
    assert "comes from callbacks.metrics_callback, which is switched off" in capsys.readouterr().err


@pytest.mark.slow
def test_all_experiments_but_those_of_the_hub_run_in_one_command(run_command, tmp_path: Path):
    words = ("-m", "experiment=glob(*,exclude=[mnist])", "++trainer.fast_dev_run=true", "logger=none", "tags=[smoke]")
    run_command(main, *words)
    (sweep,) = (tmp_path / "train" / "multiruns").iterdir()
    assert [job.name for job in sweep.iterdir() if job.is_dir()] == ["0"]
