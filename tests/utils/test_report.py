"""How mistakes are shown: file and line, path, what, what to do, and one last line."""

from __future__ import annotations

import errno

import pytest
from setting import ROOT, Compose

from ml_core.errors import ConfigError, DataError
from ml_core.utils.report import LOG_NOTE, as_mistake, together, told


@pytest.fixture(autouse=True)
def _example(compose_config: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    compose_config("experiment=example", "trainer.max_epochs=3")


def test_a_mistake_is_shown_with_file_and_line_and_summed_up_in_the_last_line():
    error = ConfigError("model.optimizer.lr", "torch.optim.Adam takes no 'lr'.", "It takes: foo.")
    assert told(error) == (
        "configs/experiment/example.yaml:21  model.optimizer.lr\n"
        "  torch.optim.Adam takes no 'lr'.\n"
        "  It takes: foo.\n"
        "\n"
        "ERROR [model.optimizer.lr]: torch.optim.Adam takes no 'lr'; It takes: foo.",
        64,
    )


def test_the_last_line_leaves_out_what_to_do_where_it_is_long_and_told_above():
    error = ConfigError(
        "model.optimizer.lr", "torch.optim.Adam takes no 'lrr'. Did you mean 'lr'?", "It takes: " + "x, " * 60
    )
    last = told(error)[0].splitlines()[-1]
    assert last == "ERROR [model.optimizer.lr]: torch.optim.Adam takes no 'lrr'. Did you mean 'lr'?"
    text, _ = told(ConfigError("/nowhere", "is none of them.", "There are: " + "x, " * 60))
    assert text.startswith("/nowhere\n  is none of them.\n  There are: x, x,")
    assert text.endswith("\n\nERROR [/nowhere]: is none of them")


def test_several_mistakes_stand_in_the_order_of_their_files_and_lines():
    errors = [
        ConfigError("trainer.max_epochs", "is typed."),
        ConfigError("seed", "is last of its file.", "Change it."),
        DataError("data.val_ratio", "is of another file."),
        ConfigError("tags", "is first of its file."),
        ConfigError("/somewhere", "is in no file."),
    ]
    text, code = told(together(errors))
    assert text.splitlines() == [
        "/somewhere",
        "  is in no file.",
        "",
        "command line: trainer.max_epochs=3  trainer.max_epochs",
        "  is typed.",
        "",
        "configs/data/mnist_mini.yaml:9  data.val_ratio",
        "  is of another file.",
        "",
        "configs/experiment/example.yaml:11  tags",
        "  is first of its file.",
        "",
        "configs/experiment/example.yaml:13  seed",
        "  is last of its file.",
        "  Change it.",
        "",
        "5 mistakes. Nothing was run. Docs: docs/mistakes.md",
        "ERROR [/somewhere]: is in no file (4 more above)",
    ]
    assert code == 64


def test_what_comes_from_no_file_is_one_line():
    assert told(ConfigError("last.ckpt", "is no checkpoint.", "Give another.")) == (
        "ERROR [last.ckpt]: is no checkpoint; Give another.",
        64,
    )


def test_a_full_disk_is_a_mistake_that_names_the_file():
    text, code = told(OSError(errno.ENOSPC, "No space left on device", "/x/metrics.csv"))
    assert text.startswith("ERROR [/x/metrics.csv]: there is no space left on this disk; ")
    assert code == 74


def test_an_error_of_the_program_names_the_log_that_has_its_traceback():
    error = RuntimeError("boom\nsecond line")
    error.add_note(f"{LOG_NOTE}/run/train.log")
    assert told(error) == ("ERROR [/run/train.log]: RuntimeError: boom; the traceback is in that file", 1)
    assert as_mistake(error) is None


def test_without_a_log_the_traceback_comes_first():
    text, code = told(RuntimeError("boom"))
    assert text == "RuntimeError: boom\nERROR [ml_core]: RuntimeError: boom; the traceback stands above"
    assert code == 1
