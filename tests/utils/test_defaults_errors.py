"""Entries of `defaults` lists that Hydra refuses, told with the line that they stand on."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from ml_core.utils.defaults_errors import chosen_files, place_of, repeated_choices
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
            "experiment/mine.yaml:1: the line '# @package _global_' is missing, so all of the file lands under "
            "'experiment'. Make it the first line of the file.",
        ),
        (
            f"{HEADER}defaults:\n  - /data: mnist_mini\n  - override data: mnist\n",
            "experiment/mine.yaml:4",
            "data: the group 'data' is chosen 2 times. Keep one entry.",
        ),
        (
            f"{HEADER}callbacks:\n  - _target_: lightning.pytorch.callbacks.RichModelSummary\n",
            "experiment/mine.yaml:2",
            "callbacks: is a list here, but a mapping elsewhere, with the keys early_stopping, metrics_callback, "
            "model_checkpoint, model_summary, rich_progress_bar. "
            "Give each entry a name: `name: value` in place of `- value`.",
        ),
        (
            f"{HEADER}tags:\n  first: a\n",
            "experiment/mine.yaml:2",
            "tags: is a mapping here, but a list elsewhere. Write entries: - value",
        ),
    ],
)
def test_an_entry_that_hydra_refuses_is_told_with_its_line(experiment: Path, text: str, place: str, message: str):
    assert refused(experiment, text) == (place, message)


def test_an_option_of_one_group_cannot_choose_one_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("defaults:\n  - classifier\n  - override /data: mnist_mini\n")
    GlobalHydra.instance().clear()
    with (
        before_packaged(tmp_path),
        initialize_config_dir(str(config_folder()), version_base="1.3"),
        pytest.raises(Exception) as caught,
    ):
        compose("train.yaml", ["model=mine"])
    mistake = as_mistake(caught.value)
    assert mistake is not None
    assert (mistake.origin, str(mistake)) == (
        "model/mine.yaml:3",
        "data: an option of the group 'model' cannot choose one of 'data'. "
        "Choose it in an experiment: - override /data: mnist_mini",
    )


def test_a_group_that_is_overridden_twice_is_told_though_hydra_takes_the_last(experiment: Path):
    experiment.write_text(f"{HEADER}defaults:\n  - override /model: classifier\n  - override /model: mnist\n")
    GlobalHydra.instance().clear()
    with before_packaged(experiment.parents[1]), initialize_config_dir(str(config_folder()), version_base="1.3"):
        compose("train.yaml", ["experiment=mine"])
        (error,) = repeated_choices()
    assert (error.origin, str(error)) == (
        "experiment/mine.yaml:4",
        "model: the group 'model' is chosen 2 times. Keep one entry.",
    )


def test_a_value_that_cannot_be_read_is_found_in_the_chosen_file(experiment: Path):
    place, message = refused(experiment, f"{HEADER}seed: ${{params.seed\n")
    assert place == "experiment/mine.yaml:2"
    assert message.startswith("seed: holds no readable interpolation: ")
    assert list(chosen_files()) == [experiment]
    assert place_of("seed.of.nobody") == ""
