"""Which failures come from the machine, and what is said of them."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest
import torch
from torch.utils.data import DataLoader

from ml_core.data.batches import BatchedDataset, identity
from ml_core.errors import DataError, OutOfMemoryError
from ml_core.machine_errors import machine_error


def die(batch):
    os.kill(os.getpid(), signal.SIGKILL)


def hang(batch):
    time.sleep(60)


def failure_of(step, **options) -> Exception:
    data = BatchedDataset([{"x": 1}], [("data.transform", step)])
    with pytest.raises(Exception) as caught:
        list(DataLoader(data, collate_fn=identity, num_workers=1, **options))
    return caught.value


def test_a_worker_that_was_killed_is_named_with_the_signal():
    error = machine_error(failure_of(die), "trainer")
    assert type(error) is DataError
    assert error.where == "data.num_workers"
    assert error.what.startswith("the worker process ")
    assert error.what.endswith(" of the data loader is killed by signal: Killed.")


def test_a_worker_that_hangs_is_named():
    text = str(machine_error(failure_of(hang, timeout=1), "trainer"))
    assert re.match(
        r"data\.timeout: the worker 0 \(process \d+\) of the data loader gave no batch within 1 seconds\. ", text
    )


def test_a_timeout_that_comes_from_elsewhere_names_no_worker():
    error = machine_error(RuntimeError("DataLoader timed out after 5 seconds"), "trainer")
    assert error.what == "a worker of the data loader gave no batch within 5 seconds."


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        OSError("[Errno 12] Cannot allocate memory"),
    ],
)
def test_memory_is_told_with_the_size_of_the_batch(error: Exception):
    told = machine_error(error, "trainer", size=64)
    assert type(told) is OutOfMemoryError
    assert told.what.startswith("memory ran out with a batch of 64, after a peak of ")
    assert told.fix.startswith("Try data.batch_size=32 with trainer.accumulate_grad_batches=2")


def test_shared_memory_is_told():
    text = (
        "DataLoader worker (pid 7) is killed by signal: Bus error. "
        "It is possible that dataloader's workers are out of shared memory."
    )
    error = machine_error(RuntimeError(text), "trainer")
    assert error.what.startswith("the workers ran out of shared memory (/dev/shm): ")
    assert error.fix == "Give the container more (docker run --shm-size=8g), or set data.num_workers=0."


def test_any_other_failure_is_none_of_the_machine():
    assert machine_error(RuntimeError("mat1 and mat2"), "trainer") is None
