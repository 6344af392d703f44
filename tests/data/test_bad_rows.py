"""Rows that cannot be read."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from datasets import Dataset, Image
from PIL import Image as Pillow

from ml_core.data.batches import BatchedDataset
from ml_core.errors import DataError

NAME = "data, split train"
FIX = "Correct the data, or leave these rows out."


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
