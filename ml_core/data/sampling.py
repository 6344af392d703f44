"""In which order do samples come?"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import DistributedSampler


class EpochSampler(DistributedSampler[Any]):
    """The sampler for one device and for many: its order follows from seed and epoch alone.

    A resumed run thus goes on with the order that the unbroken one would have had. `generator` is for the data
    loader, which seeds its workers from it: they too start every epoch anew, and no loader takes numbers from the
    global generator.

    Args:
        *args: See `torch.utils.data.DistributedSampler`.
        **kwargs: See `torch.utils.data.DistributedSampler`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.generator = torch.Generator()
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order and worker seeds come next."""
        super().set_epoch(epoch)
        self.generator.manual_seed((self.seed + 1) * 1_000_003 + epoch)
