"""When does a pass over a stream end on several ranks, if one of them runs out of rows before the others?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import torch
from torch import distributed

from ml_core.utils.pylogger import RankedLogger

log = RankedLogger(__name__)

T = TypeVar("T")


def together(batches: Iterable[T]) -> Iterator[T]:
    """Yield batches as long as every rank has another one, so that no rank waits for gradients that never come.

    The ranks agree before each batch. Batches that some have beyond the end of others are left out, and that is
    logged: only a stream that does not know its size can have them.
    """
    if not (distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1):
        yield from batches
        return
    iterator = iter(batches)
    while True:
        batch = next(iterator, None)
        if not _all(batch is not None):
            if batch is not None:
                log.warning(
                    "Another rank has no more rows of its stream, so the pass ends here; those of this one are left."
                )
            return
        yield batch  # type: ignore[misc]


def _all(is_so: bool) -> bool:
    """Whether something is so on all ranks."""
    device = torch.device("cuda", torch.cuda.current_device()) if distributed.get_backend() == "nccl" else "cpu"
    flag = torch.tensor(int(is_so), device=device)
    distributed.all_reduce(flag, distributed.ReduceOp.MIN)
    return bool(flag.item())
