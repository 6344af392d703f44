"""The commands for generated functions, as users type them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from chat_server import serving
from setting import ROOT, Compose

from ml_core.ai import main
from ml_core.generated_code.endpoint import Endpoint
from ml_core.wiring.ai_transforms import ai_nodes, ai_notes, order_at

Run = Callable[..., Path]
ANSWER = """def add_moments(x: torch.Tensor) -> torch.Tensor:
    mean, spread = x.mean(1, keepdim=True), x.std(1, keepdim=True, correction=0)
    return torch.cat([x, mean, spread], 1)
"""


def test_the_shipped_function_is_committed_and_approved(compose_config: Compose):
    cfg = compose_config("experiment=ai_transform")
    ((path, node),) = ai_nodes(cfg)
    order = order_at(path, node)
    assert (path, order.state) == ("data.transform", "approved")
    assert f"{hashlib.sha256(order.file.read_bytes()).hexdigest()}  " in (ROOT / "transforms.lock").read_text()
    assert [note.what.endswith(": approved.") for note in ai_notes(cfg)] == [True]


def test_list_and_show_name_the_function(run_command: Run, capsys: pytest.CaptureFixture[str]):
    run_command(main, "list", "experiment=ai_transform")
    assert "approved   data.transform  generated_transforms/" in capsys.readouterr().out
    run_command(main, "show", "experiment=ai_transform")
    assert "def add_moments" in capsys.readouterr().out


def test_an_experiment_without_such_steps_is_told(run_command: Run, capsys: pytest.CaptureFixture[str]):
    run_command(main, "list", "experiment=example")
    assert "No AI transforms in this experiment." in capsys.readouterr().out


def test_from_nothing_to_an_approved_function(
    run_command: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(Endpoint, "asked", 0)
    monkeypatch.setattr("ml_core.generated_code.approval.project_root", lambda: tmp_path)
    words = ["experiment=ai_transform", f"data.transform.path={tmp_path}/files"]
    run_command(main, "list", *words)
    assert capsys.readouterr().out.startswith("missing ")
    with serving(monkeypatch, ANSWER):
        run_command(main, "generate", *words)
    assert "validated  data.transform" in capsys.readouterr().out
    run_command(main, "approve", *words)
    shown = capsys.readouterr().out
    assert "Policy and trial: passed; limits: " in shown
    assert "nothing was approved before" in shown
    run_command(main, "diff", *words)
    assert "as it was approved" in capsys.readouterr().out
    run_command(main, "list", *words)
    assert capsys.readouterr().out.startswith("approved ")


def test_an_unknown_command_is_told(run_command: Run, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as raised:
        run_command(main, "aprove", "experiment=ai_transform")
    assert raised.value.code == 64
    assert "there is no 'aprove'. Did you mean 'approve'?" in capsys.readouterr().err.replace("?;", "?")
