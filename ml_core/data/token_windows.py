"""How does one long text become windows for a language model, without a copy of it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch.utils.data import Dataset

from ml_core.data.columns import Rows
from ml_core.data.encoding import Encoder, flat, ids_of, is_ragged, require_splits, text_column
from ml_core.data.vocabulary import require_count
from ml_core.errors import ConfigError, DataError, UserError, nearest

CHUNK = 100_000
"""Rows that are encoded at once."""


@dataclass(frozen=True)
class TokenWindows(Dataset[dict[str, torch.Tensor]]):
    """Windows over one array of tokens, each with the tokens that follow; only those of a batch are copied.

    Columns: `token` `[length]` and `target` `[length]`, int64, where `target[i]` follows `token[i]`.

    Attributes:
        tokens: Ids of any whole type, in memory or memory-mapped.
        length: Tokens of a window.
        stride: Tokens from the start of a window to that of the next.
        numbers: Windows that count; all of them if it is None.
    """

    tokens: np.ndarray
    length: int
    stride: int
    numbers: np.ndarray | None = None

    @property
    def column_names(self) -> list[str]:
        """Names of the columns."""
        return ["token", "target"]

    def __len__(self) -> int:
        """Return the number of windows that are full and have a token after them."""
        full = max(0, (len(self.tokens) - 1 - self.length) // self.stride + 1)
        return full if self.numbers is None else len(self.numbers)

    def __getitem__(self, rows: str | Rows) -> Any:
        """Return one column of all windows, or the columns of one window or of several."""
        if isinstance(rows, str):
            return self[:][rows]
        index = rows if isinstance(rows, (int, slice)) else np.asarray(rows)
        numbers = (np.arange(len(self)) if self.numbers is None else self.numbers)[index]
        windows = np.lib.stride_tricks.sliding_window_view(self.tokens, self.length + 1)
        some = torch.from_numpy(windows[numbers * self.stride].astype(np.int64))
        return {"token": some[..., :-1].contiguous(), "target": some[..., 1:].contiguous()}

    def select(self, rows: Rows, keep_in_memory: bool = True) -> TokenWindows:
        """Return a part of the windows, over the same tokens."""
        numbers = np.arange(len(self)) if self.numbers is None else self.numbers
        return replace(self, numbers=numbers[rows if isinstance(rows, slice) else np.asarray(rows)])

    def __getstate__(self) -> dict[str, Any]:
        """Hand a memory-mapped array to another process by the name of its file."""
        file = getattr(self.tokens, "filename", None)
        return {**self.__dict__, "tokens": self.tokens if file is None else Path(file)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the file again."""
        if isinstance(state["tokens"], Path):
            state = {**state, "tokens": np.load(state["tokens"], mmap_mode="r")}
        self.__dict__.update(state)


def token_windows(
    data: Mapping[str, Any],
    column: str,
    encoder: Encoder,
    length: int,
    stride: int | None = None,
    separator: str = "\n",
    val_ratio: float = 0.0,
    test_ratio: float = 0.0,
) -> dict[str, TokenWindows]:
    """Return windows over the texts of a column, in the order of the rows, as one long text for each split.

    Where parts are split off the train split, they are its end, and a window lies in its part as a whole: no text of
    `validation` or `test` is in a window of a part before it, nor has the encoder learnt from it. Tokens at the end
    of a part that fill no window are left out. The ids lie in memory in the smallest type that holds them.

    Args:
        data: Splits of Hugging Face data sets: `datasets.load_dataset("text", ...)`, a treebank, any table.
        column: Column of texts, or of lists of tokens, which take a `Vocabulary`.
        encoder: Makes the ids; learns from the train part alone.
        length: Tokens of a window.
        stride: Tokens from a window to the next; null for `length`, so that they do not overlap.
        separator: Follows the text of each row; lists of tokens have none.
        val_ratio: Share of the train split, by characters, that becomes `validation`; before the test part.
        test_ratio: Share of the train split that becomes `test`.

    Raises:
        ConfigError: If there is no such column, a number is out of range, or a split that is to be made exists.
        DataError: If a text has no ids, or a part is too short for a window.
    """
    stride = length if stride is None else stride
    require_count("length", length)
    require_count("stride", stride)
    parts = _parts(data, column, val_ratio, test_ratio)
    texts = {split: _ended(rows, separator) for split, rows in parts.items()}
    try:
        encoder.fit(flat(texts["train"]))
    except UserError as error:
        error.within("encoder")
        raise
    return {split: _windows(_tokens(rows, encoder, split), length, stride, split) for split, rows in texts.items()}


def token_files(files: Mapping[str, str | Path], length: int, stride: int | None = None) -> dict[str, TokenWindows]:
    """Return windows over arrays of ids that lie on disk and are memory-mapped, however large they are.

    Args:
        files: `{split: file}`, each a one-dimensional array of whole numbers as `numpy.save` writes it.
        length: Tokens of a window.
        stride: Tokens from a window to the next; null for `length`, so that they do not overlap.

    Raises:
        ConfigError: If there is no such file, or a number is out of range.
        DataError: If a file is no such array, or too short for a window.
    """
    require_count("length", length)
    require_count("stride", length if stride is None else stride)
    return {
        split: _windows(_mapped(Path(file), split), length, stride or length, split) for split, file in files.items()
    }


def _parts(data: Mapping[str, Any], column: str, val_ratio: float, test_ratio: float) -> dict[str, pa.Array]:
    """Return the column of each split, those included that are cut off the end of the train split."""
    require_splits(data)
    parts = {split: text_column(rows, column, "column") for split, rows in data.items()}
    shares = {"validation": val_ratio, "test": test_ratio}
    for key, share, split in (("val_ratio", val_ratio, "validation"), ("test_ratio", test_ratio, "test")):
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share < 1:
            raise ConfigError(key, f"is {share!r}, but must be a share from 0 to below 1.")
        if share and split in data:
            raise ConfigError(key, f"is {share}, but there is a {split} split already.", "Set it to 0.")
    if val_ratio + test_ratio >= 1:
        raise ConfigError("val_ratio", f"and test_ratio are {val_ratio} and {test_ratio}: nothing is left to train on.")
    return parts | _cut(parts["train"], {"train": 1 - val_ratio - test_ratio, **{k: v for k, v in shares.items() if v}})


def _cut(texts: pa.Array, shares: Mapping[str, float]) -> dict[str, pa.Array]:
    """Cut rows into consecutive parts whose numbers of characters have these shares."""
    lengths = pc.utf8_length(flat(texts)).fill_null(0).to_numpy()
    ends = np.cumsum(lengths)
    if is_ragged(texts):
        offsets = texts.offsets.to_numpy()
        ends = np.concatenate([[0], ends])[offsets[1:] - offsets[0]]
    total = ends[-1] if len(ends) else 0
    cuts = np.searchsorted(ends, np.rint(np.cumsum([*shares.values()])[:-1] * total), side="right")
    return {
        name: texts[start:stop]
        for name, (start, stop) in zip(shares, pairwise([0, *cuts.tolist(), len(texts)]), strict=True)
    }


def _ended(texts: pa.Array, separator: str) -> pa.Array:
    return texts if is_ragged(texts) or not separator else pc.binary_join_element_wise(texts, "", separator)


def _tokens(texts: pa.Array, encoder: Encoder, split: str) -> np.ndarray:
    """Return the ids of all texts in one array."""
    parts = [np.empty(0, dtype=np.min_scalar_type(max(encoder.size - 1, 0)))]
    for start in range(0, len(texts), CHUNK):
        ids = ids_of(texts[start : start + CHUNK], encoder, "column", split, start)
        ids = ids.flatten() if is_ragged(ids) else ids
        parts.append(ids.to_numpy().astype(parts[0].dtype))
    return np.concatenate(parts)


def _mapped(file: Path, split: str) -> np.ndarray:
    if not file.is_file():
        beside = [other.name for other in file.parent.glob("*")]
        raise ConfigError(f"files.{split}", f"there is no file {file}.{nearest(file.name, beside)}")
    try:
        tokens = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"files.{split}", f"{file} is no array of numpy: {error}.") from error
    if tokens.ndim != 1 or tokens.dtype.kind not in "iu":
        kind = f"{tokens.dtype} {list(tokens.shape)}"
        raise DataError(f"files.{split}", f"{file} holds {kind}, not one row of whole numbers.")
    return tokens


def _windows(tokens: np.ndarray, length: int, stride: int, split: str) -> TokenWindows:
    if len(tokens) <= length:
        raise DataError(
            "length", f"the {split} part has {len(tokens)} tokens, too few for a window of {length} and the next one.",
            "Shorten the windows, or give it more text.",
        )  # fmt: skip
    return TokenWindows(tokens, length, stride)
