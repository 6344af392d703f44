"""How are several streams read in turns?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_core.data.streaming.readers import Reader, Share, State, Taken, in_turns
from ml_core.data.streaming.windows import Repeated
from ml_core.errors import DataError, listed

if TYPE_CHECKING:
    from ml_core.data.mixing import Draws


class MixedStream:
    """Rows of several streams as one; see `ml_core.data.mixing.mixture`.

    Every reader draws the sources in the same order, so that all have as many rows.

    Args:
        sources: `{name: stream}`.
        draws: Which source each row comes from.
    """

    def __init__(self, sources: Mapping[str, Any], draws: Draws) -> None:
        self.sources, self.draws = dict(sources), draws
        self.repeat = all(source.repeat for source in self.sources.values())
        self.features = next((source.features for source in self.sources.values() if source.features), None)

    def size(self, parts: int = 1) -> int | None:
        """Return the number of rows of one pass by so many readers; None where that is not known."""
        sizes = [np.inf if source.repeat else source.size(parts) for source in self.sources.values()]
        if None in sizes:
            return None
        of_reader = [size // parts if self.draws.is_short else -(-size // parts) for size in sizes]
        length = self.draws.length(of_reader)
        return None if length is None else length * parts

    def reader(self, share: Share) -> Reader:
        """Return what reads one share of one pass."""
        return MixedReader(self, share)


class MixedReader:
    """A reader of several streams, in the order of the draws."""

    def __init__(self, stream: MixedStream, share: Share) -> None:
        self.draws, self.position, self.is_over = stream.draws, 0, False
        self.readers: dict[str, Reader] = {
            name: Repeated(source.reader, share) if source.repeat or not self.draws.is_short else source.reader(share)
            for name, source in stream.sources.items()
        }
        self.ending = [name for name, source in stream.sources.items() if not source.repeat]

    def take(self, count: int) -> Taken:
        """Return the next rows: less than asked for at the end, none behind it."""
        if self.is_over:
            return Taken()
        sources = self.draws.sources(self.position, self.position + count)
        wanted = np.bincount(sources, minlength=len(self.readers)).tolist()
        parts = [reader.take(n) if n else Taken() for reader, n in zip(self.readers.values(), wanted, strict=True)]
        if any(part.size < n for part, n in zip(parts, wanted, strict=True)):
            self.is_over = True
            sources = sources[: _available(sources, [part.size for part in parts])]
            left = np.bincount(sources, minlength=len(parts)).tolist()
            parts = [part.part(0, n) for part, n in zip(parts, left, strict=True)]
        self.position += len(sources)
        self.is_over = self.is_over or self._is_exhausted()
        return in_turns(self._alike(parts), sources)

    def state_dict(self) -> State:
        """Return the position as plain data."""
        return {"row": self.position, "sources": {name: reader.state_dict() for name, reader in self.readers.items()}}

    def load_state_dict(self, state: State) -> None:
        """Go to a position before the first row is taken."""
        self.position = state["row"]
        for name, reader in self.readers.items():
            reader.load_state_dict(state["sources"][name])
        self.is_over = self._is_exhausted()

    def _is_exhausted(self) -> bool:
        """Whether every source that has an end was read beyond it."""
        rounds = [getattr(self.readers[name], "round", 0) for name in self.ending]
        return not self.draws.is_short and bool(rounds) and min(rounds) > 0

    def _alike(self, parts: list[Taken]) -> list[Taken]:
        """Refuse sources whose columns differ."""
        given = {name: part.columns for name, part in zip(self.readers, parts, strict=True) if part.size}
        first = next(iter(given), "")
        for name, columns in given.items():
            if set(columns) != set(given[first]):
                raise DataError(
                    "",
                    f"the source '{name}' has the columns {listed(columns)}, but '{first}' has {listed(given[first])}.",
                    "The sources of a mixture must have the same columns.",
                )
        return parts


def _available(sources: np.ndarray, counts: list[int]) -> int:
    """Return how many draws can be served by so many rows of each source."""
    used = np.cumsum(sources[:, None] == np.arange(len(counts)), axis=0)
    short = (used > np.asarray(counts)).any(1)
    return int(short.argmax()) if short.any() else len(sources)
