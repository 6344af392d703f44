"""What are the sentences of a CoNLL-U treebank? One object a token, for programs that look at single trees.

Training reads columns instead, without an object a token: see `ml_core.data.treebanks.conllu`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ml_core.data.conllu_lines import FIELDS, Block, read_blocks


class Token(NamedTuple):
    """One token line: a word, a multi-word range (ID `1-2`) or an empty node (ID `3.1`); all fields as they stand."""

    id: str
    form: str
    lemma: str = "_"
    upos: str = "_"
    xpos: str = "_"
    feats: str = "_"
    head: str = "_"
    deprel: str = "_"
    deps: str = "_"
    misc: str = "_"

    @property
    def is_word(self) -> bool:
        """Whether it is a word of the tree."""
        return self.id.isdecimal()

    @property
    def is_range(self) -> bool:
        """Whether it spans several words that are written as one."""
        return "-" in self.id

    @property
    def is_empty_node(self) -> bool:
        """Whether it is a node of the enhanced graph alone."""
        return "." in self.id


@dataclass(frozen=True)
class Sentence:
    """The token lines of a sentence and what its comments say.

    Attributes:
        tokens: All token lines, in order.
        metadata: `{key: value}` of comments `# key = value`; None as value of those without `=`, such as `# newpar`.
        comments: The comment lines as they stand; made of `metadata` where they are not given.
    """

    tokens: Sequence[Token]
    metadata: Mapping[str, str | None]
    comments: Sequence[str] | None = None

    @property
    def words(self) -> list[Token]:
        """The words, without multi-word ranges and empty nodes: what `head` counts."""
        return [token for token in self.tokens if token.is_word]

    def to_conllu(self) -> str:
        """Return it as lines of a CoNLL-U file, with the blank line that ends it."""
        comments = [*map(_comment, *zip(*self.metadata.items(), strict=True))] if self.metadata else []
        lines = [*(comments if self.comments is None else self.comments), *map("\t".join, self.tokens)]
        return "".join(f"{line}\n" for line in [*lines, ""])


def parse_conllu(path: str | Path) -> Iterator[Sentence]:
    """Yield the sentences of a CoNLL-U file in order; memory does not grow with the file.

    No sentence is given out after the first faulty line. `"".join(s.to_conllu() for s in parse_conllu(path))` is the
    text of the file, without CR and with one blank line after each sentence.

    Args:
        path: The file; one that ends in `.gz`, `.bz2` or `.xz` is read uncompressed.

    Raises:
        DataError: See `ml_core.data.conllu_lines.read_blocks`.
    """
    for block in read_blocks(path):
        yield from _sentences(block)


def metadata_of(comments: Sequence[str]) -> dict[str, str | None]:
    """Return what comment lines say; the last one of a key counts."""
    pairs = (comment.lstrip("#").partition("=") for comment in comments)
    return {key.strip(): value.strip() if equals else None for key, equals, value in pairs}


def _sentences(block: Block) -> Iterator[Sentence]:
    tokens = list(itertools.starmap(Token, zip(*(block.fields[name].to_pylist() for name in FIELDS), strict=True)))
    comments = block.comments.to_pylist()
    bounds, comment_bounds = (itertools.pairwise(cuts.tolist()) for cuts in (block.starts, block.comment_starts))
    for (start, stop), (first, last) in zip(bounds, comment_bounds, strict=True):
        own = comments[first:last]
        yield Sentence(tokens[start:stop], metadata_of(own), own)


def _comment(key: str, value: str | None) -> str:
    return f"# {key}" if value is None else f"# {key} = {value}"
