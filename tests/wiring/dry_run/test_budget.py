"""What grows too large for a check is stopped before it takes the memory."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ml_core.wiring.dry_run.budget import Budget, TooMuch

HUGE = (10**7, 10**7)


def test_the_weights_of_a_network_are_counted():
    with Budget(1_000_000) as budget:
        net = nn.Sequential(nn.Linear(784, 256), nn.Embedding(10, 20))
        nn.Parameter(torch.randn(3, 4))
    assert budget.made == sum(p.numel() for p in net.parameters()) + 12


@pytest.mark.parametrize("make", [lambda: torch.randn(*HUGE), lambda: nn.Linear(*HUGE), lambda: torch.ones(HUGE)])
def test_a_size_that_no_memory_holds_is_not_asked_for(make):
    with pytest.raises(TooMuch), Budget(1_000_000):
        make()


def test_many_small_ones_are_too_much_together():
    with pytest.raises(TooMuch), Budget(1_000):
        [nn.Linear(20, 20) for _ in range(3)]


def test_time_is_limited_between_operations():
    def work():
        while True:
            torch.ones(2)

    with pytest.raises(TooMuch), Budget(10**9, seconds=0.05):
        work()


def test_it_cannot_be_mistaken_for_a_failure_of_what_is_built():
    assert not issubclass(TooMuch, Exception)
