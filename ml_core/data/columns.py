"""How does a data set that lies in memory, or in any torch `Dataset`, hand out whole batches of named columns?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

from ml_core.data.batches import stack_column
from ml_core.errors import ConfigError, DataError, listed

Rows = int | slice | Sequence[int] | Tensor | np.ndarray


class TensorColumns(Dataset[dict[str, Any]]):
    """Rows in memory: a batch is one index operation a column, and a part of the rows is a view.

    Args:
        columns: `{name: tensor}`, the rows along the first dimension.
        class_names: `{name: names of the classes}` of columns of class numbers.
        rows: Those that count, by number; all of them if it is None.

    Raises:
        DataError: If the columns differ in length, or a class number has no name.
    """

    def __init__(
        self,
        columns: Mapping[str, Tensor],
        class_names: Mapping[str, Sequence[str]] | None = None,
        rows: Tensor | None = None,
    ) -> None:
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) != 1:
            raise DataError("columns", f"must be of one length, but are: {lengths}.")
        self.columns = dict(columns)
        self.class_names = {name: [str(known) for known in names] for name, names in (class_names or {}).items()}
        self.rows = rows
        for name, names in self.class_names.items():
            _require_named(name, self.columns[name], names)

    @property
    def column_names(self) -> list[str]:
        """Names of the columns."""
        return list(self.columns)

    @property
    def features(self) -> dict[str, Any]:
        """Columns of classes, in Hugging Face's terms."""
        from datasets import ClassLabel

        return {name: ClassLabel(names=names) for name, names in self.class_names.items()}

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.columns.values()))) if self.rows is None else len(self.rows)

    def __getitem__(self, rows: str | Rows) -> Any:
        """Return a column by name, or the columns of one row or of several."""
        if isinstance(rows, str):
            return self.columns[rows] if self.rows is None else self.columns[rows][self.rows]
        chosen = as_index(rows) if self.rows is None else self.rows[as_index(rows)]
        return {name: column[chosen] for name, column in self.columns.items()}

    def select(self, rows: Rows, keep_in_memory: bool = True) -> TensorColumns:
        """Return a part of the rows that shares the columns."""
        chosen = torch.as_tensor(as_index(rows))
        chosen = chosen if self.rows is None else self.rows[chosen]
        return TensorColumns(self.columns, self.class_names, chosen)


class NamedFields(Dataset[dict[str, Any]]):
    """A map-style torch data set of tuples whose fields get names.

    A `TensorDataset` is read a whole batch at a time, any other one as it offers it: through `__getitems__`, or
    sample by sample.

    Args:
        dataset: Map-style data set whose samples are tuples or lists.
        names: One name for each field, in order.
        rows: Samples that count, by number; all of them if it is None.

    Raises:
        ConfigError: If there are more or fewer names than fields.
    """

    def __init__(self, dataset: Dataset[Any], names: Sequence[str], rows: Tensor | None = None) -> None:
        self.dataset, self.names, self.rows = dataset, list(names), rows
        if len(set(self.names)) != len(self.names):
            raise ConfigError("names", f"names a field twice: {listed(self.names)}.")
        if isinstance(dataset, TensorDataset):
            self._require_fields(dataset.tensors)

    @property
    def column_names(self) -> list[str]:
        """Names of the fields."""
        return self.names

    @property
    def features(self) -> dict[str, Any]:
        """The last field as one of classes, where the data set knows `classes`, as those of torchvision do."""
        from datasets import ClassLabel

        classes = getattr(self.dataset, "classes", None)
        return {self.names[-1]: ClassLabel(names=list(classes))} if classes else {}

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.dataset) if self.rows is None else len(self.rows)  # type: ignore[arg-type]

    def __getitem__(self, rows: str | Rows) -> Any:
        """Return a field of all samples by name, one sample, or the columns of several."""
        if isinstance(rows, str):
            return self._field(rows)
        if isinstance(rows, int):
            number = rows if self.rows is None else int(self.rows[rows])
            return dict(zip(self.names, self._require_fields(self.dataset[number]), strict=True))
        numbers = self._numbers(rows)
        if isinstance(self.dataset, TensorDataset):
            return dict(zip(self.names, (tensor[numbers] for tensor in self.dataset.tensors), strict=True))
        many = getattr(self.dataset, "__getitems__", None)
        samples = many(numbers.tolist()) if many else [self.dataset[row] for row in numbers.tolist()]
        fields = zip(*(self._require_fields(sample) for sample in samples), strict=True)
        return {name: stack_column(list(cells)) for name, cells in zip(self.names, fields, strict=True)}

    def select(self, rows: Rows, keep_in_memory: bool = True) -> NamedFields:
        """Return a part of the samples."""
        return NamedFields(self.dataset, self.names, self._numbers(rows))

    def _numbers(self, rows: Any) -> Tensor:
        index = as_index(rows)
        if self.rows is not None:
            return self.rows[index]
        return torch.arange(len(self))[index] if isinstance(index, slice) else index

    def _field(self, name: str) -> Any:
        if name not in self.names:
            raise ConfigError("names", f"there is no field '{name}'.", f"Fields: {listed(self.names)}.")
        targets = getattr(self.dataset, "targets", None)
        if name == self.names[-1] and targets is not None:  # torchvision's, without opening an image
            return torch.as_tensor(targets)[self._numbers(slice(None))]
        return self[:][name]

    def _require_fields(self, sample: Any) -> Any:
        if not isinstance(sample, (tuple, list)) or len(sample) != len(self.names):
            got = f"{len(sample)} fields" if isinstance(sample, (tuple, list)) else f"a {type(sample).__name__}"
            raise ConfigError(
                "names", f"gives {len(self.names)} names ({listed(self.names)}), but a sample is {got}.",
                "Name every field of the tuple." if isinstance(sample, (tuple, list)) else "",
            )  # fmt: skip
        return sample


def as_index(rows: Any) -> Any:
    """Return row numbers as torch indexes with them."""
    return rows if isinstance(rows, (int, slice)) else torch.as_tensor(np.asarray(rows), dtype=torch.int64)


def _require_named(name: str, column: Tensor, names: Sequence[str]) -> None:
    wrong = ((column < 0) | (column >= len(names))).nonzero().flatten()
    if len(wrong):
        first = int(wrong[0])
        raise DataError(
            name, f"row {first} holds {column[first].item()}, but there are {len(names)} classes: {listed(names)}.",
            f"{len(wrong)} rows are at fault.",
        )  # fmt: skip
