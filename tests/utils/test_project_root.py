"""Where the project and its configurations are."""

from __future__ import annotations

import os

from setting import ROOT

from ml_core.utils.project_root import config_folder, find_project_root


def test_the_root_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_project_root() == ROOT
    assert os.environ["PROJECT_ROOT"] == str(ROOT)


def test_the_configurations_of_a_checkout_lie_beside_the_package():
    assert config_folder() == ROOT / "configs"
