"""Does a function do what was asked, as far as a trial can tell? It runs in a process of its own, with limits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ml_core.generated_code.prompt import Prompt

TRIAL = Path(__file__).with_name("trial_run.py")
START = 120
"""Seconds that the process may take to start, which is to import torch, and the most that a trial takes on top."""
KILLED = {
    signal.SIGXCPU: "ran into the limit of cpu time",
    signal.SIGALRM: "ran into the limit of the wall clock",
    signal.SIGXFSZ: "ran into the limit of the file size",
    signal.SIGKILL: "was killed: it ran into the limit of cpu time or of memory",
}


@dataclass(frozen=True)
class Limits:
    """What a trial may use: MiB of memory and of a file on top of what torch takes, and seconds."""

    memory: int = 2048
    file: int = 16
    cpu: int = 20
    wall: int = 30


@dataclass(frozen=True)
class Report:
    """What a trial has shown.

    Attributes:
        faults: What is wrong; nothing where the function passed.
        limits: Limits that were really on.
    """

    faults: Sequence[str]
    limits: Sequence[str]

    def __str__(self) -> str:
        return "\n".join(f"- {fault}" for fault in self.faults)


def validate(
    code: str,
    prompt: Prompt,
    new_key: Any = "",
    contract: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
) -> Report:
    """Run a function on inputs that are made up, with an empty environment, in a folder that is removed.

    Args:
        code: Has passed the policy.
        prompt: What was asked for; its doctests are run too.
        new_key: As for `WrapTransform`; tells what the function must return.
        contract: `{shape: [...], dtype: ...}` for each parameter, and for `return`.
        limits: What the trial may use.
    """
    limits = limits or Limits()
    job = {
        "code": code,
        "name": prompt.name,
        "parameters": dict(zip(prompt.parameters, prompt.annotations, strict=True)),
        "optional": prompt.optional,
        "returns": prompt.returns,
        "docstring": prompt.docstring,
        "new_key": new_key,
        "contract": dict(contract or {}),
        "limits": asdict(limits),
    }
    with tempfile.TemporaryDirectory(prefix="ml_core_trial_") as folder:
        os.chmod(folder, 0o777)  # noqa: S103  # nosec B103, the trial may run as nobody
        return _report(*_run(json.dumps(job), folder, START + limits.wall))


def _run(job: str, folder: str, patience: float) -> tuple[str, str, int | None]:
    """Return what the process has written, and how it ended; None where it had to be ended."""
    process = subprocess.Popen(  # noqa: S603  # nosec B603, our own program
        [sys.executable, "-I", "-B", str(TRIAL)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env={"OMP_NUM_THREADS": "1", "HOME": folder, "TMPDIR": folder},
        start_new_session=True,
        text=True,
    )
    try:
        out, err = process.communicate(job, timeout=patience)
        return out, err, process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        return out, err, None


def _report(out: str, err: str, code: int | None) -> Report:
    lines = [json.loads(line) for line in out.splitlines()]
    if len(lines) == 2:
        return Report(lines[1], lines[0])
    limits = lines[0] if lines else []
    if code is None:
        return Report(["ran into the limit of the wall clock"], limits)
    ended = KILLED.get(signal.Signals(-code)) if code < 0 else None
    reason = ended or f"the trial ended with code {code}: {' '.join(err.split())[-300:]}"
    return Report([reason], limits)
