"""What Parquet files hold together, and what is wrong with them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data.streaming.shards import write

from ml_core.data.streaming.parquet_shards import ParquetShards, found_files
from ml_core.errors import ConfigError, DataError


def test_any_stretch_of_rows_can_be_read_in_any_order_of_the_row_groups(tmp_path):
    write(tmp_path, [20, 9, 16])
    shards = ParquetShards(str(tmp_path))
    every = [list(range(0, 8)), list(range(8, 16)), list(range(16, 20)), list(range(20, 28)), [28]]
    every += [list(range(29, 37)), list(range(37, 45))]
    order = np.array([3, 0, 6, 2, 1, 4, 5])
    rows = [row for group in order for row in every[group]]

    assert len(shards) == 45
    for start in range(0, 45, 4):
        for stop in range(start, 46, 5):
            for size in (3, 100):
                tables = shards.tables(order, start, stop, size)
                assert [x for table in tables for x in table["x"].to_pylist()] == rows[start:stop]


def test_a_row_is_called_by_its_file_and_its_number_there(tmp_path):
    write(tmp_path, [20, 9])
    shards = ParquetShards(str(tmp_path))
    order = np.array([4, 2, 0, 1, 3])  # row 8 of the second file first, then rows 16 to 19 of the first one

    names = shards.places(order, [0, 1, 4, 5])

    files = [f"{tmp_path}/1.parquet", f"{tmp_path}/0.parquet"]
    assert names == [f"{files[0]} row 8", f"{files[1]} row 16", f"{files[1]} row 19", f"{files[1]} row 0"]


def test_files_are_given_as_a_folder_a_pattern_a_name_or_a_list(tmp_path, monkeypatch):
    write(tmp_path / "a", [1, 1])
    write(tmp_path / "a" / "deep", [1])
    monkeypatch.chdir(tmp_path)

    assert found_files("a") == ["a/0.parquet", "a/1.parquet", "a/deep/0.parquet"]
    assert found_files("a/[01].parquet") == ["a/0.parquet", "a/1.parquet"]
    assert found_files("a/**/0.parquet") == ["a/0.parquet", "a/deep/0.parquet"]
    assert found_files(["a/1.parquet", "a/*.parquet"]) == ["a/1.parquet", "a/0.parquet"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ("shard", "files: shard matches no file. Did you mean 'shards'? {0} holds: empty, shards."),
        ("shards/2.parquet", "files: shards/2.parquet matches no file. Did you mean '1.parquet'? "
                             "{0}/shards holds: 0.parquet, 1.parquet."),
        ("shards/*.arrow", "files: shards/*.arrow matches no file. {0}/shards holds: 0.parquet, 1.parquet."),
        ("empty", "files: the folder empty holds no *.parquet. It holds: none."),
        ([], "files: is empty. Give a folder, a glob or a list of files."),
    ],
)  # fmt: skip
def test_files_that_are_not_there_are_told(files, message, tmp_path, monkeypatch):
    write(tmp_path / "shards", [1, 1])
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError) as error:
        ParquetShards(files)

    assert str(error.value) == message.format(tmp_path)


def test_all_files_without_a_footer_are_named_at_once(tmp_path):
    write(tmp_path, [20, 20, 20, 20])
    whole = (tmp_path / "1.parquet").read_bytes()
    (tmp_path / "1.parquet").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "3.parquet").write_bytes(b"")

    with pytest.raises(DataError) as error:
        ParquetShards(str(tmp_path))

    assert str(error.value).startswith(
        f"files: 2 of 4 Parquet files cannot be read: {tmp_path}/1.parquet (ArrowInvalid: Parquet magic bytes not found"
    )
    assert f"{tmp_path}/3.parquet (ArrowInvalid: Parquet file size is 0 bytes.)" in str(error.value)
    assert str(error.value).endswith("Fetch or write them again, or leave them out.")


def test_a_file_that_is_damaged_in_the_middle_is_named_when_it_is_read(tmp_path):
    write(tmp_path, [2000], group_size=1000)
    whole = bytearray((tmp_path / "0.parquet").read_bytes())
    start = pq.read_metadata(tmp_path / "0.parquet").row_group(1).column(0).dictionary_page_offset
    whole[start : start + 400] = b"\xff" * 400
    (tmp_path / "0.parquet").write_bytes(whole)
    shards = ParquetShards(str(tmp_path))

    read = shards.tables(np.arange(2), 0, 2000)
    assert len(next(read)) == 1000
    with pytest.raises(DataError) as error:
        list(read)

    assert str(error.value).startswith(f"{tmp_path}/0.parquet: row group 1 cannot be read: ")


def test_a_column_whose_type_changes_is_told_with_its_files(tmp_path):
    for name, values in (("a", [1]), ("b", [2]), ("c", ["3"]), ("d", [4.0])):
        pq.write_table(pa.table({"x": values}), tmp_path / f"{name}.parquet")

    with pytest.raises(DataError) as error:
        ParquetShards(str(tmp_path))

    assert str(error.value) == (
        f"files: the Parquet files differ: 'x' is int64 in {tmp_path}/a.parquet, {tmp_path}/b.parquet, "
        f"but string in {tmp_path}/c.parquet, but double in {tmp_path}/d.parquet. "
        "Write them alike, or choose others in columns."
    )


def test_a_column_that_some_files_lack_is_told(tmp_path):
    pq.write_table(pa.table({"x": [1], "y": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "b.parquet")

    with pytest.raises(DataError) as error:
        ParquetShards(str(tmp_path))

    assert str(error.value) == (
        f"files: the Parquet files differ: 'y' is in {tmp_path}/a.parquet, but not in {tmp_path}/b.parquet. "
        "Write them alike, or choose others in columns."
    )
    assert ParquetShards(str(tmp_path), columns=["x"]).schema.names == ["x"]


def test_a_column_that_no_file_has_is_told_with_the_nearest_name(tmp_path):
    write(tmp_path, [1])

    with pytest.raises(ConfigError) as error:
        ParquetShards(str(tmp_path), columns=["x", "nmae"])

    assert str(error.value) == (
        f"columns: there is no column 'nmae'. Did you mean 'name'? Columns of {tmp_path}/0.parquet: x, name, pair."
    )


def test_numbers_of_another_width_are_read_as_those_of_the_first_file(tmp_path):
    for name, width in (("a", pa.int64()), ("b", pa.int32())):
        pq.write_table(pa.table({"x": pa.array([7], width)}), tmp_path / f"{name}.parquet")
    shards = ParquetShards(str(tmp_path))

    tables = list(shards.tables(np.arange(2), 0, 2))

    assert pa.concat_tables(tables)["x"].to_pylist() == [7, 7]
