"""Jobs of a sweep are looked at before the first of them runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_core.train import main

QUICK = ("-m", "experiment=example", "logger=none", "trainer.max_epochs=1")


def told(arguments: tuple[str, ...], run_command, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as end:
        run_command(main, *QUICK, *arguments)
    assert end.value.code == 64
    return capsys.readouterr().err


def folders_of_jobs(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("train/multiruns/*/*") if path.is_dir()]


def test_a_bad_value_of_a_grid_is_told_before_any_job(run_command, tmp_path: Path, capsys):
    assert told(("model.optimizer.lr=0.1,abc",), run_command, capsys) == (
        "command line: model.optimizer.lr=abc  model.optimizer.lr\n"
        "  is 'abc' (text), but must be a number from 0 or an object (a node with `_target_`).\n\n"
        "ERROR [model.optimizer.lr]: is 'abc' (text), but must be a number from 0 or an object "
        "(a node with `_target_`)\n"
    )
    assert folders_of_jobs(tmp_path) == []


def test_a_search_over_a_misspelt_key_fails_once_and_before_the_first_trial(run_command, tmp_path: Path, capsys):
    words = ("hparams_search=optuna", "model.optimizer.lrr=tag(log, interval(0.001, 0.1))")
    error = told(words, run_command, capsys)
    assert error.splitlines()[-1] == "ERROR [model.optimizer.lrr]: torch.optim.Adam takes no 'lrr'. Did you mean 'lr'?"
    assert folders_of_jobs(tmp_path) == []
