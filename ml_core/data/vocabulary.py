"""Which number stands for which token?"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml_core.errors import ConfigError, DataError, listed, nearest

PADDING, UNKNOWN = "<pad>", "<unk>"
MOST_SHOWN = 30


class Vocabulary:
    """Ids of tokens, tags or labels, the most frequent of the train split first.

    `padding` and `unknown` come before the others, so their ids are 0 and 1. Without `unknown`, the list is closed:
    a text that is not in it is an error, as is fitting for tags and labels.

    Args:
        max_size: Most entries, with padding and unknown: what `num_embeddings` of the network may be. Rarer texts
            become unknown; those of a closed list are an error instead. Null for as many as there are.
        min_count: Rarer texts become unknown.
        padding: Name of the entry that fills rows; null for none.
        unknown: Name of the entry for texts that are not in the list; null for a closed list.
        lowercase: Whether upper and lower case are the same.
        entries: The list after these two, in the order of its ids, instead of learning it.
        file: JSON file that keeps the list: written where it does not exist, and read from then on, so that the ids
            stay whatever happens to the train split.

    Raises:
        ConfigError: If an argument is out of range, or the file was made with others.
    """

    def __init__(
        self,
        max_size: int | None = None,
        min_count: int = 1,
        padding: str | None = PADDING,
        unknown: str | None = UNKNOWN,
        lowercase: bool = False,
        entries: list[str] | None = None,
        file: str | Path | None = None,
    ) -> None:
        require_count("min_count", min_count)
        if max_size is not None:
            require_count("max_size", max_size)
        if unknown is None and min_count > 1:
            raise ConfigError("min_count", f"is {min_count}, but a closed list leaves no text out.", "Set `unknown`.")
        self.max_size, self.min_count, self.padding, self.unknown = max_size, min_count, padding, unknown
        self.lowercase, self.file = lowercase, None if file is None else Path(file)
        self.entries: list[str] = [*self._specials(), *(entries or ())]
        self._is_given = entries is not None
        self._require_entries()

    @property
    def size(self) -> int:
        """Number of entries."""
        return len(self.entries)

    def fit(self, texts: pa.Array) -> None:
        """Learn the entries, unless they are given or kept in the file."""
        if self._is_given:
            return
        if self.file is not None and self.file.exists():
            self.entries = self._read(self.file)
            return
        self.entries = self._learnt(texts)
        if self.file is not None:
            self._write(self.file)

    def encode(self, texts: pa.Array) -> pa.Array:
        """Return int64 ids; null for null, and in a closed list for what is not in it."""
        ids = pc.index_in(self._normal(texts), pa.array(self.entries, pa.string())).cast(pa.int64())
        if self.unknown is None or not ids.null_count:
            return ids
        return pc.if_else(pc.and_(ids.is_null(), texts.is_valid()), self.entries.index(self.unknown), ids)

    def feature(self) -> Any:
        """Return a `ClassLabel` with the names of the ids."""
        from datasets import ClassLabel

        return ClassLabel(names=self.entries)

    def explained(self, text: str) -> str:
        """Return why a text has no id."""
        shown = [*self.entries[:MOST_SHOWN], *(["..."] if self.size > MOST_SHOWN else [])]
        return f"is none of the {self.size} values of the list.{nearest(text, self.entries)} It has: {listed(shown)}."

    def _learnt(self, texts: pa.Array) -> list[str]:
        counts = pc.value_counts(pc.drop_null(self._normal(texts)))
        names, numbers = counts.field("values"), counts.field("counts").to_numpy()
        order = np.lexsort((pc.rank(names).to_numpy(), -numbers))
        specials = self._specials()
        found = [name for name in names.take(pa.array(order)).to_pylist() if name not in specials]
        kept = found[: int((numbers >= self.min_count).sum())]
        if self.max_size is None:
            return [*specials, *kept]
        if self.unknown is None and len(specials) + len(kept) > self.max_size:
            raise ConfigError(
                "max_size",
                f"is {self.max_size}, but the train split has {len(kept)} values: {listed(kept[:MOST_SHOWN])}.",
                f"Set it to {len(specials) + len(kept)}, and the outputs of the network with it.",
            )
        return [*specials, *kept][: self.max_size]

    def _specials(self) -> list[str]:
        return [name for name in (self.padding, self.unknown) if name is not None]

    def _require_entries(self) -> None:
        """Require that what was given is a list of different texts that is not too long."""
        if len(set(self.entries)) < len(self.entries):
            twice = next(entry for entry in self.entries if self.entries.count(entry) > 1)
            raise ConfigError("entries", f"has {twice!r} twice.")
        if self.max_size is not None and self.size > self.max_size:
            raise ConfigError(
                "max_size", f"is {self.max_size}, but the list has {self.size} entries.", "Make them equal."
            )

    def _normal(self, texts: pa.Array) -> pa.Array:
        texts = texts.cast(pa.string())
        return pc.utf8_lower(texts) if self.lowercase else texts

    def _settings(self) -> dict[str, Any]:
        names = ("max_size", "min_count", "padding", "unknown", "lowercase")
        return {"kind": type(self).__name__, **{name: getattr(self, name) for name in names}}

    def _read(self, file: Path) -> list[str]:
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
            entries = [str(entry) for entry in stored.pop("entries")]
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise DataError("file", f"{file} is no vocabulary: {error}.", "Remove it to have it made anew.") from error
        for name, value in self._settings().items():
            if stored.get(name) != value:
                raise ConfigError(
                    "file", f"{file} was made with {name}: {stored.get(name)!r}, not {value!r}.",
                    "Remove the file to have it made anew; a network that was trained with it then no longer fits.",
                )  # fmt: skip
        return entries

    def _write(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_name(f"{file.name}.{os.getpid()}")
        text = json.dumps({**self._settings(), "entries": self.entries}, ensure_ascii=False, indent=0)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(file)


def require_count(name: str, value: Any, least: int = 1) -> None:
    """Require a whole number of at least `least`.

    Raises:
        ConfigError: If it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(name, f"is {value!r}, but must be a whole number from {least}.")
