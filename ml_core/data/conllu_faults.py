"""Which lines of a CoNLL-U file break its rules?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml_core.errors import DataError, listed

RANGE = r"^(?P<first>[1-9][0-9]*)-(?P<last>[1-9][0-9]*)$"
EMPTY_NODE = r"^(?P<word>0|[1-9][0-9]*)\.[1-9][0-9]*$"


@dataclass(frozen=True)
class Fault:
    """What is wrong with some lines.

    Attributes:
        rule: What they must do: `must have 10 columns`.
        lines: Their numbers; none where no line breaks the rule.
    """

    rule: str
    lines: np.ndarray


class Faults:
    """All that is wrong with one file.

    Args:
        path: The file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self._found: dict[str, list[np.ndarray]] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, faults: Iterable[Fault]) -> None:
        """Add those that have lines."""
        for fault in faults:
            if len(fault.lines):
                self._found.setdefault(fault.rule, []).append(fault.lines)

    def raise_any(self) -> None:
        """Raise one error that names every faulty line.

        Raises:
            DataError: If there is any.
        """
        if not self:
            return
        found = {rule: np.unique(np.concatenate(lines)) for rule, lines in self._found.items()}
        count = len(np.unique(np.concatenate(list(found.values()))))
        rules = "; ".join(f"{_spans(lines)} {rule}" for rule, lines in found.items())
        raise DataError(
            str(self.path), f"has {count} faulty {'line' if count == 1 else 'lines'}: {rules}.",
            "Correct them: nothing is left out silently. The format: https://universaldependencies.org/format.html",
        )  # fmt: skip


def wrong_ids(
    ids: pa.Array, starts: np.ndarray, lines: np.ndarray, is_complete: np.ndarray
) -> tuple[np.ndarray, list[Fault]]:
    """Return which token lines are words, and the faults of their IDs.

    Args:
        ids: IDs of the token lines.
        starts: First token line of each sentence, and the end.
        lines: Their line numbers.
        is_complete: Which of them are in a sentence without another faulty line, so that their order can be judged.
    """
    is_word = pc.ascii_is_decimal(ids).to_numpy(zero_copy_only=False)
    own = np.zeros(len(ids), dtype=np.int64)
    own[is_word] = _numbers(ids.filter(pa.array(is_word)))
    count, last = _words_before(is_word, own, starts)
    is_out_of_order = is_word & (own != count + 1) & (own != last + 1)
    others = np.flatnonzero(~is_word)
    is_other, is_placed = _ranges_and_empty_nodes(ids.take(pa.array(others)), (count[others], last[others]))
    is_misplaced = is_other & ~is_placed & is_complete[others]
    return is_word, [
        Fault("must have as ID a number, a range (1-2) or an empty node (1.1)", lines[others[~is_other]]),
        Fault("must follow the word before: 1, 2, 3", lines[is_out_of_order & is_complete]),
        Fault("must stand before the first word of its range, or after the word it belongs to",
              lines[others[is_misplaced]]),
    ]  # fmt: skip


def misplaced(
    comments: np.ndarray, comment_sentence: np.ndarray, tokens: np.ndarray, token_sentence: np.ndarray
) -> list[Fault]:
    """Return the faults of comments: those without tokens, and those after the first token of their sentence.

    Args:
        comments: Line numbers of the comments.
        comment_sentence: Sentences that they are in.
        tokens: Line numbers of the token lines.
        token_sentence: Sentences that they are in.
    """
    first = np.searchsorted(token_sentence, comment_sentence)
    has_tokens = np.isin(comment_sentence, token_sentence)
    is_late = has_tokens.copy()
    is_late[has_tokens] = comments[has_tokens] > tokens[first[has_tokens]]
    return [
        Fault("must stand before tokens, not alone", comments[~has_tokens]),
        Fault("must stand before the first token of the sentence", comments[is_late]),
    ]


def _words_before(is_word: np.ndarray, own: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each token line how many words stand before it in its sentence, and the number of the last one."""
    sizes = np.diff(starts)
    total = np.concatenate([[0], np.cumsum(is_word)])
    place = np.maximum.accumulate(np.concatenate([[-1], np.where(is_word, np.arange(len(own)), -1)]))[:-1]
    last = np.where(place >= np.repeat(starts[:-1], sizes), own[place], 0)
    return total[:-1] - np.repeat(total[starts[:-1]], sizes), last


def _ranges_and_empty_nodes(ids: pa.Array, before: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return which IDs are one of the two, and which of these stand in their place after a word."""
    ranges, nodes = pc.extract_regex(ids, RANGE), pc.extract_regex(ids, EMPTY_NODE)
    first, last = _parts(ranges, "first"), _parts(ranges, "last")
    word = _parts(nodes, "word")
    is_placed = [((first == number + 1) & (last > first)) | (word == number) for number in before]
    return (first >= 0) | (word >= 0), np.logical_or.reduce(is_placed)


def _parts(found: pa.Array, name: str) -> np.ndarray:
    """Return a group of a pattern as numbers; -1 where the pattern does not match."""
    return _numbers(pc.fill_null(pc.struct_field(found, name), "-1"))


def _numbers(texts: pa.Array) -> np.ndarray:
    return np.asarray(pc.cast(pc.utf8_slice_codeunits(texts, 0, 18), pa.int64()))


def _spans(lines: np.ndarray) -> str:
    """Return line numbers as `line 3` or `lines 3, 7-9`."""
    cuts = np.flatnonzero(np.diff(lines) > 1) + 1
    runs = [(run[0], run[-1]) for run in np.split(lines, cuts)]
    spans = [str(first) if first == last else f"{first}-{last}" for first, last in runs]
    return f"{'line' if len(lines) == 1 else 'lines'} {listed(spans)}"
