"""Where the project and its configurations are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from setting import ROOT

from ml_core.errors import ConfigError
from ml_core.utils import project_root
from ml_core.utils.project_root import config_folder, find_project_root, own_config_folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROJECT_ROOT", "")
    monkeypatch.delenv("PROJECT_ROOT")
    monkeypatch.setenv("ML_CORE_PACKAGE", "")  # put back afterwards
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def installed(elsewhere: Path, monkeypatch: pytest.MonkeyPatch):
    """As if this package were the one of a wheel."""
    package = elsewhere / "site-packages" / "ml_core"
    (package / "configs").mkdir(parents=True)
    monkeypatch.setattr(project_root, "PACKAGE", package)


def test_the_root_is_the_checkout_from_any_folder():
    assert find_project_root() == ROOT
    assert os.environ["PROJECT_ROOT"] == str(ROOT)
    assert os.environ["ML_CORE_PACKAGE"] == str(ROOT / "ml_core")


def test_a_folder_with_the_marker_comes_before_the_checkout(elsewhere: Path, monkeypatch: pytest.MonkeyPatch):
    (elsewhere / ".project-root").touch()
    (elsewhere / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(elsewhere / "deep" / "er")
    assert find_project_root() == elsewhere


def test_so_does_a_working_folder_with_configurations(elsewhere: Path):
    (elsewhere / "configs").mkdir()
    assert find_project_root() == elsewhere


@pytest.mark.usefixtures("installed")
def test_an_installed_package_works_in_the_working_folder(elsewhere: Path, monkeypatch: pytest.MonkeyPatch):
    assert find_project_root() == elsewhere
    monkeypatch.setenv("PROJECT_ROOT", str(elsewhere.parent))
    assert find_project_root() == elsewhere.parent


@pytest.mark.usefixtures("installed")
def test_the_secrets_of_the_root_are_loaded(elsewhere: Path, monkeypatch: pytest.MonkeyPatch):
    (elsewhere / ".env").write_text("SECRET_OF_THE_TEST=abc\n")
    monkeypatch.setenv("SECRET_OF_THE_TEST", "")
    monkeypatch.delenv("SECRET_OF_THE_TEST")
    find_project_root()
    assert os.environ.pop("SECRET_OF_THE_TEST") == "abc"


def test_the_configurations_of_a_checkout_lie_beside_the_package():
    assert config_folder() == ROOT / "configs"


@pytest.mark.usefixtures("installed")
def test_those_of_a_wheel_lie_in_it(elsewhere: Path):
    assert config_folder() == elsewhere / "site-packages" / "ml_core" / "configs"


def test_the_own_folder_is_the_named_one_or_configs(elsewhere: Path):
    assert own_config_folder() is None
    (elsewhere / "mine").mkdir()
    assert own_config_folder("mine") == elsewhere / "mine"
    (elsewhere / "configs").mkdir()
    assert own_config_folder() == elsewhere / "configs"


def test_this_package_s_folder_is_nobodys_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    assert own_config_folder() is None
    assert own_config_folder("configs") is None
    assert own_config_folder(str(ROOT / "docs" / ".." / "configs")) is None


def test_a_folder_that_is_not_there_is_an_error_with_its_near_name(elsewhere: Path):
    (elsewhere / "my_configs").mkdir()
    with pytest.raises(ConfigError, match=r"there is no folder 'my_config'. Did you mean 'my_configs'\?"):
        own_config_folder("my_config")
