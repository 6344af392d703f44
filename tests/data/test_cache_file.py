"""A cache file is whole, or it is not there."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections import namedtuple

import pytest
import torch

from ml_core.data import cache_file
from ml_core.data.cache_file import MAGIC, Column, Damaged, Layout, make_folder, mapped, read_layout, written
from ml_core.errors import StorageError

LAYOUT = Layout(
    "key", 5, (Column("image", "uint8", (2, 3), "L"), Column("label", "int64", ()), Column("w", "bool", (1,)))
)
COLUMNS = {
    "image": torch.arange(30, dtype=torch.uint8).view(5, 2, 3),
    "label": torch.arange(5) - 2,
    "w": torch.tensor([[True], [False], [True], [True], [False]]),
}


def names(folder):
    return [path.name for path in folder.iterdir()]


def part(start, stop):
    return {name: values[start:stop] for name, values in COLUMNS.items()}


@pytest.fixture
def path(tmp_path):
    with written(tmp_path / "train.cache", LAYOUT) as writer:
        writer.write(3, part(3, 5))
        writer.write(0, part(0, 3))
    return tmp_path / "train.cache"


def test_what_was_written_is_read_again(path):
    assert read_layout(path, "key") == LAYOUT

    torch.testing.assert_close(mapped(path, LAYOUT), COLUMNS, rtol=0, atol=0)  # also compares types
    assert names(path.parent) == ["train.cache"]


def test_columns_begin_on_pages(path):
    assert [offset % 4096 for offset in LAYOUT.offsets.values()] == [0, 0, 0]
    assert path.stat().st_size == LAYOUT.size == 4 * 4096


def test_writing_to_a_mapped_column_changes_no_file(path):
    before = path.read_bytes()

    mapped(path, LAYOUT)["label"].zero_()

    assert path.read_bytes() == before


def test_there_may_be_no_file(tmp_path):
    assert read_layout(tmp_path / "none.cache", "key") is None


def header(**changes):
    text = json.dumps({"key": "key", "rows": 5, "columns": [], **changes}).encode()
    return MAGIC + len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no cache file"),
        (b"PK\x03\x04 something else", "is no cache file"),
        (MAGIC + b"\xff" * 8 + b"{}", "has no readable header|has no readable header"),
        (MAGIC + (9).to_bytes(8, "little") + b"[1, 2, 3]", "has no readable header"),
        (header(columns=[{"name": "x", "dtype": "object", "shape": []}]), "holds columns of unknown types"),
        (header(columns=[{"name": "x", "dtype": "uint8", "shape": [-1]}]), "holds columns of unknown types"),
        (header(columns=[{"name": "x"}]), "has no readable header"),
        (header(key="other"), "was made from something else"),
        (header(), "has [0-9,]+ bytes, but should have 4,096"),
    ],
)
def test_anything_else_is_not_trusted(tmp_path, content, message):
    (tmp_path / "train.cache").write_bytes(content)

    with pytest.raises(Damaged, match=message):
        read_layout(tmp_path / "train.cache", "key")


def test_a_truncated_file_is_not_trusted(path):
    os.truncate(path, LAYOUT.size - 1)

    with pytest.raises(Damaged, match="has 16,383 bytes, but should have 16,384"):
        read_layout(path, "key")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_writer_leaves_nothing(tmp_path, error):
    def interrupted():
        with written(tmp_path / "train.cache", LAYOUT) as writer:
            writer.write(0, part(0, 3))
            raise error

    with pytest.raises(error):
        interrupted()
    assert names(tmp_path) == []


def test_what_a_killed_writer_left_is_written_over(tmp_path):
    (tmp_path / "train.partial").write_bytes(b"x" * 100_000)

    with written(tmp_path / "train.cache", LAYOUT) as writer:
        writer.write(0, COLUMNS)

    assert names(tmp_path) == ["train.cache"]
    assert read_layout(tmp_path / "train.cache", "key") == LAYOUT


def test_a_full_disk_is_told_before_the_work_with_what_is_needed_and_free(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")(100, 90, 10)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)

    with pytest.raises(StorageError) as error, written(tmp_path / "train.cache", LAYOUT):
        pytest.fail("there is no space to begin")

    assert error.value.exit_code == 74
    assert str(error.value) == (
        f"{tmp_path}: there is no space left on this disk. The cache needs 16,384 bytes, and 10 are free. "
        "Keep the cache elsewhere, data.cache=<folder>, or set data.cache=false."
    )
    assert names(tmp_path) == []


@pytest.mark.parametrize("call", ["posix_fallocate", "fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_up_later_leaves_nothing(tmp_path, monkeypatch, call, number):
    def full(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(cache_file.os, call, full)

    with pytest.raises(StorageError, match=r"The cache needs 16,384 bytes, and [\d,]+ are free\."):  # noqa: SIM117
        with written(tmp_path / "train.cache", LAYOUT) as writer:
            writer.write(0, COLUMNS)
    assert names(tmp_path) == []


def test_a_folder_below_a_file_is_told(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError) as error:
        make_folder(tmp_path / "file" / "cache")

    assert str(error.value) == (
        f"{tmp_path}/file/cache: lies below something that is a file. "
        "Keep the cache elsewhere, data.cache=<folder>, or set data.cache=false."
    )


def test_a_read_only_folder_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_file.os, "access", lambda path, mode: False)

    with pytest.raises(StorageError, match=r": may not be written to\. Keep the cache elsewhere, data\.cache=<folder>"):
        make_folder(tmp_path)
