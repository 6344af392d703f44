"""How are several data sets mixed into one, each row from a source that is drawn by weight?"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from ml_core.data.batches import BatchedDataset
from ml_core.data.streaming.mixed import MixedStream
from ml_core.data.streaming.readers import Taken, in_turns
from ml_core.data.streaming.stage import as_stream, is_stream
from ml_core.errors import ConfigError, DataError, listed, nearest

CHUNK = 4096
"""Rows whose sources are drawn at a time."""

Stop = Literal["first_exhausted", "all_exhausted"]
STOPS = get_args(Stop)


def mixture(
    sources: Mapping[str, Any], weights: Mapping[str, float], seed: int = 0, stop: Stop = "first_exhausted"
) -> MixedRows | MixedStream:
    """Return one data set whose rows come from several.

    It has a length and can be shuffled as a whole where all sources can; where one of them streams, it is a stream.
    Which source a row comes from follows from `seed` alone.

    Args:
        sources: `{name: data set}`: whatever a split may be, `ParquetStream`, `SampleStream` or another mixture; all
            with the same columns.
        weights: `{name: weight}`, above 0; the share of a source is its weight over the sum of all.
        seed: Seed of the draws.
        stop: `first_exhausted` ends where a source has no row left to give, so that no row comes twice;
            `all_exhausted` begins such a source anew until every one has been read to its end.

    Raises:
        ConfigError: If the names of weights and sources differ, or a weight, `seed` or `stop` is out of range.
        DataError: If a source is empty, or the columns of two differ.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ConfigError("seed", f"is {seed!r}, but must be a whole number from 0.")
    if stop not in STOPS:
        raise ConfigError("stop", f"is {stop!r}.{nearest(str(stop), STOPS)}", f"Choose one of: {listed(STOPS)}.")
    _check_sources(sources)
    draws = Draws(_shares(sources, weights), seed, stop == "first_exhausted")
    if not any(map(is_stream, sources.values())):
        return MixedRows(sources, draws)
    return MixedStream({name: as_stream(source, f"data, source {name}") for name, source in sources.items()}, draws)


@dataclass(frozen=True)
class Draws:
    """Which source each row of a mixture comes from.

    Attributes:
        shares: Probability of each source.
        seed: Seed of the draws.
        is_short: Whether the first source that runs out ends the mixture; else the last one does.
    """

    shares: tuple[float, ...]
    seed: int
    is_short: bool

    def sources(self, start: int, stop: int) -> np.ndarray:
        """Return the numbers of the sources of some rows."""
        chunks = [self._chunk(number) for number in range(start // CHUNK, -(-stop // CHUNK))]
        return np.concatenate(chunks)[start % CHUNK :][: stop - start] if chunks else np.arange(0)

    def length(self, sizes: Sequence[float]) -> int | None:
        """Return the number of rows of a mixture of sources of these sizes; None where it has no end.

        Args:
            sizes: Rows of each source, infinity for one that repeats.
        """
        ends = np.asarray(sizes, dtype=float)
        if not np.isfinite(ends).any():
            return None
        ends = ends if self.is_short else np.where(np.isfinite(ends), ends, 0)
        given, rows = np.zeros(len(ends)), 0
        while True:
            counts = given + np.cumsum(self.sources(rows, rows + CHUNK)[:, None] == np.arange(len(ends)), axis=0)
            over = (counts > ends).any(1) if self.is_short else (counts >= ends).all(1)
            if over.any():
                return rows + int(over.argmax()) + (not self.is_short)
            given, rows = counts[-1], rows + CHUNK

    @functools.lru_cache(maxsize=2)  # noqa: B019, of two chunks
    def _chunk(self, number: int) -> np.ndarray:
        return np.random.default_rng([self.seed, number]).choice(len(self.shares), CHUNK, p=self.shares)


class MixedRows:
    """Rows of several map-style data sets as one; see `mixture`.

    Args:
        sources: `{name: data set}`.
        draws: Which source each row comes from.
    """

    def __init__(self, sources: Mapping[str, Any], draws: Draws) -> None:
        self.names = list(sources)
        self.sources = [BatchedDataset(source, name=f"data, source {name}") for name, source in sources.items()]
        sizes = [len(source) for source in self.sources]
        self.source_of = draws.sources(0, draws.length(sizes) or 0).astype(np.int16)
        self.row_of = np.zeros(len(self.source_of), dtype=np.int64)
        for number, size in enumerate(sizes):
            places = self.source_of == number
            self.row_of[places] = _rounds(np.random.default_rng([draws.seed, 0, number]), size, int(places.sum()))
        self.features = next((f for s in sources.values() if (f := getattr(s, "features", None))), None)
        self.column_names = _common_columns({name: _columns(source) for name, source in sources.items()})

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.source_of)

    def __getitem__(self, rows: int | Sequence[int] | str) -> Any:
        """Return the columns of some rows, a row, or a column of all."""
        if isinstance(rows, str):
            return self[range(len(self))][rows]
        if isinstance(rows, (int, np.integer)):
            return {name: values[0] for name, values in self[[int(rows)]].items()}
        chosen = np.asarray(rows, dtype=np.int64)
        sources, numbers = self.source_of[chosen], self.row_of[chosen]
        parts = [self._taken(number, numbers[sources == number].tolist()) for number in range(len(self.sources))]
        return in_turns(parts, sources).columns

    def select(self, rows: Sequence[int], **_: Any) -> MixedRows:
        """Return some of the rows."""
        some = object.__new__(MixedRows)
        some.__dict__.update(self.__dict__)
        some.source_of, some.row_of = self.source_of[rows], self.row_of[rows]
        return some

    def _taken(self, source: int, rows: list[int]) -> Taken:
        return Taken(self.sources[source].__getitems__(rows), len(rows)) if rows else Taken()


def _rounds(rng: np.random.Generator, size: int, count: int) -> np.ndarray:
    """Return rows of a source in a random order, each once before one comes again."""
    return np.concatenate([rng.permutation(size) for _ in range(-(-count // size))] or [np.arange(0)])[:count]


def _columns(source: Any) -> list[str]:
    return list(source.column_names) if hasattr(source, "column_names") else list(source[0])


def _common_columns(columns: Mapping[str, list[str]]) -> list[str]:
    first, *others = columns
    for other in others:
        if set(columns[other]) != set(columns[first]):
            raise DataError(
                f"sources.{other}",
                f"has the columns {listed(columns[other])}, but '{first}' has {listed(columns[first])}.",
                "The sources of a mixture must have the same columns.",
            )
    return columns[first]


def _check_sources(sources: Mapping[str, Any]) -> None:
    if not isinstance(sources, Mapping) or not sources:
        raise ConfigError("sources", f"is {sources!r}, but must name at least one data set.")
    for name, source in sources.items():
        if isinstance(source, Mapping):
            raise ConfigError(
                f"sources.{name}", f"is a dict of splits: {listed(source)}.", "Name one, as in split: train."
            )
        if (source.size() if hasattr(source, "reader") else None if is_stream(source) else len(source)) == 0:
            raise DataError(f"sources.{name}", "has no row.")


def _shares(sources: Mapping[str, Any], weights: Mapping[str, float]) -> tuple[float, ...]:
    for name in weights:
        if name not in sources:
            raise ConfigError(
                f"weights.{name}", f"there is no such source.{nearest(name, sources)}", f"Sources: {listed(sources)}."
            )
    if without := [name for name in sources if name not in weights]:
        raise ConfigError("weights", f"has none for {listed(without)}.", "Give each source a weight.")
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 < weight < float("inf"):
            raise ConfigError(f"weights.{name}", f"is {weight!r}, but must be a number above 0.")
    total = sum(weights.values())
    return tuple(weights[name] / total for name in sources)
