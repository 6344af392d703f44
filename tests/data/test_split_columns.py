"""By which values of a column rows can be split."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from datasets import ClassLabel, Dataset

from ml_core.data.split_columns import class_numbers, times
from ml_core.errors import ConfigError, DataError

WHERE = "data.group_by"


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (["b", "a", "b"], [1, 0, 1]),
        ([7, 5, 7], [1, 0, 1]),
        ([True, False, True], [1, 0, 1]),
        ([2.0, 1.0, 2.0], [1, 0, 1]),
    ],
)
@pytest.mark.parametrize("kind", [Dataset.from_list, list])
def test_values_become_numbers(values, numbers, kind):
    assert class_numbers(kind([{"who": value} for value in values]), "who", WHERE).tolist() == numbers


def test_classes_with_names_are_numbers_already():
    rows = Dataset.from_dict({"y": [1, 0, 1]}).cast_column("y", ClassLabel(names=["no", "yes"]))

    assert class_numbers(rows, "y", WHERE).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.5, 1.5], "data.group_by: the column 'who' holds fractions, which are no classes or groups."),
        ([[1], [2]], "data.group_by: the column 'who' holds several values a row, which are no classes or groups."),
    ],
)
def test_values_that_are_no_classes_are_refused(values, message):
    with pytest.raises(ConfigError) as error:
        class_numbers(Dataset.from_dict({"who": values}), "who", WHERE)

    assert str(error.value) == message


@pytest.mark.parametrize("values", [["a", None, "b", None], [1, None, 2, None], [0.5, None, 1.0, None]])
@pytest.mark.parametrize("read", [class_numbers, times])
def test_empty_cells_are_told_with_their_rows(values, read):
    with pytest.raises(DataError) as error:
        read(Dataset.from_dict({"who": values}), "who", WHERE)

    assert str(error.value) == "data.group_by: the column 'who' has 2 empty cells, the first in rows 1, 3."


def test_a_column_that_is_not_there_is_told_with_the_nearest():
    with pytest.raises(ConfigError) as error:
        times(Dataset.from_dict({"date": [1]}), "data", "data.order_by")

    assert str(error.value) == ("data.order_by: there is no column 'data'. Did you mean 'date'? Columns: date.")


@pytest.mark.parametrize(
    "values",
    [
        [2, 1, 3],
        [0.2, 0.1, 0.3],
        ["2026-01-02", "2026-01-01", "2026-02-01"],
        [datetime.datetime(2026, 1, day) for day in (2, 1, 3)],
        [datetime.date(2026, 1, day) for day in (2, 1, 3)],
    ],
)
def test_numbers_dates_and_their_text_have_an_order(values):
    assert np.argsort(times(Dataset.from_dict({"at": values}), "at", WHERE)).tolist() == [1, 0, 2]


def test_lists_have_no_order():
    with pytest.raises(ConfigError, match="the column 'at' holds values that have no order"):
        times(Dataset.from_dict({"at": [[1], [2]]}), "at", WHERE)
