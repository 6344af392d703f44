"""What is one line of a benchmark's table, and how are two sides timed fairly?"""

from __future__ import annotations

import ctypes
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEBIBYTE = 2**20


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        name: What is compared, and at what size.
        baseline: The named other side and its figure: `index_select of float32, 0.031 ms`.
        ours: Our figure, in the same unit.
        ratio: What `limit` is about: ours to the baseline, or the other way round, as the limit's sign tells.
        limit: `<= 1.5`, `>= 2`, or nothing where there is none.
        memory: Memory that our side added to the process, in MiB; None where it says nothing.
    """

    name: str
    baseline: str
    ours: str
    ratio: float
    limit: str = ""
    memory: float | None = None

    @property
    def is_kept(self) -> bool:
        """Whether the ratio keeps within the limit."""
        sign, _, bound = self.limit.partition(" ")
        return not self.limit or (self.ratio <= float(bound) if sign == "<=" else self.ratio >= float(bound))


def in_turns(
    *sides: Callable[[], Any], rounds: int = 21, calls: int = 1, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Return the median milliseconds of a call of each side; they run in turns, after one round that is not counted.

    Args:
        *sides: Each is called without arguments.
        rounds: Number of turns of each side.
        calls: Calls in one turn, of which the mean counts as one measurement.
        clock: Gives seconds; `time.thread_time` for work of this thread alone, so that what else runs on the machine
            counts less.
    """
    times: list[list[float]] = [[] for _ in sides]
    for turn in range(rounds + 1):
        for side, measured in zip(sides, times, strict=True):
            start = clock()
            for _ in range(calls):
                side()
            if turn:
                measured.append((clock() - start) / calls * 1000)
    return [statistics.median(measured) for measured in times]


def resident() -> float:
    """Return the memory of this process that lies in RAM, pages of mapped files included, in MiB; Linux alone."""
    if sys.platform != "linux":
        return float("nan")
    ctypes.CDLL(None).malloc_trim(0)  # what has been freed is no use of memory
    fields = Path("/proc/self/status").read_text().split("VmRSS:")[1].split()
    return int(fields[0]) * 1024 / MEBIBYTE
