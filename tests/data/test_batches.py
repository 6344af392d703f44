"""How rows become a batch."""

from decimal import Decimal

import numpy as np
import pytest
import torch
from datasets import Dataset
from PIL import Image

from ml_core.data.batches import BatchedDataset, stack_column
from ml_core.errors import BatchKeyError, DataError
from ml_core.step_errors import StepError
from ml_core.transforms.base import RenameTransform


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([1, 2], torch.tensor([1, 2])),
        ([1.5, 2], torch.tensor([1.5, 2.0])),
        ([True, False], torch.tensor([True, False])),
        ([[1, 2], [3, 4]], torch.tensor([[1, 2], [3, 4]])),
        ([[[0.5]], [[1.5]]], torch.tensor([[[0.5]], [[1.5]]])),
        ([np.zeros((2, 2), dtype=np.uint8)] * 3, torch.zeros(3, 2, 2, dtype=torch.uint8)),
        ([np.float64(0.5), np.float64(1)], torch.tensor([0.5, 1.0], dtype=torch.float64)),
        ([torch.zeros(2), torch.ones(2)], torch.tensor([[0.0, 0.0], [1.0, 1.0]])),
        (torch.arange(3), torch.arange(3)),
    ],
)
def test_numbers_arrays_and_tensors_become_one_tensor(column, expected):
    torch.testing.assert_close(stack_column(column), expected)  # also compares types


@pytest.mark.parametrize(
    "column",
    [
        ["a", "b"],
        [[1], [1, 2]],
        [[], []],
        [None, 1],
        [np.zeros(1), np.zeros(2)],
        [torch.zeros(1), torch.zeros(2)],
        [Image.new("L", (1, 1))],
        [{"x": 1}],
        [2**64, 1],
        [],
    ],
)
def test_what_cannot_be_stacked_stays_a_list(column):
    result = stack_column(column)

    assert type(result) is list
    assert all(cell is original for cell, original in zip(result, column, strict=True))


@pytest.mark.parametrize(
    "column",
    [[1, None], [np.zeros(2), None], [np.array(["a"]), np.array(["b"])], [Decimal("0.5"), Decimal("1.5")]],
    ids=["numbers and none", "arrays and none", "arrays of strings", "decimals"],
)
def test_odd_cells_stay_a_list_too(column):
    assert stack_column(column) is column


def test_a_hugging_face_data_set_gives_columns():
    source = Dataset.from_dict({"x": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "label": [0, 1, 2], "name": ["a", "b", "c"]})

    batch = BatchedDataset(source).__getitems__([2, 0])

    assert list(batch) == ["x", "label", "name"]
    torch.testing.assert_close(batch["x"], torch.tensor([[5.0, 6.0], [1.0, 2.0]]))
    torch.testing.assert_close(batch["label"], torch.tensor([2, 0]))
    assert batch["name"] == ["c", "a"]


def test_a_plain_data_set_gives_the_same_batch():
    rows = [{"x": [float(i), i + 0.5], "label": i, "name": str(i)} for i in range(4)]

    from_list = BatchedDataset(rows).__getitems__([3, 1])
    from_hugging_face = BatchedDataset(Dataset.from_list(rows)).__getitems__([3, 1])

    torch.testing.assert_close(from_list["x"], from_hugging_face["x"])
    torch.testing.assert_close(from_list["label"], from_hugging_face["label"])
    assert from_list["name"] == from_hugging_face["name"] == ["3", "1"]


def test_one_row_is_a_batch_of_one():
    torch.testing.assert_close(BatchedDataset([{"x": 1}, {"x": 2}])[1], {"x": torch.tensor([2])})


def test_steps_are_called_once_a_batch_and_see_what_the_earlier_made():
    calls = []

    def shift(batch):
        calls.append(len(batch["y"]))
        return {"y": batch["y"] + 1}

    steps = [("rename", RenameTransform({"x": "y"})), ("shift", shift)]
    batch = BatchedDataset([{"x": 1}, {"x": 2}, {"x": 3}], steps).__getitems__([0, 1, 2])

    assert calls == [3]
    torch.testing.assert_close(batch, {"x": torch.tensor([1, 2, 3]), "y": torch.tensor([2, 3, 4])})


@pytest.mark.parametrize("source", [[{"x": 1}, {"x": 2}], Dataset.from_dict({"x": [1, 2]})], ids=["list", "datasets"])
def test_collate_gets_samples_and_makes_the_batch(source):
    def collate(samples):
        assert samples == [{"x": 2}, {"x": 1}]
        return {"total": sum(sample["x"] for sample in samples)}

    assert BatchedDataset(source, collate=collate).__getitems__([1, 0]) == {"total": 3}


def test_collate_must_return_a_dict():
    with pytest.raises(TypeError, match=r"^data\.collate_fn: a batch must be a dict of named values, got list\."):
        BatchedDataset([{"x": 1}], collate=list).__getitems__([0])


def test_tuples_are_no_samples():
    with pytest.raises(TypeError, match=r"^data, split train: a batch must be a dict of named values, got tuple\."):
        BatchedDataset([(1, 2)], name="data, split train").__getitems__([0])


def test_a_sample_that_lacks_a_key_is_told():
    with pytest.raises(DataError) as error:
        BatchedDataset([{"x": 1, "y": 1}, {"x": 1}], name="data, split train").__getitems__([0, 1])

    assert str(error.value).startswith("data, split train: row 1 lacks the key 'y' that others have. ")
    assert error.value.rows == [1]


def test_a_sample_that_lacks_a_key_may_be_the_first_one():
    with pytest.raises(DataError, match=r"row 0 lacks the key 'y' that others have\."):
        BatchedDataset([{"x": 1}, {"x": 1, "y": 1}]).__getitems__([0, 1])


def test_an_error_in_a_step_has_the_path_of_the_step():
    with pytest.raises(BatchKeyError) as error:
        BatchedDataset([{"x": 1}], [("data.transform", RenameTransform({"y": "z"}))]).__getitems__([0])

    assert str(error.value) == "data.transform.mapping: no key 'y' in the batch. Keys: x."


def test_a_step_that_fails_on_every_row_names_the_batch():
    def broken(batch):
        raise ValueError("no")

    with pytest.raises(StepError) as error:
        BatchedDataset([{"x": 1}, {"x": 2}], [("data.augment", broken)], name="data, split train").__getitems__([1, 0])

    assert error.value.where == "data.augment"
    assert error.value.what.endswith(": no. Rows of this batch (data, split train): 1, 0.")
    assert error.value.fix == "Keys at this point: x (int64 [2])."


def test_a_column_that_is_no_longer_one_value_a_row_leaves_the_rows_untold():
    def broken(batch):
        raise ValueError("no")

    steps = [("data.transform", lambda batch: {"one": [1]}), ("data.augment", broken)]
    with pytest.raises(StepError, match=r": no\. Keys at this point: x \(int64 \[2\]\), one \(list of 1 x int\)\.$"):
        BatchedDataset([{"x": 1}, {"x": 2}], steps).__getitems__([0, 1])


def test_a_collate_function_that_fails_is_named():
    def collate(samples):
        return {"x": samples[0]["y"]}

    with pytest.raises(StepError) as error:
        BatchedDataset([{"x": 1}], collate=collate).__getitems__([0])

    assert error.value.where == "data.collate_fn"
    assert error.value.what.endswith("KeyError: 'y'.")
    assert error.value.fix == "Keys at this point: samples (list of 1 x dict)."
