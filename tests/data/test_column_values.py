"""The values of one column over all rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import Dataset

from ml_core.data.column_values import lengths_of, values_of
from ml_core.data.columns import TensorColumns
from ml_core.errors import ConfigError

COLUMNS = {"x": [5, 6, 7, 8], "text": ["a", "bb", "", "dddd"]}


def table() -> Dataset:
    return Dataset.from_dict(COLUMNS)


@pytest.mark.parametrize(
    "rows",
    [table(), table().with_transform(lambda batch: {}), TensorColumns({"x": torch.tensor(COLUMNS["x"])}),
     [{"x": value} for value in COLUMNS["x"]]],
    ids=["datasets", "with a transform", "tensors", "plain"],
)  # fmt: skip
def test_a_column_of_any_data_set_is_read(rows):
    np.testing.assert_equal(values_of(rows, "x"), COLUMNS["x"])


@pytest.mark.parametrize("chosen", [[3, 0], [2], [], range(1, 3)])
def test_chosen_rows_have_their_own_values(chosen):
    rows = table().select(chosen)

    np.testing.assert_equal(values_of(rows, "x"), np.take(COLUMNS["x"], list(chosen)))
    np.testing.assert_equal(lengths_of(rows, "text"), [len(COLUMNS["text"][row]) for row in chosen])


def test_only_the_column_that_is_asked_for_is_read():
    class Rows:
        column_names = ("x", "image")

        def __getitem__(self, name):
            assert name == "x"
            return torch.tensor([1, 2])

    np.testing.assert_equal(values_of(Rows(), "x"), [1, 2])


@pytest.mark.parametrize("rows", [table(), [{"x": 1, "text": "a"}]])
def test_a_column_that_is_not_there_is_told(rows):
    with pytest.raises(ConfigError) as error:
        values_of(rows, "tex")

    assert str(error.value) == "by: there is no column 'tex'. Did you mean 'text'? Columns: x, text."
