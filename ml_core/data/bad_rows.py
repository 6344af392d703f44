"""Which rows of a data set are at fault? Asked only after a batch has failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor

from ml_core.errors import DataError, listed
from ml_core.step_errors import text_of

MOST_SHOWN = 8
FIX = "Correct the data, or leave such rows out: data.on_bad=skip."
FILL = "Correct the data, fill them in data.transform (torch.nan_to_num), or leave such rows out: data.on_bad=skip."


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
    what = f"{which} cannot be read{f' ({listed(files)})' if files else ''}: {text_of(error)}"
    failure = DataError(name, what, FIX)
    failure.rows = bad
    return failure


def require_finite(
    rows: Mapping[str, Any], batch: Mapping[str, Any], steps: Iterable[Any], indices: Sequence[int], name: str
) -> None:
    """Refuse rows whose nan or inf come through to the finished batch.

    A step may fill them: a column that a step reads need not be finite itself, what the step makes of it must be.

    Args:
        rows: The columns as the data has them.
        batch: The finished batch.
        steps: What made it of the columns.
        indices: Rows of the split that are in the batch.
        name: YAML path and split.

    Raises:
        DataError: Names the rows and the columns.
    """
    given = {place for places in _not_finite(rows, len(indices)).values() for place in places}
    if not given:
        return
    reads = [getattr(step, "reads", None) for step in steps]
    read = set(rows) if None in reads else {key for keys in reads for key in keys or ()}
    found = {
        key: [indices[place] for place in places if place in given]
        for key, places in _not_finite(batch, len(indices)).items()
        if key not in read or batch[key] is not rows.get(key)
    }
    if bad := sorted({row for those in found.values() for row in those}):
        what = listed(f"'{key}' in row {shown(those)}" for key, those in found.items() if those)
        error = DataError(name, f"the data holds nan or inf: {what}.", FILL)
        error.rows = bad
        raise error


def _not_finite(batch: Mapping[str, Any], size: int) -> dict[str, list[int]]:
    """Return `{key: places in the batch}` of numbers that are not finite."""
    found = {}
    for key, values in batch.items():
        if isinstance(values, Tensor) and values.is_floating_point() and values.ndim and len(values) == size:
            is_finite = values.isfinite()
            if not is_finite.all():
                found[key] = (~is_finite).reshape(size, -1).any(1).nonzero()[:, 0].tolist()
    return found


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
            stored = source.select_columns([name]).cast_column(name, type(feature)(decode=False))[index][name]
            files += [stored["path"]] if stored and stored.get("path") else []
    return files
