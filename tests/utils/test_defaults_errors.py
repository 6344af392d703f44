"""Entries of `defaults` lists that Hydra refuses, told with the line that they stand on."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from ml_core.utils.defaults_errors import chosen_files, place_of
from ml_core.utils.project_root import config_folder
from ml_core.utils.report import as_mistake
from ml_core.utils.search_path import before_packaged

HEADER = "# @package _global_\n"


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "experiment" / "mine.yaml"
    file.parent.mkdir()
    return file


def refused(experiment: Path, text: str) -> tuple[str, str]:
    """Return place and message."""
    experiment.write_text(text)
    GlobalHydra.instance().clear()
    folder = experiment.parents[1]
    with (
        before_packaged(folder),
        initialize_config_dir(str(config_folder()), version_base="1.3"),
        pytest.raises(Exception) as caught,
    ):
        compose("train.yaml", ["experiment=mine"])
    mistake = as_mistake(caught.value)
    assert mistake is not None
    return mistake.origin, str(mistake)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (
            f"{HEADER}defaults:\n  - /model: mnist\n  - override /data: mnist\n",
            "experiment/mine.yaml:3",
            "model: the group 'model' has a choice already, and the entry does not say that it replaces it. "
            "Write - override /model: mnist",
        ),
        (
            f"{HEADER}defaults:\n  - overide /data: mnist\n",
            "experiment/mine.yaml:3",
            "data: the group 'data' has a choice already, and the entry does not say that it replaces it. "
            "Write - override /data: mnist",
        ),
        (
            f"{HEADER}defaults:\n  - model: mnist\n",
            "experiment/mine.yaml:3",
            "model: the group 'model' is looked for below 'experiment', because no slash stands before it. "
            "Write - override /model: mnist",
        ),
        (
            f"{HEADER}defaults:\n  - override /data=mnist\n",
            "experiment/mine.yaml:3",
            "defaults: 'override /data=mnist' is no entry of a `defaults` list. "
            "An entry reads - override /group: option",
        ),
        (
            f"{HEADER}defaults:\n  model: mnist\n",
            "experiment/mine.yaml:2",
            "defaults: is a mapping, but must be a list. An entry reads - override /group: option",
        ),
        (
            "defaults:\n  - override /data: mnist\n",
            "experiment/mine.yaml:1",
            "experiment/mine.yaml:1: the line '# @package _global_' is missing, so all of the file would land under "
            "'experiment'. Make it the first line of the file.",
        ),
    ],
)
def test_an_entry_that_hydra_refuses_is_told_with_its_line(experiment: Path, text: str, place: str, message: str):
    assert refused(experiment, text) == (place, message)


def test_a_value_that_cannot_be_read_is_found_in_the_chosen_file(experiment: Path):
    place, message = refused(experiment, f"{HEADER}seed: ${{params.seed\n")
    assert place == "experiment/mine.yaml:2"
    assert message.startswith("seed: holds no readable interpolation: ")
    assert list(chosen_files()) == [experiment]
    assert place_of("seed.of.nobody") == ""
