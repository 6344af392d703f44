"""The command that looks for mistakes and draws: what it prints, writes and ends with."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from setting import ROOT

from ml_core import check

EXAMPLE = "experiment=example"


def the_run(logs: Path) -> Path:
    (folder,) = (logs / "check" / "runs").iterdir()
    return folder


def test_the_example_is_told_to_be_right_and_drawn_as_the_readme_shows_it(run_command, capsys, tmp_path: Path):
    folder = the_run(run_command(check.main, EXAMPLE))
    drawn = (folder / "wiring.svg").read_text()
    assert "No mistakes found." in (folder / "check.log").read_text()
    assert ET.fromstring(drawn).tag.endswith("svg")
    assert drawn == (ROOT / "docs" / "images" / "example.svg").read_text(), "copy wiring.svg to docs/images/example.svg"
    assert "SimpleDenseNet" in (folder / "wiring.html").read_text()
    assert not (folder / "checkpoints").exists()
    printed = capsys.readouterr().out
    assert "model.forward_fn.network" in printed
    assert "336,650" in printed


def test_a_mistake_ends_with_64_and_is_red_in_the_picture(run_command, capsys, tmp_path: Path):
    with pytest.raises(SystemExit) as end:
        run_command(check.main, EXAMPLE, "model.forward_fn.network.transform.input_size=783")
    assert end.value.code == 64
    error = capsys.readouterr().err
    assert "Linear 783 -> 256" in error
    assert "784 would fit" in error
    assert "784 would fit" in "".join(ET.parse(the_run(tmp_path) / "wiring.svg").getroot().itertext()).replace(
        "\n", " "
    )


def test_level_1_draws_nothing(run_command, tmp_path: Path):
    folder = the_run(run_command(check.main, EXAMPLE, "level=1"))
    assert sorted(path.name for path in folder.iterdir()) == [".hydra", "check.log"]


def test_level_3_shows_what_a_step_costs(run_command, capsys, tmp_path: Path):
    run_command(check.main, EXAMPLE, "level=3", "format=null")
    printed = capsys.readouterr().out
    assert "backward" in printed
    assert "Losses of the training step: ce" in printed
    assert not (the_run(tmp_path) / "wiring.svg").exists()


def test_mermaid_goes_to_the_terminal(run_command, capsys):
    run_command(check.main, EXAMPLE, "format=mermaid")
    assert "flowchart" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("level=4", "ERROR [level]: is 4, but must be one of 1, 2, 3"),
        ("format=svgg", "ERROR [format]: there is no 'svgg'. Did you mean 'svg'? There are: svg, html, mermaid."),
        (
            "levl=3",
            "ERROR [levl]: there is no 'levl' at the top level, so it would change nothing. Did you mean 'level'?",
        ),
    ],
)
def test_its_own_options_are_checked_too(override: str, line: str, run_command, capsys):
    with pytest.raises(SystemExit) as end:
        run_command(check.main, EXAMPLE, override)
    assert end.value.code == 64
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith(line)


def test_the_sub_command_writes_schemas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr("sys.argv", ["check.py", "schema", "--into", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        check.main()
    assert not end.value.code
    assert json.loads((tmp_path / "experiment.json").read_text())["$schema"].endswith("draft-07/schema#")
