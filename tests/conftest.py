"""Fixtures: composing configurations and running the entry points in this process, all output in a temporary folder."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: two threads gain nothing on these sizes

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from setting import Compose

from ml_core.utils import composition
from ml_core.utils.entry_point import OURS
from ml_core.utils.project_root import config_folder, find_project_root

find_project_root()
composition.install()

collect_ignore = ["wiring/imports_nothing.py"]  # fails to import, on purpose


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("RUN_MONEY_TESTS") != "1":
        for item in items:
            if item.get_closest_marker("money"):
                item.add_marker(pytest.mark.skip(reason="calls a paid service; set RUN_MONEY_TESTS=1"))


def forget_hydra() -> None:
    """Leave nothing of an earlier test's composition: not even that of a sweep that has no output folder."""
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None


@pytest.fixture(autouse=True)
def _no_traces_of_a_command() -> Iterator[None]:
    """Take back what a command has set up: its handlers write to streams that end with the test."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    project = os.environ.get("PROJECT_ROOT")
    yield
    if project is not None:
        os.environ["PROJECT_ROOT"] = project  # a command that ran elsewhere has found another one
    root.setLevel(level)
    for handler in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(handler)
        handler.close()
    os.environ.pop("PL_GLOBAL_SEED", None)  # where seed_everything leaves what later loaders read
    if os.environ.pop(OURS, None):
        os.environ.pop("HYDRA_FULL_ERROR", None)


@pytest.fixture
def compose_config(tmp_path: Path) -> Compose:
    """Compose `train.yaml`, or another one, with overrides; output goes to this test's own folder."""

    def run(*overrides: str, config: str = "train.yaml", folder: str = "run") -> DictConfig:
        (tmp_path / folder).mkdir(exist_ok=True)
        paths = [
            f"paths.output_dir={tmp_path / folder}",
            f"paths.log_dir={tmp_path}",
            f"paths.work_dir={tmp_path}",
            "extras.print_config=false",
        ]
        forget_hydra()
        with initialize_config_dir(str(config_folder()), version_base="1.3"):
            return compose(config, [*paths, *overrides])

    return run


@pytest.fixture
def run_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Run an entry point as the command line does, in this process, and return its log folder."""

    def run(main: Callable[[], object], *arguments: str) -> Path:
        forget_hydra()
        monkeypatch.setattr(
            sys, "argv", ["command", *arguments, f"paths.log_dir={tmp_path}", "extras.print_config=false"]
        )
        monkeypatch.setenv("HYDRA_FULL_ERROR", os.environ.get("HYDRA_FULL_ERROR", "0"))
        main()
        return tmp_path

    return run
