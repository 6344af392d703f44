"""Data sets in memory, and torch data sets of tuples, as whole batches of named columns."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, TensorDataset

from ml_core.data.batches import BatchedDataset
from ml_core.data.columns import NamedFields, TensorColumns
from ml_core.errors import ConfigError, DataError


def rows_of_three() -> TensorColumns:
    columns = {"point": torch.arange(6.0).reshape(3, 2), "label": torch.tensor([0, 1, 1])}
    return TensorColumns(columns, {"label": ["no", "yes"]})


def test_a_batch_holds_the_rows_that_were_asked_for_in_that_order():
    batch = BatchedDataset(rows_of_three()).__getitems__([2, 0])
    assert batch["point"].tolist() == [[4, 5], [0, 1]]
    assert batch["label"].tolist() == [1, 0]


def test_a_part_of_the_rows_shares_their_memory_also_a_part_of_a_part():
    rows = rows_of_three()
    part = rows.select([2, 1]).select([1])
    assert len(part) == 1
    assert part[[0]]["point"].tolist() == [[2, 3]]
    assert part["label"].tolist() == [1]
    assert part.columns["point"].data_ptr() == rows.columns["point"].data_ptr()


def test_columns_of_classes_have_their_names():
    assert rows_of_three().features["label"].names == ["no", "yes"]


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(DataError, match=re.escape("must be of one length, but are: {'a': 2, 'b': 3}")):
        TensorColumns({"a": torch.zeros(2), "b": torch.zeros(3)})


def test_a_label_outside_of_its_class_list_is_told_with_its_row():
    with pytest.raises(
        DataError, match=r"label: row 1 holds 2, but there are 2 classes: no, yes\. 2 rows are at fault"
    ):
        TensorColumns({"label": torch.tensor([0, 2, -1])}, {"label": ["no", "yes"]})


class Tuples(Dataset):
    """Samples of two numbers; counts how they are asked for."""

    classes = ["even", "odd"]

    def __init__(self, is_batched: bool) -> None:
        self.calls: list[str] = []
        if is_batched:
            self.__getitems__ = self._many

    def __len__(self) -> int:
        return 4

    def __getitem__(self, row: int) -> tuple[float, int]:
        self.calls.append("one")
        return row / 2, row % 2

    def _many(self, rows: list[int]) -> list[tuple[float, int]]:
        self.calls.append("many")
        return [(row / 2, row % 2) for row in rows]


@pytest.mark.parametrize(("is_batched", "calls"), [(False, ["one", "one"]), (True, ["many"])])
def test_the_fields_of_tuples_get_names(is_batched: bool, calls: list[str]):
    source = Tuples(is_batched)
    batch = BatchedDataset(NamedFields(source, ["half", "parity"])).__getitems__([3, 2])
    assert batch["half"].tolist() == [1.5, 1.0]
    assert batch["parity"].tolist() == [1, 0]
    assert source.calls == calls


def test_a_tensor_data_set_is_read_by_one_index_operation_a_field():
    tensors = TensorDataset(torch.arange(5), torch.arange(5) * 2)
    tensors.__class__ = type("Refusing", (TensorDataset,), {"__getitem__": None})  # a sample alone cannot be had
    batch = BatchedDataset(NamedFields(tensors, ["x", "y"])).__getitems__([4, 1])
    assert batch["y"].tolist() == [8, 2]


def test_the_last_field_knows_the_classes_of_the_data_set():
    fields = NamedFields(Tuples(False), ["half", "parity"])
    assert fields.features["parity"].names == ["even", "odd"]
    assert list(fields["parity"]) == [0, 1, 0, 1]


def test_a_part_of_the_samples_is_counted_from_its_own_start():
    part = NamedFields(Tuples(False), ["half", "parity"]).select([3, 1, 2]).select(np.array([0, 2]))
    assert len(part) == 2
    assert part[0] == {"half": 1.5, "parity": 1}
    assert part[[1, 0]]["half"].tolist() == [1.0, 1.5]
    assert part["parity"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a"], "gives 1 names (a), but a sample is 2 fields. Name every field of the tuple."),
        (["a", "a"], "names a field twice: a, a."),
    ],
)
def test_names_that_do_not_fit_the_fields_are_refused(names: list[str], words: str):
    with pytest.raises(ConfigError, match=re.escape(words)):
        NamedFields(Tuples(False), names)[[0]]
