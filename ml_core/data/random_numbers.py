"""With which random numbers is something made, whatever else draws some?"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

GeneratorStates = tuple[Any, Any, Any]


class RandomNumbers:
    """A context in which torch (on the CPU), NumPy and Python draw numbers that follow from seeds.

    Their generators go on afterwards as if nothing had been drawn.

    Args:
        seeds: Of torch, NumPy and Python, each below 2**32. All three are Mersenne twisters: with one seed for all
            they would draw the same numbers.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self.seeds = seeds
        self._before: GeneratorStates

    def __enter__(self) -> None:
        self._before = generator_states()
        torch.default_generator.manual_seed(self.seeds[0])
        np.random.seed(self.seeds[1])  # noqa: NPY002, what transforms draw from
        random.seed(self.seeds[2])

    def __exit__(self, *_: object) -> None:
        set_generator_states(self._before)


def generator_states() -> GeneratorStates:
    """Return the states of the generators of torch (on the CPU), NumPy and Python."""
    return torch.default_generator.get_state(), np.random.get_state(), random.getstate()  # noqa: NPY002, the global one


def set_generator_states(states: GeneratorStates) -> None:
    """Let the generators go on from earlier states."""
    torch.default_generator.set_state(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    random.setstate(states[2])
