"""The command that evaluates a checkpoint again, as it is printed."""

from __future__ import annotations

import shlex
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig
from setting import ROOT, Compose

from ml_core.utils.entry_point import entry_point
from ml_core.utils.eval_command import as_override, eval_command, packages_to_trust, shown
from ml_core.utils.trust import Trust


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)
    monkeypatch.setattr(sys, "orig_argv", [".venv/bin/python", "ml_core/train.py"])
    monkeypatch.setattr(sys, "argv", ["ml_core/train.py"])
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))


def test_of_a_script():
    assert eval_command(str(ROOT / "a" / "x.ckpt")) == ".venv/bin/python ml_core/eval.py ckpt_path=a/x.ckpt"


def test_of_a_script_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "orig_argv", ["python", f"{ROOT}/ml_core/train.py"])
    assert eval_command("x.ckpt") == f"python {ROOT}/ml_core/eval.py ckpt_path=x.ckpt"


def test_of_a_module(monkeypatch: pytest.MonkeyPatch):
    main = types.ModuleType("__main__")
    main.__spec__ = types.SimpleNamespace(name="ml_core.train")
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert eval_command("x.ckpt") == ".venv/bin/python -m ml_core.eval ckpt_path=x.ckpt"


def test_of_an_installed_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "ml-core-eval").touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "ml-core-train")])
    assert eval_command("x.ckpt") == f"{tmp_path}/ml-core-eval ckpt_path=x.ckpt"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert eval_command("x.ckpt") == "ml-core-eval ckpt_path=x.ckpt"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--config-dir", "my configs"), "--config-dir 'my configs' ckpt_path=x.ckpt"),
        (("--config-dir", str(ROOT / "configs")), "ckpt_path=x.ckpt"),
        ((), "ckpt_path=x.ckpt"),
    ],
)
def test_the_folder_of_configurations_is_named_where_it_was(
    words: tuple[str, ...],
    expected: str,
    run_command: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    (tmp_path / "my configs").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROJECT_ROOT", "")
    printed = []
    run_command(entry_point("train.yaml")(lambda cfg: printed.append(eval_command("x.ckpt"))), *words)
    assert printed[0].endswith(f"eval.py {expected}")


def test_packages_that_evaluation_would_refuse_are_vouched_for(compose_config: Compose):
    cfg = compose_config("model.criterions.criterions.ce._target_=hydra.utils.get_class")
    assert packages_to_trust(cfg, Trust([], [])) == ["hydra"]
    assert packages_to_trust(compose_config(), Trust([], [])) == []
    assert eval_command("x.ckpt", ["a", "b"]).endswith("ckpt_path=x.ckpt 'trust=[a,b]'")


def test_a_path_is_shown_from_the_working_folder_where_it_lies_in_it(tmp_path: Path):
    assert shown(ROOT / "logs" / "x") == "logs/x"
    assert shown(tmp_path) == str(tmp_path)
    assert shown("logs/x") == "logs/x"


def test_special_characters_are_quoted_for_the_shell_and_for_hydra(compose_config: Compose):
    override = as_override("ckpt_path", "logs/epoch=0-step=57.ckpt")
    assert override == """'ckpt_path="logs/epoch=0-step=57.ckpt"'"""
    (word,) = shlex.split(override)
    assert compose_config(word).ckpt_path == "logs/epoch=0-step=57.ckpt"
