"""What are the lines of a CoNLL-U file, and which are at fault? Read column by column, a block of sentences at a time.

The format: https://universaldependencies.org/format.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml_core.data.conllu_faults import Fault, Faults, misplaced, wrong_ids
from ml_core.data.text_files import decoded, read_chunks
from ml_core.errors import DataError

FIELDS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
BLOCK_BYTES = 8 * 2**20
"""Read at once; memory stays at a few times this, however long the file is."""


@dataclass(frozen=True)
class Block:
    """Some whole sentences of a file.

    Attributes:
        fields: `{field: strings}`, one for each token line: words, multi-word ranges and empty nodes.
        lines: Numbers of these lines in the file.
        starts: First token line of each sentence, and the end of the last one.
        is_word: Which token lines are words: their ID is a whole number.
        comments: Comment lines, as they stand.
        comment_starts: First comment of each sentence, and the end of the last one.
    """

    fields: dict[str, pa.Array]
    lines: np.ndarray
    starts: np.ndarray
    is_word: np.ndarray
    comments: pa.Array
    comment_starts: np.ndarray

    def __len__(self) -> int:
        """Return the number of sentences."""
        return len(self.starts) - 1


def read_blocks(path: str | Path) -> Iterator[Block]:
    """Yield the sentences of a file in order, a block at a time; none after the first faulty line.

    Lines may end in CRLF; the last line may lack its end; sentences may have several blank lines between them.

    Raises:
        DataError: After a look at the whole file, with the number of every faulty line; if it cannot be read, is not
            UTF-8, or holds no sentence.
    """
    faults, is_empty = Faults(path), True
    for text, first_line in _whole_sentences(path):
        block, found = _parse(text, first_line)
        faults.add(found)
        is_empty = is_empty and len(block) == 0
        if not faults and len(block):
            yield block
    faults.raise_any()
    if is_empty:
        raise DataError(str(path), "holds no sentence.")


def _whole_sentences(path: str | Path) -> Iterator[tuple[str, int]]:
    """Yield the text of whole sentences and the number of its first line."""
    rest, line = b"", 1
    for chunk in read_chunks(path, BLOCK_BYTES):
        data = rest + chunk
        end = max(data.rfind(b"\n\n") + 2, data.rfind(b"\n\r\n") + 3)
        if end < 3:
            _require_blank_line(data, path, line)
            rest = data
            continue
        yield decoded(data[:end], path, line), line
        line, rest = line + data.count(b"\n", 0, end), data[end:]
    yield decoded(rest, path, line), line


def _require_blank_line(data: bytes, path: str | Path, line: int) -> None:
    if len(data) > 4 * BLOCK_BYTES:
        raise DataError(
            str(path), f"has no blank line in {len(data) // 2**20} MiB from line {line} on.",
            "Every sentence of a CoNLL-U file ends with one.",
        )  # fmt: skip


def _parse(text: str, first_line: int) -> tuple[Block, list[Fault]]:
    """Return the block that a text is, and what is wrong with it; the block is right where nothing is."""
    lines = pc.list_flatten(pc.split_pattern(pa.array([text], pa.large_string()), "\n"))
    numbers = np.arange(first_line, first_line + len(lines))
    is_blank = pc.binary_length(lines).to_numpy() == 0
    is_comment = pc.starts_with(lines, "#").to_numpy(zero_copy_only=False)
    is_token = ~(is_blank | is_comment)
    sentence = np.cumsum(is_blank)
    fields, is_whole = _split(lines.filter(pa.array(is_token)))
    token_lines, token_sentence = numbers[is_token], sentence[is_token]
    starts, comment_starts = _bounds(token_sentence[is_whole], sentence[is_comment], token_sentence)
    is_complete = ~np.isin(token_sentence[is_whole], token_sentence[~is_whole])
    is_word, id_faults = wrong_ids(fields["id"], starts, token_lines[is_whole], is_complete)
    faults = [
        Fault("must have 10 columns, separated by tabs", token_lines[~is_whole]),
        *id_faults,
        *misplaced(numbers[is_comment], sentence[is_comment], token_lines, token_sentence),
    ]
    comments = lines.filter(pa.array(is_comment))
    return Block(fields, token_lines[is_whole], starts, is_word, comments, comment_starts), faults


def _split(lines: pa.Array) -> tuple[dict[str, pa.Array], np.ndarray]:
    """Return the columns of the token lines, and which lines have as many as they should."""
    split = pc.split_pattern(lines, "\t")
    is_whole = pc.list_value_length(split).to_numpy() == len(FIELDS)
    cells = pc.list_flatten(split if is_whole.all() else split.filter(pa.array(is_whole)))
    places = np.arange(0, len(cells), len(FIELDS))
    return {name: cells.take(pa.array(places + i)).cast(pa.string()) for i, name in enumerate(FIELDS)}, is_whole


def _bounds(tokens: np.ndarray, comments: np.ndarray, all_tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where each sentence begins among the token lines and among the comments, with the ends."""
    sentences = np.unique(all_tokens)
    starts, comment_starts = np.searchsorted(tokens, sentences), np.searchsorted(comments, sentences)
    return np.append(starts, len(tokens)), np.append(comment_starts, len(comments))
