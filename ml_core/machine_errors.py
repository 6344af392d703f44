"""Is the machine the cause of a failure: its memory, or a process of the data loader?

Such a failure can come up in any step, in the backward pass, or between batches.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

import torch

from ml_core.batch import batch_size
from ml_core.errors import ConfigError, DataError, OutOfMemoryError, UserError

WORKER_GONE = re.compile(
    r"DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\) (is killed by signal: \w+|exited unexpectedly)"
)
SHARED_MEMORY = re.compile(
    r"out of shared memory|insufficient shared memory|unable to \w+ shared memory", re.IGNORECASE
)
TIMED_OUT = re.compile(r"DataLoader timed out after ([\d.]+) seconds")
NO_MEMORY = re.compile(r"DefaultCPUAllocator|out of memory|ALLOC_FAILED|Cannot allocate memory", re.IGNORECASE)
MEBIBYTE = 2**20


def machine_error(
    error: BaseException, where: str, batch: Mapping[str, Any] | None = None, size: int | None = None
) -> UserError | None:
    """Return an error that says what ran out or died; None where the machine is not the cause.

    Args:
        error: What was raised.
        where: YAML path of what was running.
        batch: What it was running on, if anything.
        size: Number of samples in a batch, where there is none to count them in.
    """
    text = str(error)
    if SHARED_MEMORY.search(text):
        return UserError(
            "data.num_workers",
            f"the workers ran out of shared memory (/dev/shm): {_line(text)}",
            "Give the container more (docker run --shm-size=8g), or set data.num_workers=0.",
        )
    if gone := WORKER_GONE.search(str(error.__cause__)) or WORKER_GONE.search(text):
        return DataError(
            "data.num_workers",
            f"the worker process {gone.group(1)} of the data loader {gone.group(2)}.",
            "A process that the system kills was out of memory as a rule: lower data.num_workers or data.batch_size. "
            "With data.num_workers=0 an error in the data shows itself.",
        )
    if late := TIMED_OUT.search(text):
        return DataError(
            "data.timeout",
            f"{_late_worker(error)} of the data loader gave no batch within {late.group(1)} seconds.",
            "A transform or the storage hangs, or is that slow: set data.timeout higher, or see it with "
            "data.num_workers=0.",
        )
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or _is_of_memory(error, text):
        return out_of_memory(error, where, size or _size(batch))
    return None


def out_of_memory(error: BaseException, where: str, size: int | None) -> OutOfMemoryError:
    """Word that memory ran out, with the number of samples in the batch, the peak and what lowers it."""
    batch = f" with a batch of {size}" if size else ""
    less = f"data.batch_size={max(1, size // 2)}" if size else "half of data.batch_size"
    return OutOfMemoryError(
        where,
        f"memory ran out{batch}, after a peak of {_peak()}: {_line(str(error)) or 'MemoryError.'}",
        f"Try {less} with trainer.accumulate_grad_batches=2, which trains the same, "
        "or trainer.precision=bf16-mixed, or a smaller model.",
    )


def _late_worker(error: BaseException) -> str:
    """Return which worker is waited for, as torch's iterator knows it."""
    trace = error.__traceback__
    while trace is not None:
        waiting: Any = trace.tb_frame.f_locals.get("self")
        if due := getattr(waiting, "_task_info", {}).get(getattr(waiting, "_rcvd_idx", None)):
            return f"the worker {due[0]} (process {waiting._workers[due[0]].pid})"
        trace = trace.tb_next
    return "a worker"


def _is_of_memory(error: BaseException, text: str) -> bool:
    return isinstance(error, (RuntimeError, OSError)) and NO_MEMORY.search(text) is not None


def _size(batch: Mapping[str, Any] | None) -> int | None:
    try:
        return batch_size(batch) if batch else None
    except ConfigError:  # nothing in it has a length
        return None


def _peak() -> str:
    """Return the most memory that was in use: on the accelerator where one was used, else by this process."""
    if torch.cuda.is_available() and (used := torch.cuda.max_memory_allocated()):
        total = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
        return f"{used // MEBIBYTE:,} of {total // MEBIBYTE:,} MiB on cuda:{torch.cuda.current_device()}"
    if sys.platform == "win32":
        return "an unknown number of MiB"
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f"{used // (MEBIBYTE if sys.platform == 'darwin' else 1024):,} MiB in this process"


def _line(text: str) -> str:
    """Return the first two sentences of a message, which libraries end with pages of advice."""
    text = re.sub(r"\[enforce fail at .*?\] err == 0\.", "", text)
    sentences = re.split(r"(?<=[a-zA-Z\d])\. ", " ".join(text.split()))[:2]
    return f"{'. '.join(sentences).rstrip('. ')}." if text else ""
