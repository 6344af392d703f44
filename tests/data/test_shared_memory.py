"""Room for the batches that workers hand over."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import DataLoader

from ml_core.data import shared_memory
from ml_core.data.batches import BatchedDataset, identity
from ml_core.data.shared_memory import require_room
from ml_core.errors import UserError


@pytest.fixture
def _one_mebibyte(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shared_memory.os, "statvfs", lambda place: SimpleNamespace(f_bavail=256, f_frsize=4096))


def large(batch):
    return {"y": torch.zeros(2**20)}


@pytest.mark.usefixtures("_one_mebibyte")
def test_a_batch_that_a_worker_cannot_hand_over_is_told():
    data = BatchedDataset([{"x": 1}], [("data.transform", large)])
    with pytest.raises(UserError) as error:
        list(DataLoader(data, num_workers=1, collate_fn=identity))
    assert error.value.where == "data.num_workers"
    assert error.value.what.startswith(
        "the workers ran out of shared memory (/dev/shm): a batch needs 4.0 MiB, and 1.0 MiB are free. Give the "
    )
    assert error.value.exit_code == 70


@pytest.mark.usefixtures("_one_mebibyte")
def test_without_workers_nothing_is_handed_over():
    require_room(large({}))
