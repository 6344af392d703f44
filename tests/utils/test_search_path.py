"""The user's own configurations come first, their modules last."""

from __future__ import annotations

import importlib
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra._internal.utils import create_config_search_path

from ml_core.eval import main as eval_main
from ml_core.train import main as train_main
from ml_core.utils.project_root import config_folder
from ml_core.utils.search_path import before_packaged, make_importable

Run = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with an experiment `mine` in `configs` and in `other`."""
    for name, seed in (("configs", 1), ("other", 2)):
        (tmp_path / name / "experiment").mkdir(parents=True)
        (tmp_path / name / "experiment" / "mine.yaml").write_text(f"# @package _global_\nseed: {seed}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("PROJECT_ROOT", "")  # put back afterwards
    return tmp_path


def providers(folder: Path | None) -> list[str]:
    with before_packaged(folder):
        return [element.provider for element in create_config_search_path(str(config_folder())).get_path()]


def test_the_own_folder_stands_before_that_of_the_command():
    assert providers(Path("mine")) == ["hydra", "own", "main", "schema"]
    assert providers(None) == ["hydra", "main", "schema"]


def test_a_search_path_that_is_made_later_is_hydras_own():
    providers(Path("mine"))
    assert "own" not in [element.provider for element in create_config_search_path("x").get_path()]


@pytest.mark.parametrize(
    ("words", "seed"),
    [
        (("experiment=mine",), "seed: 1"),
        (("--config-dir", "other", "experiment=mine"), "seed: 2"),
        (("experiment=mine", "-cd", "other"), "seed: 2"),
        (("experiment=mine", "--config-dir=other/../other/"), "seed: 2"),
    ],
    ids=" ".join,
)
def test_the_folder_is_the_named_one_or_else_configs(
    words: tuple[str, ...], seed: str, project: Path, run_command: Run, capsys: pytest.CaptureFixture[str]
):
    run_command(train_main, *words, "--cfg", "job")
    assert seed in capsys.readouterr().out


@pytest.mark.parametrize("main", [train_main, eval_main], ids=["train", "eval"])
def test_a_file_of_the_same_name_takes_the_place_of_ours(
    main: Callable[[], object], project: Path, run_command: Run, capsys: pytest.CaptureFixture[str]
):
    (project / "configs" / "extras").mkdir()
    (project / "configs" / "extras" / "default.yaml").write_text("print_config: mine\nignore_warnings: mine\n")
    run_command(main, "--cfg", "job", "--package", "extras")
    assert "ignore_warnings: mine" in capsys.readouterr().out


def test_with_a_config_path_nothing_comes_before_it(
    project: Path, run_command: Run, capsys: pytest.CaptureFixture[str]
):
    run_command(train_main, "--config-path", str(config_folder()), "--info", "searchpath")
    assert "| own" not in capsys.readouterr().out


def test_values_for_one_machine_are_read_from_the_own_folder(
    project: Path, run_command: Run, capsys: pytest.CaptureFixture[str]
):
    (project / "configs" / "local").mkdir()
    (project / "configs" / "local" / "default.yaml").write_text("# @package _global_\nseed: 7\n")
    run_command(train_main, "experiment=mine", "--cfg", "job")
    assert "seed: 7" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("ml-core-train experiment=mi", "experiment=mine"),
        ("python a-b/ml_core/train.py --config-dir other experiment=mi", "experiment=mine"),
        ("python train.py experiment=mine -cd nested data=o", "data=only_here"),
        ("ml-core-train --cfg job trainer.max_ep", "trainer.max_epochs="),
    ],
)
def test_completion_offers_what_is_in_the_own_folder(
    line: str,
    offered: str,
    project: Path,
    run_command: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    (project / "nested" / "data").mkdir(parents=True)
    (project / "nested" / "data" / "only_here.yaml").touch()
    monkeypatch.setenv("COMP_LINE", line)
    run_command(train_main, "-sc", "query=bash")
    assert capsys.readouterr().out.split() == [offered]


def test_modules_of_the_user_are_found_and_hide_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("random", "hydra", "nets_of_mine"):
        (tmp_path / f"{name}.py").write_text("whose = 'mine'\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    make_importable([tmp_path, tmp_path])
    assert sys.path.count(str(tmp_path)) == 1
    assert importlib.import_module("nets_of_mine").whose == "mine"
    assert importlib.util.find_spec("hydra").origin != str(tmp_path / "hydra.py")
    assert importlib.reload(random).__file__ != str(tmp_path / "random.py")
