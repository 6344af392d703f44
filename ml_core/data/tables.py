"""How does a table in memory become a data set?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ml_core.data.columns import TensorColumns
from ml_core.errors import ConfigError, listed


def table(data: Mapping[str, Any] | Any, features: str = "features", target: str = "label") -> dict[str, TensorColumns]:
    """Return the table that a loader of scikit-learn gives as a data set with the one split `train`.

    Columns: `features` `[rows, columns]` float32; `target`, which is int64 with its class names where it holds
    classes, else float32.

    Args:
        data: What `sklearn.datasets.load_...()` or `make_...()` gives: a `Bunch` with `data` and `target`, or the
            pair of the two.
        features: Name of the column of features.
        target: Name of the column of targets.

    Raises:
        ConfigError: If it is neither.
        DataError: If a class number has no name.
    """
    values, wanted, names = _parts(data)
    columns = {features: torch.as_tensor(np.asarray(values), dtype=torch.float32), target: _target(np.asarray(wanted))}
    is_classes = columns[target].dtype == torch.int64 and names is not None
    return {"train": TensorColumns(columns, {target: list(names)} if is_classes else None)}


def _parts(data: Any) -> tuple[Any, Any, Any]:
    if isinstance(data, Mapping):
        if not {"data", "target"} <= set(data):
            raise ConfigError("data", "must have the fields 'data' and 'target'.", f"Fields: {listed(data)}.")
        return data["data"], data["target"], data.get("target_names")
    if isinstance(data, tuple) and len(data) == 2:
        return data[0], data[1], None
    raise ConfigError(
        "data", f"is a {type(data).__name__}, but must be what a loader of sklearn.datasets gives.",
        "A Bunch with data and target, or the pair of both (return_X_y: true).",
    )  # fmt: skip


def _target(values: np.ndarray) -> Tensor:
    is_whole = values.dtype.kind in "iub"
    return torch.as_tensor(values, dtype=torch.int64 if is_whole else torch.float32)
