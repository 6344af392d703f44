"""Into which tokens is a text cut, and which ids have they?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml_core.data.vocabulary import PADDING, Vocabulary, require_count
from ml_core.errors import ConfigError, DataError, MissingPackageError, nearest
from ml_core.utils.packages import install_hint

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CHUNK = 20_000
"""Texts that are encoded at once, so that memory stays at the size of the ids."""

BYTES = 256


class SplitTokenizer:
    """Cuts texts into characters, or into words at white space, with ids from a vocabulary.

    Args:
        vocabulary: Learns the ids.
        unit: `character` (a code point) or `word`.

    Raises:
        ConfigError: If there is no such unit.
    """

    def __init__(self, vocabulary: Vocabulary, unit: Literal["character", "word"] = "word") -> None:
        if unit not in ("character", "word"):
            raise ConfigError("unit", f"is {unit!r}.", "Choices: character, word.")
        self.vocabulary, self.unit = vocabulary, unit

    @property
    def size(self) -> int:
        """Ids lie below this."""
        return self.vocabulary.size

    def fit(self, texts: pa.Array) -> None:
        """Learn the vocabulary."""
        self.vocabulary.fit(self._cut(texts).flatten())

    def encode(self, texts: pa.Array) -> pa.Array:
        """Return the ids of each text; null for a text that is null or has a token without an id."""
        tokens = self._cut(texts)
        ids = self.vocabulary.encode(tokens.values)
        lists = pa.ListArray.from_arrays(tokens.offsets, ids)
        if not ids.null_count and not texts.null_count:
            return lists
        bad = pc.list_parent_indices(lists).filter(ids.is_null())
        is_bad = pc.or_(pc.is_in(pa.array(np.arange(len(texts))), bad), texts.is_null())
        return pc.if_else(is_bad, pa.scalar(None, lists.type), lists)

    def feature(self) -> Any:
        """Return a list of class labels, which have the names of the ids."""
        from datasets import List

        return List(self.vocabulary.feature())

    def explained(self, text: str) -> str:
        """Return why a text has no ids."""
        tokens = self._cut(pa.array([text])).flatten()
        unknown = tokens.filter(self.vocabulary.encode(tokens).is_null())
        return f"has a token without an id: {unknown[0].as_py()!r} {self.vocabulary.explained(unknown[0].as_py())}"

    def _cut(self, texts: pa.Array) -> pa.ListArray:
        texts = pc.fill_null(texts.cast(pa.string()), "")
        return _characters(texts) if self.unit == "character" else _words(texts)


class PretrainedTokenizer:
    """A tokenizer from a file: the `tokenizer.json` of a model, or the folder that it lies in. Needs `tokenizers`.

    It neither pads nor cuts off, whatever the file says: `PadCollate` does.

    Args:
        path: File or folder on this disk.
        add_special_tokens: Whether it puts the marks of its model around a text, such as `[CLS]` and `[SEP]`.

    Raises:
        ConfigError: If there is no such file.
        DataError: If it holds no tokenizer.
        MissingPackageError: If `tokenizers` is not installed.
    """

    def __init__(self, path: str | Path, add_special_tokens: bool = True) -> None:
        self.path = Path(path) / "tokenizer.json" if Path(path).is_dir() else Path(path)
        self.add_special_tokens = add_special_tokens
        self._tokenizer = _opened(self.path, "path")

    @property
    def size(self) -> int:
        """Ids lie below this."""
        return int(self._tokenizer.get_vocab_size())

    def fit(self, texts: pa.Array) -> None:
        """Learn nothing."""

    def encode(self, texts: pa.Array) -> pa.Array:
        """Return the ids of each text as int32; null for null."""
        return _encoded(self._tokenizer, texts, self.add_special_tokens)

    def __call__(self, texts: list[str]) -> list[list[int]]:
        """Return the ids of the texts of a batch, for a step of `data.transform`."""
        return [one.ids for one in self._tokenizer.encode_batch_fast(texts, add_special_tokens=self.add_special_tokens)]

    def feature(self) -> Any:
        """Return a list of whole numbers."""
        return _ids_feature()

    def explained(self, text: str) -> str:
        """Return why a text has no ids."""
        return "is no text."


class TrainedTokenizer:
    """Byte-level BPE, learnt from the train split; no text is unknown to it. Needs the package `tokenizers`.

    Id 0 is the padding. Sennrich et al., Neural Machine Translation of Rare Words with Subword Units, 2016.

    Args:
        max_size: Most ids, with padding and the 256 bytes: what `num_embeddings` of the network may be.
        min_count: Pairs that are rarer are not joined.
        lowercase: Whether upper and lower case are the same.
        file: Keeps the tokenizer: written where it does not exist, and read from then on, so that the ids stay
            whatever happens to the train split. `PretrainedTokenizer` reads it too.

    Raises:
        ConfigError: If an argument is out of range.
        MissingPackageError: If `tokenizers` is not installed.
    """

    def __init__(
        self, max_size: int, min_count: int = 2, lowercase: bool = False, file: str | Path | None = None
    ) -> None:
        require_count("max_size", max_size, least=BYTES + 1)
        require_count("min_count", min_count)
        _library()
        self.max_size, self.min_count, self.lowercase = max_size, min_count, lowercase
        self.file = None if file is None else Path(file)
        self._tokenizer: Any = None

    @property
    def size(self) -> int:
        """Ids lie below this."""
        return int(self._tokenizer.get_vocab_size())

    def fit(self, texts: pa.Array) -> None:
        """Learn the tokens, or read the file that keeps them."""
        if self.file is not None and self.file.exists():
            self._tokenizer = _opened(self.file, "file")
            if self.size > self.max_size:
                raise ConfigError("file", f"{self.file} has {self.size} tokens, more than max_size={self.max_size}.")
            return
        from tokenizers import ByteLevelBPETokenizer, Tokenizer

        trained = ByteLevelBPETokenizer(lowercase=self.lowercase, unicode_normalizer="nfc")
        trained.train_from_iterator(
            (text for chunk in _chunks(texts) for text in chunk),
            vocab_size=self.max_size, min_frequency=self.min_count, special_tokens=[PADDING], show_progress=False,
        )  # fmt: skip
        self._tokenizer = Tokenizer.from_str(trained.to_str())
        if self.file is not None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            unfinished = self.file.with_name(f"{self.file.name}.{os.getpid()}")
            self._tokenizer.save(str(unfinished))
            unfinished.replace(self.file)

    def encode(self, texts: pa.Array) -> pa.Array:
        """Return the ids of each text as int32; null for null."""
        return _encoded(self._tokenizer, texts, add_special_tokens=True)

    def feature(self) -> Any:
        """Return a list of whole numbers."""
        return _ids_feature()

    def explained(self, text: str) -> str:
        """Return why a text has no ids."""
        return "is no text."


def _library() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise MissingPackageError("", "needs the package 'tokenizers'.", install_hint("tokenizers")) from error
    return tokenizers


def _opened(path: Path, where: str) -> Tokenizer:
    library = _library()
    if not path.is_file():
        beside = [other.name for other in path.parent.glob("*")]
        raise ConfigError(where, f"there is no file {path}.{nearest(path.name, beside)}")
    try:
        tokenizer = library.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise DataError(where, f"{path} holds no tokenizer: {error}.") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _encoded(tokenizer: Any, texts: pa.Array, add_special_tokens: bool) -> pa.Array:
    """Return the ids of each text."""
    chunks = (
        tokenizer.encode_batch_fast([text or "" for text in chunk], add_special_tokens=add_special_tokens)
        for chunk in _chunks(texts)
    )
    parts = [_lists([one.ids for one in encodings]) for encodings in chunks]
    lists = pa.concat_arrays(parts) if parts else pa.array([], pa.list_(pa.int32()))
    return pc.if_else(texts.is_valid(), lists, pa.scalar(None, lists.type)) if texts.null_count else lists


def _lists(rows: list[list[int]]) -> pa.ListArray:
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    ids = np.fromiter(chain.from_iterable(rows), np.int32, offsets[-1])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(ids))


def _chunks(texts: pa.Array) -> Iterator[list[str]]:
    for start in range(0, len(texts), CHUNK):
        yield texts[start : start + CHUNK].to_pylist()


def _characters(texts: pa.StringArray) -> pa.ListArray:
    """Return each text as a list of its code points, over the same bytes."""
    offsets, data = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset :][: len(texts) + 1], texts.buffers()[2]
    used = np.frombuffer(data or b"", np.uint8)[offsets[0] : offsets[-1]]
    starts = np.flatnonzero((used & 0xC0) != 0x80).astype(np.int32) + offsets[0]  # no byte within a code point
    bounds = np.append(starts, offsets[-1]).astype(np.int32)
    characters = pa.StringArray.from_buffers(len(starts), pa.py_buffer(bounds), data)
    return pa.ListArray.from_arrays(pa.array(np.searchsorted(starts, offsets), pa.int32()), characters)


def _words(texts: pa.StringArray) -> pa.ListArray:
    """Return each text as a list of what stands between white space, which leaves nothing at its ends."""
    pieces = pc.utf8_split_whitespace(texts)
    is_word = pc.binary_length(pieces.flatten()).to_numpy() > 0
    offsets = np.concatenate([[0], np.cumsum(is_word)])[pieces.offsets.to_numpy() - pieces.offsets[0].as_py()]
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pieces.flatten().filter(pa.array(is_word)))


def _ids_feature() -> Any:
    from datasets import List, Value

    return List(Value("int32"))
