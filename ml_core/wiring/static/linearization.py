"""In which order are the ancestors of a class asked? Python's C3 linearisation.

Reference: https://docs.python.org/3/howto/mro.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def linearize(chains: Sequence[Sequence[T]], key: Callable[[T], str]) -> list[T]:
    """Merge chains of ancestors so that the order of each is kept; where that cannot be, the first chain goes first.

    Args:
        chains: The ancestry of each base, and last the bases themselves.
        key: What makes two ancestors the same.
    """
    rest = [list(chain) for chain in chains if chain]
    merged: list[T] = []
    while rest:
        heads = [chain[0] for chain in rest]
        later = {key(ancestor) for chain in rest for ancestor in chain[1:]}
        chosen = next((head for head in heads if key(head) not in later), heads[0])
        merged.append(chosen)
        kept = ([ancestor for ancestor in chain if key(ancestor) != key(chosen)] for chain in rest)
        rest = [chain for chain in kept if chain]
    return merged
