"""Which way do lines take between two rows?

Each line goes down, along a track of its own, and down again. Tracks are ordered so that few lines cross and no two lie
on each other (channel routing, after Hashimoto and Stevens 1971).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CLEAR = 7.0
"""Two lines that run side by side keep at least this distance."""
STRAIGHT = 0.75


@dataclass(frozen=True)
class Net:
    """Lines that begin in one point of the upper row.

    Attributes:
        top: Where they begin.
        bottoms: Where they end in the lower row.
    """

    top: float
    bottoms: tuple[float, ...]

    @property
    def is_straight(self) -> bool:
        """Whether it needs no track."""
        return all(abs(bottom - self.top) < STRAIGHT for bottom in self.bottoms)

    @property
    def span(self) -> tuple[float, float]:
        """Left and right end of its track."""
        ends = (self.top, *self.bottoms)
        return min(ends), max(ends)


def assign_tracks(nets: Sequence[Net]) -> list[int | None]:
    """Return the track of each net, counted from above; None where it is a straight line."""
    order = _order([index for index, net in enumerate(nets) if not net.is_straight], nets)
    tracks: list[int | None] = [None] * len(nets)
    for position, index in enumerate(order):
        before = [tracks[other] for other in order[:position] if _touch(nets[other], nets[index])]
        tracks[index] = max((track for track in before if track is not None), default=-1) + 1
    return tracks


def _order(indices: list[int], nets: Sequence[Net]) -> list[int]:
    """Sort by exchanging neighbours while that makes the drawing clearer."""
    order = sorted(indices, key=lambda index: nets[index].span)
    for _ in order:
        is_settled = True
        for i in range(len(order) - 1):
            upper, lower = nets[order[i]], nets[order[i + 1]]
            if _cost(lower, upper) < _cost(upper, lower):
                order[i], order[i + 1] = order[i + 1], order[i]
                is_settled = False
        if is_settled:
            break
    return order


def _cost(upper: Net, lower: Net) -> int:
    """Count the crossings of two nets, where a stretch that they would share counts as many."""
    crossings = _inside(lower.top, upper) + sum(_inside(bottom, lower) for bottom in upper.bottoms)
    shared = sum(abs(bottom - lower.top) < CLEAR for bottom in upper.bottoms)
    return crossings + 100 * shared


def _inside(x: float, net: Net) -> bool:
    left, right = net.span
    return left < x < right


def _touch(one: Net, other: Net) -> bool:
    return one.span[0] < other.span[1] + CLEAR and other.span[0] < one.span[1] + CLEAR
