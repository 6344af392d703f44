"""How do columns of text become columns of ids?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from ml_core.data.bad_rows import shown
from ml_core.errors import ConfigError, DataError, UserError, listed, nearest

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict


class Encoder(Protocol):
    """Turns texts into ids; see `Vocabulary`, `Characters`, `TrainedTokenizer` and `PretrainedTokenizer`."""

    @property
    def size(self) -> int:
        """Ids lie below this."""

    def fit(self, texts: pa.Array) -> None:
        """Learn what there is to learn from the texts of the train split."""

    def encode(self, texts: pa.Array) -> pa.Array:
        """Return one id a text, or a list of them; null for a text that has none."""

    def feature(self) -> Any:
        """Return the feature of `datasets` that a text becomes."""

    def explained(self, text: str) -> str:
        """Return why a text has no id, for a message."""


def encoded(
    data: Mapping[str, Dataset], columns: Mapping[str, Encoder], new_key: Mapping[str, str] | None = None
) -> DatasetDict:
    """Return splits whose columns of text are ids, learnt from the train split alone.

    A column of texts gives an id a row where its encoder is a `Vocabulary`, a ragged column of ids where it cuts
    texts into several tokens. A ragged column of texts, such as the words of a treebank, keeps its lengths. The ids
    of a `Vocabulary` carry their names, as a `ClassLabel` of `datasets`. Rows that `data.val_ratio` takes out of the
    train split come later, so they have been learnt from; a source with a validation split of its own avoids that.

    Args:
        data: Splits of Hugging Face data sets, among them `train`.
        columns: `{column: encoder}`.
        new_key: `{column: name of its ids}` where the text is to be kept; else the ids take its place.

    Raises:
        ConfigError: If there is no such column of text, or no train split, or a new name is taken.
        DataError: If a text has no id; names the rows.
    """
    from datasets import DatasetDict

    require_splits(data)
    names = {name: name for name in columns} | dict(new_key or {})
    _require_names(new_key or {}, columns, data["train"].column_names)
    for name, encoder in columns.items():
        texts = flat(text_column(data["train"], name, f"columns.{name}"))
        try:
            encoder.fit(texts)
        except UserError as error:
            error.within(f"columns.{name}")
            raise
    return DatasetDict({split: _encoded(rows, columns, names, split) for split, rows in data.items()})


def require_splits(data: Mapping[str, Any]) -> None:
    """Require splits of Hugging Face data sets with one to learn from.

    Raises:
        ConfigError: If they are something else.
    """
    if "train" not in data:
        raise ConfigError("data", "has no train split to learn from.", f"Splits: {listed(data)}.")
    for rows in data.values():
        if not hasattr(rows, "with_format") or not hasattr(rows, "__len__"):
            raise ConfigError("data", f"holds a {type(rows).__name__}, but must hold Hugging Face data sets.")


def text_column(rows: Dataset, name: str, where: str) -> pa.Array:
    """Return a column of texts, or of lists of them, in one piece; `where` is the YAML path that names it.

    Raises:
        ConfigError: If there is no such column of text.
    """
    known = rows.column_names
    if name not in known:
        raise ConfigError(where, f"there is no column '{name}'.{nearest(name, known)}", f"Columns: {listed(known)}.")
    column = _table(rows.select_columns(name)).column(0).combine_chunks()
    column = pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column
    kind = column.type.value_type if is_ragged(column) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise ConfigError(where, f"'{name}' holds {column.type}, not text.")
    return column


def ids_of(column: pa.Array, encoder: Encoder, where: str, split: str, first_row: int = 0) -> pa.Array:
    """Return the ids of a column of texts; as lists where they are lists, or the encoder cuts them.

    Args:
        column: Texts, or lists of them.
        encoder: Has learnt.
        where: YAML path that names the column.
        split: Name of the split, for messages.
        first_row: Number of the first row, for messages.

    Raises:
        ConfigError: If the encoder would cut what is in lists already.
        DataError: If a text has no id; names the rows.
    """
    ids = encoder.encode(flat(column))
    if column.null_count or ids.null_count:
        raise _without_id(column, ids, encoder, where, split, first_row)
    if not is_ragged(column):
        return ids
    if pa.types.is_list(ids.type):
        raise ConfigError(where, "holds tokens, which this encoder would cut again.", "Give it a Vocabulary.")
    offsets = column.offsets.to_numpy()
    return pa.ListArray.from_arrays(pa.array(offsets - offsets[0], pa.int32()), ids)


def flat(column: pa.Array) -> pa.Array:
    """Return all texts of a column, one after another."""
    return column.flatten() if is_ragged(column) else column


def is_ragged(column: pa.Array) -> bool:
    """Whether a column holds lists."""
    return pa.types.is_list(column.type) or pa.types.is_large_list(column.type)


def _require_names(new_key: Mapping[str, str], columns: Mapping[str, Encoder], taken: Sequence[str]) -> None:
    for name, new in new_key.items():
        where = f"new_key.{name}"
        if name not in columns:
            raise ConfigError(where, f"is not encoded.{nearest(name, columns)}", f"Encoded: {listed(columns)}.")
        if new != name and (new in taken or list(new_key.values()).count(new) > 1):
            raise ConfigError(where, f"is '{new}', but there is such a column already.", "Choose another name.")


def _encoded(rows: Dataset, columns: Mapping[str, Encoder], names: Mapping[str, str], split: str) -> Dataset:
    from datasets import Dataset, DatasetInfo, Features, List
    from datasets.table import InMemoryTable

    table, features = _table(rows), dict(rows.features)
    for name, encoder in columns.items():
        column = text_column(rows, name, f"columns.{name}")
        ids = ids_of(column, encoder, f"columns.{name}", split)
        is_new = names[name] not in table.column_names
        place = len(table.column_names) if is_new else table.column_names.index(names[name])
        table = table.add_column(place, names[name], ids) if is_new else table.set_column(place, names[name], ids)
        features[names[name]] = List(encoder.feature()) if is_ragged(column) else encoder.feature()
    features = Features({name: features[name] for name in table.column_names})
    return Dataset(InMemoryTable(table), info=DatasetInfo(features=features))


def _without_id(column: pa.Array, ids: pa.Array, encoder: Encoder, where: str, split: str, first_row: int) -> DataError:
    if is_ragged(column) and column.null_count:
        rows, text = np.flatnonzero(column.is_null()), None
    else:
        places = np.flatnonzero(ids.is_null())
        text = flat(column)[int(places[0])].as_py()
        rows = np.unique(_rows_of(column, places)) if is_ragged(column) else places
    place = f"{'row' if len(rows) == 1 else 'rows'} {shown((rows + first_row).tolist())} of the {split} split"
    return DataError(where, f"{text!r} in {place} {'is no text.' if text is None else encoder.explained(text)}")


def _rows_of(column: pa.Array, places: np.ndarray) -> np.ndarray:
    """Return the rows that values of a ragged column lie in."""
    offsets = column.offsets.to_numpy()
    return np.searchsorted(offsets - offsets[0], places, side="right") - 1


def _table(rows: Dataset) -> pa.Table:
    return rows.with_format("arrow")[:]
