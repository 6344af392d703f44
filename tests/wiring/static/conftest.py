"""Packages that a test writes, read by a resolver and, for comparison, imported."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from ml_core.wiring.static_signatures import Resolver


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Resolver]:
    """Write `{path: source}` and return a resolver that finds it before everything else."""

    def write(files: Mapping[str, str]) -> Resolver:
        for path, source in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(textwrap.dedent(source), encoding="utf-8")
        return Resolver([str(tmp_path), *sys.path])

    return write


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Import a module that was written, and forget it after the test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
