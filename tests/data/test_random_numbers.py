"""Random numbers that follow from seeds, beside the ones of the process."""

from __future__ import annotations

import random

import numpy as np
import torch

from ml_core.data.random_numbers import RandomNumbers


def draws() -> tuple[float, float, float, float]:
    """A normal number too: NumPy draws two and keeps one back."""
    return random.random(), np.random.rand(), np.random.randn(), torch.rand(()).item()  # noqa: NPY002


def test_they_follow_from_the_seeds():
    def seeded(*seeds):
        with RandomNumbers(seeds):
            return draws()

    assert seeded(1, 2, 3) == seeded(1, 2, 3)
    assert all(a != b for a, b in zip(seeded(1, 2, 3), seeded(4, 5, 6), strict=True))


def test_the_numbers_of_the_process_go_on_as_if_nothing_had_been_drawn():
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(0)
    expected = [draws() for _ in range(4)]

    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(0)
    found = []
    for number in range(4):
        found.append(draws())
        with RandomNumbers([number] * 3):
            draws()
    assert found == expected


def test_they_go_on_after_an_error_too():
    before = torch.get_rng_state()
    try:
        with RandomNumbers([1, 2, 3]):
            torch.rand(3)
            raise ValueError
    except ValueError:
        pass
    assert torch.equal(torch.get_rng_state(), before)
