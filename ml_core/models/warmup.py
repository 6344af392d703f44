"""How does the learning rate rise at the start, whatever scheduler comes afterwards?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


class LinearWarmup(LRScheduler):
    """Raise every group's learning rate linearly to what it is set to; stepped after every optimizer step.

    After k of `steps` optimizer steps the rate is `start + (1 - start) * k / steps` of the group's own, so the ratio
    of the groups stays. The scheduler that follows stands still until `is_over`; it is made first, because the rates
    that it starts with are those that the warm-up leads to.

    Reference: Goyal et al., "Accurate, Large Minibatch SGD" (2017), section 2.2.

    Args:
        optimizer: Its groups hold the rates to reach.
        steps: Optimizer steps until they are reached.
        start: Share of the rate that the first step is made with.
    """

    def __init__(self, optimizer: Optimizer, steps: int, start: float = 0.0) -> None:
        self.steps, self.start = steps, start
        self.goals = [group["lr"] for group in optimizer.param_groups]
        super().__init__(optimizer)

    @property
    def is_over(self) -> bool:
        """Whether the last optimizer step came after the warm-up."""
        return self.last_epoch > self.steps

    def get_lr(self) -> list[Any]:
        """Return the rate of each group for the next optimizer step."""
        if self.is_over:
            return [group["lr"] for group in self.optimizer.param_groups]
        share = self.start + (1 - self.start) * self.last_epoch / self.steps
        return [goal * share for goal in self.goals]


def is_waiting(scheduler: Any, configs: Iterable[Any]) -> bool:
    """Whether a scheduler stands still because another one still warms up the same optimizer.

    Args:
        scheduler: The one that is about to be stepped.
        configs: The trainer's `lr_scheduler_configs`.
    """
    others = (config.scheduler for config in configs if config.scheduler is not scheduler)
    warmups = (other for other in others if isinstance(other, LinearWarmup) and other.optimizer is scheduler.optimizer)
    return any(not warmup.is_over for warmup in warmups)
