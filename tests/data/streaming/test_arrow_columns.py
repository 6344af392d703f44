"""How Arrow columns become columns of a batch: as they do without streaming."""

import numpy as np
import pyarrow as pa
import pytest
import torch

from ml_core.data.batches import stack_column
from ml_core.data.streaming.arrow_columns import Block, kind

COLUMNS = {
    "whole numbers": pa.array([1, 2, 3], pa.int32()),
    "numbers": pa.array([0.5, 1, 2], pa.float64()),
    "booleans": pa.array([True, False, True]),
    "strings": pa.array(["a", "b", "c"]),
    "lists": pa.array([[1, 2], [3, 4], [5, 6]]),
    "fixed lists": pa.FixedSizeListArray.from_arrays(pa.array(range(6), pa.float32()), 2),
    "nested lists": pa.array([[[1, 2]], [[3, 4]], [[5, 6]]]),
    "ragged": pa.array([[1], [2, 3], [4, 5]]),
    "empty lists": pa.array([[], [], []], pa.list_(pa.int64())),
    "missing": pa.array([1, None, 3]),
    "missing in lists": pa.array([[1, None], [1, 2], [3, 4]]),
    "dictionary": pa.array(["a", "b", "a"]).dictionary_encode(),
    "structs": pa.array([{"x": 1}, {"x": 2}, {"x": 3}]),
    "large": pa.array([2**63, 1, 2], pa.uint64()),
}


@pytest.mark.parametrize("rows", [slice(0, 3), slice(1, 3), np.array([2, 1]), np.array([0])], ids=str)
@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_what_it_is_without_streaming(name, rows):
    column = COLUMNS[name]
    numbers = range(3)[rows] if isinstance(rows, slice) else rows.tolist()

    streamed = stack_column(Block(pa.table({"c": column})).take(rows)["c"])

    expected = stack_column([column[number].as_py() for number in numbers])
    assert type(streamed) is type(expected)
    if isinstance(expected, torch.Tensor):
        torch.testing.assert_close(streamed, expected)  # also compares types
    else:
        assert streamed == expected


def test_bytes_in_lists_stay_bytes_whether_ragged_or_not():
    table = pa.table({"even": pa.array([[1, 2], [3, 4]], pa.list_(pa.uint8())),
                      "ragged": pa.array([[1, 2], [3]], pa.list_(pa.uint8()))})  # fmt: skip

    columns = Block(table).take(slice(0, 2))

    assert columns["even"].dtype == torch.uint8
    assert [cell.dtype for cell in columns["ragged"]] == [np.uint8, np.uint8]


def test_a_table_in_several_pieces_is_one_block():
    piece = pa.table({"x": [1, 2], "s": ["a", "b"]})

    block = Block(pa.concat_tables([piece, piece.slice(1)]))

    assert len(block) == 3
    columns = block.take(np.array([2, 0]))
    assert (columns["x"].tolist(), columns["s"]) == ([2, 1], ["b", "a"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.int32(), pa.int64()),
        (pa.float32(), pa.float64()),
        (pa.string(), pa.large_string()),
        (pa.dictionary(pa.int8(), pa.string()), pa.string()),
        (pa.list_(pa.int8()), pa.list_(pa.int64(), 3)),
    ],
)
def test_types_that_give_the_same_column_are_of_one_kind(one, other):
    assert kind(one) == kind(other)


@pytest.mark.parametrize(
    ("one", "other"), [(pa.int64(), pa.float64()), (pa.int64(), pa.string()), (pa.list_(pa.int64()), pa.int64())]
)
def test_types_that_give_other_columns_are_not(one, other):
    assert kind(one) != kind(other)
