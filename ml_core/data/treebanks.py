"""How does a CoNLL-U treebank become columns of a data set?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml_core.data.conllu_faults import Fault, Faults
from ml_core.data.conllu_lines import FIELDS, Block, read_blocks
from ml_core.data.conllu_parser import metadata_of
from ml_core.errors import ConfigError, DataError, listed, nearest

if TYPE_CHECKING:
    from datasets import DatasetDict

Files = str | Path | Sequence[str | Path]
NUMBERS = ("id", "head")


def conllu(files: Mapping[str, Files] | Files, columns: Sequence[str] = ("form", "upos")) -> DatasetDict:
    """Return the sentences of treebanks, one a row, without an object a token.

    A field of CoNLL-U is a ragged column with one value for each word: `id` and `head` as numbers, all others as
    text. Multi-word ranges (`1-2`) and empty nodes (`1.1`) are no words of the tree and give no value, so that `head`
    counts the values of its row from 1. Any other column is what a comment says, `# text = ...`; null in sentences
    that do not have that comment.

    Args:
        files: `{split: file}`, or a list of files for a split, or null for no such split; files without splits are
            `train`. Names may end in `.gz`, `.bz2` or `.xz`.
        columns: Fields (`id`, `form`, `lemma`, `upos`, `xpos`, `feats`, `head`, `deprel`, `deps`, `misc`) and keys of
            comments (`text`, `sent_id`).

    Raises:
        ConfigError: If there are no files or columns, or a column is neither a field nor the key of any comment.
        DataError: If a file cannot be read, holds no sentence or has faulty lines; names each of them.
    """
    from datasets import Dataset, DatasetDict
    from datasets.table import InMemoryTable

    named = files if isinstance(files, Mapping) else {"train": files}
    splits = {split: _paths(own) for split, own in named.items() if own is not None}
    for name, value in {"files": [*splits.values()], "columns": columns}.items():
        if not value or not all(value):
            raise ConfigError(name, "is empty.", "Name at least one.")
    tables = {}
    for split, paths in splits.items():
        try:
            tables[split] = Dataset(InMemoryTable(_table(paths, columns)))
        except DataError as error:
            where = f"files.{split}" if isinstance(files, Mapping) else "files"
            raise DataError(where, f"{error.where} {error.what}", error.fix) from error
    return DatasetDict(tables)


def _paths(files: Files) -> list[str | Path]:
    return [files] if isinstance(files, (str, Path)) else list(files)


def _table(paths: Sequence[str | Path], columns: Sequence[str]) -> pa.Table:
    parts: list[dict[str, pa.Array]] = []
    for path in paths:
        faults = Faults(path)
        for block in read_blocks(path):
            faults.add(_wrong_heads(block) if "head" in columns else ())
            parts.append({name: _column(block, name) for name in columns})
        faults.raise_any()
    table = pa.table({name: pa.chunked_array([part[name] for part in parts]) for name in columns}).combine_chunks()
    for name in columns:
        if table[name].null_count == len(table):
            raise _no_column(name, paths)
    return table


def _no_column(name: str, paths: Sequence[str | Path]) -> ConfigError:
    comments = (metadata_of(block.comments.to_pylist()) for path in paths for block in read_blocks(path))
    known = list(dict.fromkeys(key for own in comments for key in own))
    return ConfigError(
        "columns",
        f"no sentence of {listed(paths)} has a '{name}'.{nearest(name, [*FIELDS, *known])}",
        f"Fields: {listed(FIELDS)}. Comments: {listed(known)}.",
    )


def _column(block: Block, name: str) -> pa.Array:
    return _ragged(block, name) if name in FIELDS else _of_comments(block, name)


def _ragged(block: Block, name: str) -> pa.ListArray:
    values = block.fields[name].filter(pa.array(block.is_word))
    if name in NUMBERS:
        values = pc.cast(pc.if_else(pc.ascii_is_decimal(values), values, "-1"), pa.int32())
    offsets = np.concatenate([[0], np.cumsum(block.is_word)])[block.starts]
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)


def _of_comments(block: Block, key: str) -> pa.Array:
    """Return what the comments `# key = value` of each sentence say; null where there is none."""
    found = pc.extract_regex(block.comments, rf"^#\s*{re.escape(key)}\s*=\s*(?P<value>.*?)\s*$")
    comments = np.flatnonzero(found.is_valid())
    place = np.full(len(block), -1)
    place[np.searchsorted(block.comment_starts, comments, side="right") - 1] = comments
    return pc.struct_field(found, "value").take(pa.array(place, mask=place < 0)).cast(pa.string())


def _wrong_heads(block: Block) -> list[Fault]:
    """Return the words whose head is no number from 0 to the length of their sentence."""
    heads = _ragged(block, "head")
    counts = np.diff(heads.offsets.to_numpy())
    values = heads.values.to_numpy()
    is_wrong = (values < 0) | (values > np.repeat(counts, counts))
    return [Fault("must have as HEAD a number from 0 to the number of words", block.lines[block.is_word][is_wrong])]
