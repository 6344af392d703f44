"""How commands end when something goes wrong: the last line on stderr, the exit code, the log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ml_core.errors import ConfigError
from ml_core.train import main as train_main
from ml_core.utils.entry_point import entry_point
from ml_core.utils.task import task_wrapper


def failing(error: BaseException) -> Callable[[], object]:
    @task_wrapper
    def task(cfg):
        raise error

    return entry_point("train.yaml")(task)


@pytest.mark.parametrize("arguments", [["experiment=nope"], ["trianer=cpu"], ["paths.bad=1"], ["a=="]], ids=" ".join)
def test_a_mistake_in_composition_exits_with_64_and_one_last_line(arguments, run_command, capsys):
    with pytest.raises(SystemExit) as end:
        run_command(train_main, *arguments)
    assert end.value.code == 64
    error = capsys.readouterr().err
    assert error.strip().splitlines()[-1].startswith(f"ERROR [{arguments[0].partition('=')[0]}]: ")
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("override", "line"),
    [
        (
            "model.optimizer.lrr=1",
            "ERROR [model.optimizer.lrr]: torch.optim.AdamW takes no 'lrr'. Did you mean 'lr'?",
        ),
        (
            "data.batchsize=64",
            "ERROR [data.batchsize]: ml_core.data.base_datamodule.BaseDataModule takes no 'batchsize'. "
            "Did you mean 'batch_size'?",
        ),
        ("trainer.max_epoch=1", "ERROR [trainer.max_epoch]: lightning.pytorch.trainer.Trainer takes no 'max_epoch'."),
        ("data.val_ratio=1.5", "ERROR [data.val_ratio]: is 1.5, but must be a share from 0 to below 1"),
        ("data.batch_size=0", "ERROR [data.batch_size]: is 0, but must be a whole number from 1"),
    ],
)
def test_a_mistake_in_a_section_exits_with_64_and_names_its_path(override, line, run_command, capsys):
    with pytest.raises(SystemExit) as end:
        run_command(train_main, override)
    assert end.value.code == 64
    error = capsys.readouterr().err
    assert error.strip().splitlines()[-1].startswith(line)
    assert "Traceback" not in error


def test_a_file_that_is_no_yaml_is_named_with_line_and_column(run_command, tmp_path: Path, capsys):
    folder = tmp_path / "configs" / "experiment"
    folder.mkdir(parents=True)
    (folder / "bad.yaml").write_text("# @package _global_\ndata:\n  batch_size: 3\n   num_workers: 4\n")
    with pytest.raises(SystemExit) as end:
        run_command(train_main, "--config-dir", str(tmp_path / "configs"), "experiment=bad")
    assert end.value.code == 64
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert error.strip().endswith(
        "bad.yaml:4:15]: is no YAML here: mapping values are not allowed here; "
        "Look at the indentation and quotes of that line."
    )


def test_a_job_of_a_sweep_that_fails_is_named_by_its_log(run_command, capsys):
    with pytest.raises(SystemExit) as end:
        run_command(failing(RuntimeError("boom")), "-m", "seed=1,2")
    assert end.value.code == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert error.strip().endswith("/0/train.log]: RuntimeError: boom; the traceback is in that file")


def test_the_traceback_of_a_mistake_stands_in_the_log(run_command, tmp_path: Path):
    with pytest.raises(SystemExit):
        run_command(train_main, "data.val_ratio=2")
    (log,) = tmp_path.glob("train/runs/*/train.log")
    assert "Traceback" in log.read_text()


def test_any_other_error_names_its_type_and_the_log(run_command, capsys):
    with pytest.raises(SystemExit) as end:
        run_command(failing(RuntimeError("boom\nsecond line")))
    assert end.value.code == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("ERROR [")
    assert last.endswith("train.log]: RuntimeError: boom; the traceback is in that file")


def test_ctrl_c_exits_with_130_and_says_how_to_go_on(run_command, capsys, tmp_path: Path):
    with pytest.raises(SystemExit) as end:
        run_command(failing(KeyboardInterrupt()))
    assert end.value.code == 130
    assert capsys.readouterr().err.strip().splitlines()[-1] == (
        "ERROR [interrupted]: stopped by Ctrl-C; What was saved so far is in the run's folder, "
        "and the same command with ckpt_path=last goes on from there"
    )
    (log,) = tmp_path.glob("train/runs/*/train.log")
    assert "Traceback" not in log.read_text()


def test_with_hydra_full_error_the_exception_itself_comes(run_command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ConfigError, match="is wrong"):
        run_command(failing(ConfigError("a.b", "is wrong.")))


def test_a_configuration_that_is_passed_in_is_run_at_once():
    @entry_point("train.yaml")
    def main(cfg):
        return cfg["answer"]

    assert main({"answer": 42}) == 42
