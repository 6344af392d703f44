"""Rows that cannot be read."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from datasets import Dataset, Image
from PIL import Image as Pillow

from ml_core.data.batches import LOOK_EVERY, BatchedDataset
from ml_core.errors import DataError
from ml_core.transforms.base import RenameTransform

NAME = "data, split train"
FIX = "Correct the data, or leave such rows out: data.on_bad=skip."


def png() -> bytes:
    buffer = io.BytesIO()
    Pillow.effect_noise((64, 64), 50).save(buffer, "PNG")
    return buffer.getvalue()


def test_d1_a_truncated_image_is_named_with_split_row_and_file(tmp_path: Path):
    files = [tmp_path / f"{i}.png" for i in range(4)]
    for i, file in enumerate(files):
        file.write_bytes(png()[: 500 if i == 2 else None])
    data = Dataset.from_dict({"image": list(map(str, files))}).cast_column("image", Image())
    with pytest.raises(DataError) as caught:
        BatchedDataset(data, name=NAME).__getitems__([3, 2, 0])

    assert caught.value.where == NAME
    assert caught.value.what.startswith(f"row 2 cannot be read ({files[2]}): OSError: image file is truncated")
    assert caught.value.fix == FIX
    assert caught.value.exit_code == 65


def test_bytes_that_are_no_image_have_no_file_to_name():
    images = [{"bytes": png(), "path": None}, {"bytes": b"no image", "path": None}]
    data = Dataset.from_dict({"image": images}).cast_column("image", Image())
    with pytest.raises(DataError, match=r"^data, split train: row 1 cannot be read: UnidentifiedImageError: cannot"):
        BatchedDataset(data, name=NAME).__getitems__([0, 1])


def test_a_data_set_of_ones_own_that_fails_is_told_alike():
    class Source:
        def __len__(self):
            return 3

        def __getitem__(self, index):
            if index != 1:
                raise FileNotFoundError(f"no file {index}.txt")
            return {"x": 1}

    with pytest.raises(DataError) as caught:
        BatchedDataset(Source(), name=NAME).__getitems__([0, 1, 2])
    assert str(caught.value) == f"{NAME}: rows 0, 2 cannot be read: FileNotFoundError: no file 0.txt. {FIX}"


def test_a_failure_that_does_not_come_again_names_the_rows_of_the_batch():
    class Flaky(list):
        fails = True

        def __getitem__(self, index):
            if self.fails:
                self.fails = False
                raise RuntimeError("connection lost")
            return super().__getitem__(index)

    with pytest.raises(DataError, match=r"one of the rows 0, 1 cannot be read: connection lost\."):
        BatchedDataset(Flaky([{"x": 1}, {"x": 2}]), name=NAME).__getitems__([0, 1])


def numbers(bad, value=float("nan"), size=4):
    return [{"x": [1.0, value if row in bad else 2.0], "y": row} for row in range(size)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_d3_a_number_that_is_not_finite_is_named_with_column_and_row(value):
    with pytest.raises(DataError) as caught:
        BatchedDataset(numbers({2, 3}, value), name=NAME).__getitems__([0, 3, 2])
    assert str(caught.value).startswith(f"{NAME}: the data holds nan or inf: 'x' in row 3, 2. Correct the data, ")
    assert caught.value.rows == [2, 3]
    assert caught.value.exit_code == 65


def test_d3_the_first_batch_and_some_later_ones_are_searched():
    data = BatchedDataset(numbers({3}), name=NAME)
    data.__getitems__([0, 1, 2])
    for _ in range(LOOK_EVERY - 1):
        data.__getitems__([3])
    with pytest.raises(DataError, match="'x' in row 3"):
        data.__getitems__([3])


def test_infinite_numbers_that_a_step_makes_of_finite_ones_are_none_of_the_data():
    steps = [("data.transform", lambda batch: {"mask": torch.full((2,), -torch.inf)})]
    assert list(BatchedDataset(numbers({3}), steps, name=NAME).__getitems__([0, 1])) == ["x", "y", "mask"]


def test_a_column_may_be_filled_in_its_place():
    steps = [("data.transform", lambda batch: {"x": batch["x"].nan_to_num()})]
    batch = BatchedDataset(numbers({3}), steps, name=NAME).__getitems__([0, 3])
    assert batch["x"].tolist() == [[1.0, 2.0], [1.0, 0.0]]


def test_what_a_step_reads_and_passes_on_is_told_by_the_key_that_it_makes():
    steps = [("data.transform", RenameTransform({"x": "features"}))]
    with pytest.raises(DataError, match="holds nan or inf: 'features' in row 3"):
        BatchedDataset(numbers({3}), steps, name=NAME).__getitems__([0, 3])


def test_a_filled_column_stays_as_it_is_where_a_step_has_read_it():
    class Impute:
        reads = ("x",)

        def __call__(self, batch):
            return {"features": batch["x"].nan_to_num()}

    batch = BatchedDataset(numbers({3}), [("data.transform", Impute())], name=NAME).__getitems__([0, 3])
    assert batch["features"].tolist() == [[1.0, 2.0], [1.0, 0.0]]


def test_a_column_that_no_step_reads_must_be_finite():
    class Other:
        reads = ("y",)

        def __call__(self, batch):
            return {"z": batch["y"]}

    with pytest.raises(DataError, match="'x' in row 3"):
        BatchedDataset(numbers({3}), [("data.transform", Other())], name=NAME).__getitems__([0, 3])
