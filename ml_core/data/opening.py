"""How is a source opened, so that what is wrong with it is told in one message?"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ml_core.data.source_errors import source_error
from ml_core.errors import ConfigError, DataError, UserError, listed
from ml_core.utils.pylogger import RankedLogger

SOURCE = "data.hf_dict_dataset"
CHATTY = "datasets.packaged_modules"

log = RankedLogger(__name__, rank_zero_only=True)


def open_source(source: Mapping[str, Any] | Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """Return the splits of a source, loaded if it is something to call.

    Raises:
        ConfigError: If it gives no named splits, or what it asks for does not exist.
        DataError: If files cannot be read, or no row has a label.
    """
    splits = source
    if callable(source):
        try:
            with _quiet():
                splits = source()
        except UserError as error:
            path = error.where if error.where.startswith(SOURCE) else SOURCE
            explained = source_error(error, path) if error.__cause__ is not None else None
            if explained is None:
                raise
            raise explained from error
    if not isinstance(splits, Mapping):
        raise ConfigError(
            SOURCE,
            f"gave a {type(splits).__name__}, but must give named splits (a DatasetDict or mapping).",
            "Load without `split=`.",
        )
    for name, rows in splits.items():
        _look_for_values(name, rows)
    return dict(splits)


def _look_for_values(split: str, rows: Any) -> None:
    """A column that `features` names and no file has is filled with nulls by `datasets`, without a word."""
    table = getattr(getattr(rows, "data", None), "table", None)
    if table is None or not table.num_rows:
        return
    empty = [name for name in table.column_names if table.column(name).null_count == table.num_rows]
    labels = [name for name in empty if hasattr(rows.features[name], "num_classes")]
    if labels and split == "train":
        raise DataError(
            SOURCE, f"the train split has no label at all in {listed(labels)}.",
            "Look at how the files spell the column.",
        )  # fmt: skip
    if empty:
        log.warning("%s: the %s split has no value at all in the columns %s.", SOURCE, split, listed(empty))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep `datasets` from logging what it raises as well."""
    logger = logging.getLogger(CHATTY)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
