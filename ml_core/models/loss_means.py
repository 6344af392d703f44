"""What is the mean of each loss over an epoch?"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor


class LossMeans:
    """Sums of losses, weighted by batch size, on the losses' own device; nothing is read back until `compute`.

    A short last batch counts by its samples, so the mean is that over all samples, on all ranks together.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._count = 0

    def reset(self) -> None:
        """Forget everything."""
        self._sums, self._count = {}, 0

    def update(self, losses: Mapping[str, Tensor], size: int) -> None:
        """Add the losses of a batch of `size` samples."""
        self._count += size
        for name, loss in losses.items():
            value = loss.detach()
            if name in self._sums:
                self._sums[name].add_(value, alpha=size)
            else:
                self._sums[name] = value.to(_sum_type(value)) * size

    def compute(self, sum_over_ranks: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
        """Return `{name: mean}`; empty where no batch came."""
        if not self._sums:
            return {}
        sums = torch.stack([*self._sums.values()])
        sums = sum_over_ranks(torch.cat([sums, sums.new_tensor([self._count])]))
        return dict(zip(self._sums, (sums[:-1] / sums[-1]).float().unbind(), strict=True))


def _sum_type(value: Tensor) -> torch.dtype:
    return torch.float32 if value.device.type == "mps" else torch.float64
