"""Print what a CoNLL-U treebank holds: sentences, tokens, lengths, and its most frequent tags and relations.

Run: python scripts/conllu_stats.py ml_core/data/embedded/turkish_web/train.conllu.xz
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml_core.data.conllu_lines import read_blocks
from ml_core.errors import UserError

MOST_SHOWN = 10


@dataclass
class TreebankStatistics:
    """What one treebank holds.

    Attributes:
        lengths: Number of words of each sentence.
        ranges: Number of multi-word ranges.
        empty_nodes: Number of empty nodes.
        counts: How often each value of `upos` and `deprel` occurs, over words.
    """

    lengths: list[int] = field(default_factory=list)
    ranges: int = 0
    empty_nodes: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=lambda: {"upos": Counter(), "deprel": Counter()})


def statistics_of(path: str | Path) -> TreebankStatistics:
    """Return what a treebank holds; memory does not grow with the file but for the lengths of sentences.

    Raises:
        DataError: If the file cannot be read or has faulty lines.
    """
    found = TreebankStatistics()
    for block in read_blocks(path):
        found.lengths += np.add.reduceat(block.is_word, block.starts[:-1], dtype=np.int64).tolist()
        num_ranges = pc.sum(pc.match_substring(block.fields["id"], "-")).as_py()
        found.ranges += num_ranges
        found.empty_nodes += int((~block.is_word).sum()) - num_ranges
        for name, counter in found.counts.items():
            values = pc.value_counts(block.fields[name].filter(pa.array(block.is_word)))
            counter.update({one["values"]: one["counts"] for one in values.to_pylist()})
    return found


def lines(found: TreebankStatistics) -> Iterator[str]:
    """Yield the lines of a report."""
    lengths = np.array(found.lengths)
    yield f"sentences    {len(lengths):>10,}"
    yield f"words        {lengths.sum():>10,}   multi-word ranges {found.ranges:,}, empty nodes {found.empty_nodes:,}"
    yield f"length       {lengths.min():>10,} least, {lengths.mean():.2f} mean, {lengths.max():,} most"
    for name, counter in found.counts.items():
        yield f"{name}, {min(MOST_SHOWN, len(counter))} of {len(counter)}"
        yield from _shares(counter.most_common(MOST_SHOWN), counter.total())


def _shares(counts: Sequence[tuple[str, int]], total: int) -> Iterator[str]:
    for value, count in counts:
        yield f"  {value:<12} {count:>10,} {count / total:>7.2%}"


def main() -> None:
    """Print the report of each file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    for file in parser.parse_args().files:
        try:
            report = list(lines(statistics_of(file)))
        except UserError as error:
            raise SystemExit(f"{error}") from None
        print("\n".join([str(file), *report, ""]))


if __name__ == "__main__":
    main()
