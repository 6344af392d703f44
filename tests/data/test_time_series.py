"""Windows over time series: what they hold, and that none reaches into a later part."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from ml_core.data.batches import BatchedDataset
from ml_core.data.time_series import windows
from ml_core.errors import ConfigError, DataError

LENGTHS = {"a": 50, "b": 80}


def long_table() -> pa.Table:
    """Two series whose value is their time, that of b plus 1000, in mixed order."""
    rows = [(name, time, time + 1000.0 * (name == "b")) for name, length in LENGTHS.items() for time in range(length)]
    order = np.random.default_rng(0).permutation(len(rows))
    return pa.table(dict(zip(("name", "time", "value"), zip(*(rows[i] for i in order), strict=True), strict=True)))


@pytest.fixture
def file(tmp_path: Path) -> str:
    pq.write_table(long_table(), tmp_path / "long.parquet")
    return str(tmp_path / "long.parquet")


def of_both(file: str, **options) -> dict:
    return windows(file, ["value"], series="name", time="time", **{"context": 4, "horizon": 2, **options})


def test_a_window_is_what_numpy_cuts_out_of_the_sorted_series(file: str):
    train = of_both(file, val_ratio=0.2, test_ratio=0.2)["train"]
    expected = np.concatenate(
        [
            np.lib.stride_tricks.sliding_window_view(np.arange(round(length * 0.6)) + shift, 6)
            for length, shift in zip(LENGTHS.values(), (0.0, 1000.0), strict=True)
        ]
    )
    batch = BatchedDataset(train).__getitems__(list(range(len(train))))
    got = torch.cat([batch["past"], batch["future"]], dim=1).squeeze(-1)
    assert np.array_equal(got, expected)
    assert batch["series"].tolist() == [0] * 25 + [1] * 43


def test_windows_of_train_end_before_validation_begins_and_those_before_test(file: str):
    splits = of_both(file, val_ratio=0.3, test_ratio=0.3)
    for number in (0, 1):
        seen = []
        for name in ("train", "validation", "test"):
            rows = splits[name][:]
            mine = rows["series"] == number
            values = torch.cat([rows["past"], rows["future"]], dim=1)[mine]
            seen.append((values.min().item(), values.max().item()))
        assert seen[0][1] < seen[1][0]
        assert seen[1][1] < seen[2][0]


def test_all_splits_look_at_one_copy_of_the_measurements(file: str):
    splits = of_both(file, val_ratio=0.3, test_ratio=0.3)
    assert len({part.values.data_ptr() for part in splits.values()}) == 1
    assert splits["train"].values.shape == (130, 1)


def test_a_stride_leaves_windows_out(file: str):
    every, some = (of_both(file, stride=stride, val_ratio=0, test_ratio=0)["train"] for stride in (1, 3))
    assert some.select(range(5)).starts.tolist() == every.starts[:15:3].tolist()


def test_a_csv_file_of_one_series_keeps_its_order(tmp_path: Path):
    (tmp_path / "one.csv").write_text("x,y\n" + "".join(f"{9 - i},{i}\n" for i in range(10)))
    rows = windows(str(tmp_path / "one.csv"), ["x", "y"], 3, 1, val_ratio=0, test_ratio=0)
    assert list(rows) == ["train"]
    assert rows["train"][0]["past"].tolist() == [[9, 0], [8, 1], [7, 2]]
    assert rows["train"][0]["future"].tolist() == [[6, 3]]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"series": "nam"}, ConfigError, "series: there is no column 'nam'. Did you mean 'name'?"),
        ({"values": ["valu"]}, ConfigError, "values: there is no column 'valu'. Did you mean 'value'?"),
        ({"values": ["name"]}, DataError, "the column 'name' holds string, not numbers"),
        ({"context": 0}, ConfigError, "context: is 0, but must be a whole number from 1"),
        (
            {"context": 40},
            DataError,
            "a window takes 42 steps (context 40, horizon 2), but the train part of series 0 ",
        ),
        ({"val_ratio": 0.6, "test_ratio": 0.5}, ConfigError, "must leave a part over"),
    ],
)
def test_what_does_not_fit_is_told(file: str, options: dict, error: type[Exception], words: str):
    given = {"values": ["value"], "context": 4, "horizon": 2, "series": "name", "time": "time"} | options
    with pytest.raises(error, match=re.escape(words)):
        windows(file, **given)


def test_missing_measurements_and_missing_files_are_told(tmp_path: Path):
    (tmp_path / "gap.csv").write_text("x\n1\n\n2\n".replace("\n\n", "\nNaN\n"))
    with pytest.raises(DataError, match="the column 'x' has 1 missing values"):
        windows(str(tmp_path / "gap.csv"), ["x"], 1, 1)
    with pytest.raises(ConfigError, match=r"there is no file .*gab\.csv'\. Did you mean 'gap\.csv'\?"):
        windows(str(tmp_path / "gab.csv"), ["x"], 1, 1)
    (tmp_path / "x.txt").write_text("")
    with pytest.raises(ConfigError, match=re.escape("'x.txt' is of no kind that is read here. Kinds: .csv, .parquet.")):
        windows(str(tmp_path / "x.txt"), ["x"], 1, 1)
