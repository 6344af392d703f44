"""Is there room for a batch in the memory through which a worker hands it over?

Torch's workers hand tensors over through /dev/shm. Where that is full, the thread that does so fails behind the
worker's back, and the training would wait for the batch until its timeout.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.data import get_worker_info

from ml_core.errors import UserError

# No file of ours: torch puts the batches there
PLACE = Path("/dev/shm")  # noqa: S108  # nosec B108
MEBIBYTE = 2**20


def require_room(batch: Mapping[str, Any]) -> None:
    """Refuse a batch that a worker could not hand over.

    Raises:
        UserError: If this is a worker, and the tensors of the batch are larger than what is free.
    """
    if get_worker_info() is None or not PLACE.is_dir():
        return
    needed = sum(value.nbytes for value in batch.values() if isinstance(value, Tensor))
    found = os.statvfs(PLACE)
    free = found.f_bavail * found.f_frsize
    if needed > free:
        raise UserError(
            "data.num_workers",
            f"the workers ran out of shared memory ({PLACE}): a batch needs {needed / MEBIBYTE:.1f} MiB, and "
            f"{free / MEBIBYTE:.1f} MiB are free.",
            "Give the container more (docker run --shm-size=8g), or set data.num_workers=0.",
        )
