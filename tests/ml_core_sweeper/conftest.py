"""A search through Hydra's own machinery, in this process, over a function in place of a training."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import pytest
import yaml
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from hydra_plugins import ml_core_sweeper
from ml_core.utils import composition

CONFIG = """
defaults:
  - _self_
  - override hydra/sweeper: optuna
x: 0.0
y: 1
name: a
optimized_metric: null
hydra:
  mode: MULTIRUN
  sweep: {dir: FOLDER/sweep, subdir: "${hydra.job.num}"}
  sweeper: {direction: minimize, n_trials: 4, sampler: {seed: 1}, params: {x: "interval(-1.0, 1.0)"}}
"""

Search = Callable[..., dict[str, Any]]


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Search:
    """Search for the best result of `task(cfg)`, and return what `optimization_results.yaml` holds."""
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG.replace("FOLDER", str(tmp_path)))
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    composition.install()

    def run(task: Callable[[DictConfig], Any], *arguments: str) -> dict[str, Any]:
        GlobalHydra.instance().clear()
        monkeypatch.setattr(sys, "argv", ["command", *arguments])
        ml_core_sweeper.install()
        hydra.main(version_base="1.3", config_path=str(folder), config_name="config")(task)()
        return yaml.safe_load((tmp_path / "sweep" / "optimization_results.yaml").read_text())

    return run
