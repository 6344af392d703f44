"""Which rows of a data set are at fault? Asked only after a batch has failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ml_core.errors import DataError, listed
from ml_core.step_errors import text_of

MOST_SHOWN = 8


def unreadable(source: Any, indices: Sequence[int], error: Exception, name: str) -> DataError:
    """Return an error that names the rows which cannot be read, and their files where the data set knows them.

    Args:
        source: Hugging Face data set, or a map-style one.
        indices: Rows that were asked for.
        error: What reading them raised.
        name: YAML path and split.
    """
    bad = [index for index in indices if fails(source.__getitem__, index)]
    files = [file for index in bad[:MOST_SHOWN] for file in _files(source, index)]
    which = f"{'row' if len(bad) == 1 else 'rows'} {shown(bad)}" if bad else f"one of the rows {shown(indices)}"
    return DataError(
        name,
        f"{which} cannot be read{f' ({listed(files)})' if files else ''}: {text_of(error)}",
        "Correct the data, or leave these rows out.",
    )


def fails(function: Callable[[Any], Any], argument: Any) -> bool:
    """Whether a call raises anything."""
    try:
        function(argument)
    except Exception:
        return True
    return False


def shown(rows: Sequence[int]) -> str:
    """Return the first rows of many."""
    more = [f"{len(rows) - MOST_SHOWN} more"] if len(rows) > MOST_SHOWN else []
    return listed([*rows[:MOST_SHOWN], *more])


def _files(source: Any, index: int) -> list[str]:
    """Return the files that a row's images, sounds and the like lie in."""
    files = []
    for name, feature in (getattr(source, "features", None) or {}).items():
        if getattr(feature, "decode", False):
            stored = source.cast_column(name, type(feature)(decode=False))[index][name]
            files += [stored["path"]] if stored and stored.get("path") else []
    return files
