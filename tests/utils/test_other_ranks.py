"""What becomes of the other processes of a run."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from setting import ROOT
from torch import nn

from ml_core.utils import other_ranks
from ml_core.utils.other_ranks import end_others, lost_peer

GONE = RuntimeError("[gloo/transport/tcp/pair.cc:561] Connection closed by peer [127.0.0.1]:15757.")


class NanOnRankOne(nn.Module):
    """A cross entropy that is nan at the third step, on rank 1 alone."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, input, target):
        self.calls += input.requires_grad
        is_now = input.requires_grad and self.calls == 3 and os.environ.get("LOCAL_RANK") == "1"
        return nn.functional.cross_entropy(input, target) * (math.nan if is_now else 1.0)


def trainer_with(*programs: str) -> SimpleNamespace:
    processes = [subprocess.Popen([sys.executable, "-c", program]) for program in programs]
    return SimpleNamespace(strategy=SimpleNamespace(launcher=SimpleNamespace(procs=processes)))


def test_those_that_wait_are_ended_and_those_that_failed_are_named(monkeypatch):
    monkeypatch.setattr(other_ranks, "GRACE_SECONDS", 2.0)
    trainer = trainer_with("raise SystemExit(70)", "pass", "import time; time.sleep(100)")
    started, before = list(trainer.strategy.launcher.procs), time.monotonic()
    assert end_others(trainer) == {1: 70}
    assert started[2].wait(10) == -9
    assert time.monotonic() - before < 30
    assert trainer.strategy.launcher.procs == []


def test_a_run_of_one_process_has_no_others():
    assert end_others(SimpleNamespace(strategy=SimpleNamespace(launcher=None))) == {}


@pytest.mark.parametrize(
    ("codes", "message", "exit_code"),
    [
        ({1: 65}, "trainer: rank 1 failed, so this one cannot go on. Its own message stands above.", 65),
        ({2: -9}, "trainer: rank 2 failed, so this one cannot go on. Its own message stands above.", 70),
        ({}, "trainer: another rank failed, so this one cannot go on. Its own message stands above.", 70),
    ],
)
def test_a_lost_peer_is_told_with_the_code_that_it_ended_with(codes: dict, message: str, exit_code: int):
    told = lost_peer(GONE, codes)
    assert str(told) == message
    assert told.exit_code == exit_code


def test_another_error_is_no_lost_peer():
    assert lost_peer(RuntimeError("mat1 and mat2"), {1: 1}) is None


@pytest.mark.slow
def test_n3_a_loss_that_is_nan_on_one_rank_ends_them_all(tmp_path: Path):
    words = (
        "experiment=example", "check=false", "trainer=ddp_sim", "trainer.max_epochs=1", "trainer.min_epochs=1",
        "logger=none", "callbacks.rich_progress_bar=null", "trainer.enable_progress_bar=false",
        f"model.criterions.criterions.ce._target_={Path(__file__).stem}.NanOnRankOne", f"paths.log_dir={tmp_path}",
        "extras.print_config=false",
    )  # fmt: skip
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent), str(ROOT / "tests")])
    ended = subprocess.run(
        [sys.executable, "-m", "ml_core.train", *words],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert ended.returncode != 0
    assert "the loss is not finite at step 2 (epoch 0, batch 2): 'ce' is nan" in ended.stderr
    assert ended.stderr.strip().splitlines()[-1].startswith(("ERROR [trainer]: rank 1 failed", "ERROR [model.crit"))
    assert list(tmp_path.rglob("*.ckpt")) == []
