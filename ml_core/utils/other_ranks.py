"""What becomes of the other processes of a run when one of them fails?"""

from __future__ import annotations

import re
import subprocess
import time
from typing import TYPE_CHECKING

from ml_core.errors import UserError

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

GRACE_SECONDS = 5.0
PEER_IS_GONE = re.compile(r"Connection (closed|reset) by peer|Broken pipe|remote process exited", re.IGNORECASE)


def end_others(trainer: Trainer) -> dict[int, int]:
    """End the processes that this one started, and return `{rank: exit code}` of those that had failed themselves.

    Where the backend notices a lost peer they end alone; in a collective of NCCL they would wait for minutes. The
    list of them is emptied, so that Lightning's watch over it does not kill this process before it has said why.
    """
    processes: list[subprocess.Popen[bytes]] = getattr(trainer.strategy.launcher, "procs", [])
    started = processes.copy()
    processes.clear()
    deadline = time.monotonic() + GRACE_SECONDS
    codes = {}
    for rank, process in enumerate(started, start=1):
        try:
            codes[rank] = process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
    return {rank: code for rank, code in codes.items() if code}


def lost_peer(error: Exception, codes: dict[int, int]) -> UserError | None:
    """Return that another rank failed, with its exit code; None where that is not the cause."""
    if not PEER_IS_GONE.search(str(error)):
        return None
    rank, code = next(iter(codes.items()), (None, UserError.exit_code))
    name = "another rank" if rank is None else f"rank {rank}"
    told = UserError("trainer", f"{name} failed, so this one cannot go on.", "Its own message stands above.")
    told.exit_code = code if code > 0 else UserError.exit_code
    return told
