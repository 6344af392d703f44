"""Padding, against torch's own, row by row."""

import copy
import logging
import pickle

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence

from ml_core.data.batches import BatchedDataset
from ml_core.data.padding import PadCollate
from ml_core.errors import BatchKeyError, ConfigError, DataError

rng = np.random.default_rng(0)
LENGTHS = rng.integers(0, 12, 20)
ROWS = [rng.integers(0, 100, length).tolist() for length in LENGTHS]


def expected(rows, fill=0, dtype=torch.int64):
    return pad_sequence([torch.tensor(row, dtype=dtype) for row in rows], batch_first=True, padding_value=fill)


@pytest.mark.parametrize(
    ("rows", "dtype"),
    [
        (ROWS, torch.int64),
        ([[value / 3 for value in row] for row in ROWS], torch.float32),
        ([[value > 50 for value in row] for row in ROWS], torch.bool),
        ([np.array(row, dtype=np.int32) for row in ROWS], torch.int64),
        ([np.array(row, dtype=np.uint8) for row in ROWS], torch.uint8),
        ([torch.tensor(row, dtype=torch.float16) for row in ROWS], torch.float16),
    ],
    ids=["int", "float", "bool", "arrays", "uint8", "tensors"],
)
def test_rows_equal_those_of_torch(rows, dtype):
    batch = PadCollate({"x": 1}, lengths="length")({"x": rows})

    torch.testing.assert_close(batch["x"], expected(ROWS if dtype == torch.int64 else rows_of(rows), 1, dtype))
    torch.testing.assert_close(batch["mask"], expected([[True] * n for n in LENGTHS], False, torch.bool))
    torch.testing.assert_close(batch["length"], torch.from_numpy(LENGTHS))


def rows_of(rows):
    return [row.tolist() if hasattr(row, "tolist") else row for row in rows]


def test_rows_of_vectors_are_padded_too():
    vectors = [rng.random((length, 3)).astype(np.float32) for length in (2, 5, 0, 3)]

    for rows in (vectors, [torch.from_numpy(v) for v in vectors], [v.tolist() for v in vectors]):
        padded = PadCollate({"x": 0})({"x": rows})["x"]
        torch.testing.assert_close(padded, pad_sequence([torch.from_numpy(v) for v in vectors], batch_first=True))


def test_every_column_has_its_own_value_and_all_share_a_mask():
    batch = PadCollate({"word": 0, "tag": -100})({"word": [[5, 6], [7]], "tag": [[1, 0], [1]], "text": ["a", "b"]})

    assert list(batch) == ["word", "tag", "mask"]
    assert batch["word"].tolist() == [[5, 6], [7, 0]]
    assert batch["tag"].tolist() == [[1, 0], [1, -100]]
    assert batch["mask"].tolist() == [[True, True], [True, False]]


def test_whole_numbers_before_fractions_are_not_cut():
    assert PadCollate({"x": 0})({"x": [[1], [2, 2.5]]})["x"].tolist() == [[1.0, 0.0], [2.0, 2.5]]


def test_a_tensor_of_rows_of_one_length_is_a_batch_too():
    batch = PadCollate({"x": 0}, multiple_of=4)({"x": torch.tensor([[1, 2, 3], [4, 5, 6]])})

    assert batch["x"].tolist() == [[1, 2, 3, 0], [4, 5, 6, 0]]
    assert batch["mask"].tolist() == [[True, True, True, False]] * 2


@pytest.mark.parametrize(("rows", "width"), [([[1] * 5, [1]], 8), ([[1] * 8], 8), ([[1] * 9], 16), ([[], []], 8)])
def test_the_length_is_a_multiple(rows, width):
    assert PadCollate({"x": 0}, multiple_of=8)({"x": rows})["x"].shape == (len(rows), width)


def test_longer_rows_lose_their_end_and_the_log_says_so_once(caplog):
    pad = PadCollate({"x": 0}, lengths="length", max_length=2)

    with caplog.at_level(logging.WARNING):
        batches = [pad({"x": [[1, 2, 3], [4], [5, 6]]}) for _ in range(2)]

    assert batches[1]["x"].tolist() == [[1, 2], [4, 0], [5, 6]]
    assert batches[1]["length"].tolist() == [2, 1, 2]
    assert [record.getMessage() for record in caplog.records] == [
        "1 of 3 rows of a batch are longer than max_length=2 and lose their end; this is said once."
    ]


def test_the_batch_stays_as_it_was():
    rows = [[1, 2], [3]]

    PadCollate({"x": 0})({"x": rows})

    assert rows == [[1, 2], [3]]


def test_it_pads_what_a_data_set_hands_out():
    source = Dataset.from_dict({"x": ROWS[:6], "label": list(range(6))})

    batch = BatchedDataset(source, [("data.transform", PadCollate({"x": 0}))]).__getitems__([4, 1, 2])

    torch.testing.assert_close(batch["x"], expected([ROWS[4], ROWS[1], ROWS[2]]))
    assert batch["label"].tolist() == [4, 1, 2]


def test_as_collate_function_it_takes_samples():
    source = Dataset.from_dict({"x": [[1, 2], [3]], "label": [0, 1]})

    batch = BatchedDataset(source, collate=PadCollate({"x": 0})).__getitems__([1, 0])

    assert batch["x"].tolist() == [[3, 0], [1, 2]]
    assert batch["label"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        ({"y": [[1]]}, BatchKeyError, r"^pad: no key 'x' in the batch\."),
        ({"x": [["a", "b"], ["c"]]}, DataError, r"'x' has values that are no numbers, such as 'a'\. Turn them into"),
        ({"x": [[1, None]]}, DataError, r"such as None\."),
        ({"x": [1, 2]}, DataError, r"'x' has a row that is no list of values: 1\."),
        ({"x": [[1], None]}, DataError, r"no list of values: None\."),
        ({"x": [[[1], [2]], [[3, 4]]]}, DataError, r"'x' has values of different shapes"),
    ],
)
def test_what_cannot_be_padded_is_told(batch, error, message):
    with pytest.raises(error, match=message):
        PadCollate({"x": 0})(batch)


def test_columns_of_different_lengths_are_told():
    with pytest.raises(DataError, match=r"^pad: row 1 of the batch has 3 values in 'b', but 2 in 'a'\. Pad columns"):
        PadCollate({"a": 0, "b": 0})({"a": [[1], [1, 2]], "b": [[1], [1, 2, 3]]})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pad": {}}, r"^pad: is \{\}, but must read"),
        ({"pad": ["x"]}, r"^pad: is \['x'\]"),
        ({"pad": {"x": 0}, "max_length": 0}, r"^max_length: is 0"),
        ({"pad": {"x": 0}, "multiple_of": 2.0}, r"^multiple_of: is 2\.0"),
        ({"pad": {"x": 0}, "mask": "x"}, r"^mask: names a key twice: x, x"),
    ],
)
def test_wrong_arguments_are_told(arguments, message):
    with pytest.raises(ConfigError, match=message):
        PadCollate(**arguments)


def test_a_fraction_does_not_fill_whole_numbers():
    with pytest.raises(ConfigError, match=r"^pad\.x: is 0\.5, but 'x' holds whole numbers"):
        PadCollate({"x": 0.5})({"x": [[1], [2, 3]]})


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_it_survives_copies_and_other_processes(travel):
    assert travel(PadCollate({"x": 7}))({"x": [[1], []]})["x"].tolist() == [[1], [7]]
