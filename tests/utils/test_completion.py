"""The line that is completed: options are taken out of it, and its folder is obeyed."""

from __future__ import annotations

import pytest

from ml_core.utils.arguments import Arguments
from ml_core.utils.completion import completed

QUERY = Arguments((("--shell-completion", None),), ("query=bash",))


@pytest.mark.parametrize(
    ("line", "rest"),
    [
        ("ml-core-train experi", "python train.py experi"),
        ("ml-core-train ", "python train.py "),
        ("python a-b/train.py data=mnist mod", "python train.py data=mnist mod"),
        (".venv/bin/python3.11 train.py data=mnist mod", "python train.py data=mnist mod"),
        ("ml-core-train --cfg job data=mnist mod", "python train.py data=mnist mod"),
        ("ml-core-train seed=1 -m data=mnist mod", "python train.py --multirun seed=1 data=mnist mod"),
    ],
)
def test_options_are_taken_out_of_the_line(line: str, rest: str):
    assert completed(QUERY, line) == (QUERY, rest)


def test_the_folder_in_the_line_becomes_an_option_of_the_call():
    arguments, rest = completed(QUERY, "ml-core-train seed=1 --config-dir mine experi")
    assert arguments.words == ["--config-dir=mine", "--shell-completion", "query=bash"]
    assert rest == "python train.py seed=1 experi"


@pytest.mark.parametrize("line", ["ml-core-train --config-dir mi", "ml-core-train --nope 1 experi"])
def test_a_line_that_cannot_be_read_is_left_to_hydra(line: str):
    assert completed(QUERY, line) == (QUERY, line)
