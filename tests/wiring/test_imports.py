"""Modules of the user's own that raise, hang or print when they are imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from ml_core.wiring.findings import Findings, Note
from ml_core.wiring.imports import try_imports
from ml_core.wiring.static_signatures import Resolver

NET = "class Net:\n    def __init__(self, width=1): ...\n"


@pytest.mark.parametrize(
    ("top", "errors", "notes"),
    [
        ("", [], []),
        ("print('hello')\n", [], [Note("model.net._target_", "importing own_nets.Net prints: hello")]),
        (
            "1 / 0\n",
            [
                "model.net._target_: importing own_nets.Net failed: ZeroDivisionError: division by zero. "
                "Mend that module."
            ],
            [],
        ),
        (
            "import os\nimport nunpy\n",
            [
                "model.net._target_: own_nets.Net cannot be imported: own_nets.py:2 imports 'nunpy', which is not "
                "there. Did you mean 'numpy'? If it is a module of your own, put it beside your configurations or "
                "into the working folder; else: uv pip install nunpy"
            ],
            [],
        ),
        (
            "import time; time.sleep(60)\n",
            [
                "model.net._target_: importing own_nets.Net has not ended after 2 s. "
                "Move what takes so long out of the top level of its module, into a function or constructor."
            ],
            [],
        ),
    ],
    ids=["quiet", "prints", "raises", "imports", "hangs"],
)
def test_a_module_of_ones_own_is_imported_apart(top, errors, notes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "own_nets.py").write_text(top + NET)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    cfg = OmegaConf.create({"model": {"net": {"_target_": "own_nets.Net"}, "same": [{"_target_": "own_nets.Net"}]}})
    findings = Findings()
    try_imports(cfg, Resolver(), findings, seconds=2)
    assert list(map(str, findings.errors)) == errors
    assert findings.notes == notes
    assert "own_nets" not in sys.modules


def test_installed_packages_and_this_one_are_not_tried():
    cfg = OmegaConf.create({"a": {"_target_": "torch.nn.Linear"}, "b": {"_target_": "ml_core.data.sources.mnist_mini"}})
    findings = Findings()
    try_imports(cfg, Resolver(), findings, seconds=0.0001)  # too short for any import
    assert findings == Findings()
