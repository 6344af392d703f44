"""What is wrong with a source is told in one message that names the file, and never by a bare traceback."""

from __future__ import annotations

from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf
from PIL import Image

from ml_core.data.opening import open_source
from ml_core.errors import ConfigError, DataError, UserError
from ml_core.utils.instantiators import Builder

CLASSES = {
    "_target_": "datasets.Features",
    "a": {"_target_": "datasets.Value", "dtype": "float32"},
    "y": {"_target_": "datasets.ClassLabel", "names": ["yes", "no"]},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, with a cache of its own and no network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets.disable_progress_bars()
    return tmp_path


def opened(target: str = "datasets.load_dataset", **arguments) -> dict:
    """Open what a node of YAML names, as the data module does."""
    cfg = OmegaConf.create({"data": {"hf_dict_dataset": {"_target_": target, **arguments}}})
    builder = Builder(cfg)
    return open_source(lambda: builder._child(cfg.data, "hf_dict_dataset", "data.hf_dict_dataset"))


def written(**files: str) -> list[str]:
    """Write files, `a_csv` as a.csv, and return their names."""
    names = [name.replace("_", ".") for name in files]
    for name, text in zip(names, files.values(), strict=True):
        Path(name).write_text(text)
    return names


def told(error: type[UserError], words: str, **arguments) -> None:
    with pytest.raises(error) as caught:
        opened(**arguments)
    assert words in str(caught.value)
    assert not isinstance(caught.value, ConfigError) or caught.value.exit_code == 64
    assert not isinstance(caught.value, DataError) or caught.value.exit_code == 65


@pytest.mark.parametrize(
    ("kind", "files", "words"),
    [
        ("csv", {"a_csv": "a,b\n1,2\n3,4,5\n"}, "a.csv: line 3 has 3 fields, those before it have 2."),
        ("csv", {"a_csv": ""}, "a.csv: is empty."),
        ("csv", {"a_csv": "a,b\n"}, "data.hf_dict_dataset: the split 'train' has no row: its files are empty."),
        ("csv", {"a_csv": "a\n1\n", "b_csv": "a\nx\n"}, "the column 'a' changes from int64 to large_string among"),
        ("csv", {"a_csv": "a,b\n1,2\n", "b_csv": "a\n1\n"}, "the column 'b' goes missing among the files a.csv, b.csv"),
        ("json", {"a_jsonl": '{"a":1}\n\n{"a":2,}\n'}, "a.jsonl: line 3 is no JSON, "),
        ("json", {"a_jsonl": '{"a":1}\n{"a":2\n{"a":3}\n'}, "a.jsonl: line 2 is no JSON, Expecting ',' delimiter at"),
        ("json", {"a_jsonl": ""}, "a.jsonl: is empty."),
        (
            "json",
            {"a_jsonl": '{"a":1}\n', "b_jsonl": '{"a":"x"}\n'},
            "b.jsonl: the column 'a' holds 'x', but the files before hold int64.",
        ),
        ("parquet", {"a_parquet": "hello"}, "a.parquet: is cut off or broken: ArrowInvalid"),
    ],
)
def test_a_file_at_fault_is_named(kind: str, files: dict[str, str], words: str):
    told(DataError, words, path=kind, data_files=written(**files))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "a,y\n1,yes\n2,nno\n",
            "a.csv: holds the label 'nno', which is no class. Did you mean 'no'? Classes: yes, no.",
        ),
        ("a,y\n1,0\n2,7\n", "a.csv: holds the label '7', which is no class."),
        ("a,y\nabc,no\n", "a.csv: holds 'abc' where `features` says that there is a number."),
        ("a,y,z\n1,no,1\n", "a.csv: has columns beside z."),
        ("a\n1\n", "the train split has no label at all in y. Look at how the files spell the column."),
    ],
)
def test_a_file_that_does_not_fit_the_features_is_told(text: str, words: str):
    told(DataError, words, path="csv", data_files=written(a_csv=text), features=CLASSES)


def test_columns_that_change_between_shards_of_parquet_are_told():
    pq.write_table(pa.table({"a": [1, 2]}), "a.parquet")
    pq.write_table(pa.table({"a": ["x"]}), "b.parquet")
    pq.write_table(pa.table({"b": [1]}), "c.parquet")
    told(
        DataError, "b.parquet: the column 'a' holds 'x', but the files before hold int64.",
        path="parquet", data_files=["a.parquet", "b.parquet"],
    )  # fmt: skip
    told(
        DataError, "c.parquet: lacks the columns a and has columns beside b.",
        path="parquet", data_files=["a.parquet", "c.parquet"],
    )  # fmt: skip


def test_a_pattern_that_fits_no_parquet_file_is_told(folder: Path):
    told(ConfigError, "no file fits", path="parquet", data_files=str(folder / "*.parq"))


def test_what_is_not_there_is_told_with_the_nearest_name_and_the_working_folder(folder: Path):
    written(flowers_csv="a\n1\n")
    (folder / "empty").mkdir()
    told(ConfigError, "flower.csv'. Did you mean 'flowers.csv'?", path="csv", data_files="flower.csv")
    told(ConfigError, f"start at the working folder, {folder}.", path="csv", data_files="flower.csv")
    told(ConfigError, f"There is no folder '{folder / 'no'}' either.", path="csv", data_files="no/flower.csv")
    told(DataError, "no file, or none with a row, is found for *.tsv.", path="csv", data_files="*.tsv")
    told(ConfigError, "there is nothing at", path="imagefolder", data_dir="empti")
    told(DataError, "empty: has no file that is read here.", path="imagefolder", data_dir="empty")
    told(ConfigError, "there is nothing at 'emty'", target="datasets.load_from_disk", dataset_path="emty")
    told(DataError, "empty: was not written by save_to_disk.", target="datasets.load_from_disk", dataset_path="empty")


def test_a_hub_that_cannot_be_reached_is_told_with_what_was_asked():
    told(
        DataError, "data.hf_dict_dataset.path: 'ylecun/mnist' is neither a folder here nor downloaded yet, and "
        "HF_HUB_OFFLINE is set.", path="ylecun/mnist",
    )  # fmt: skip
    told(DataError, "HF_HUB_OFFLINE is set. Did you mean 'csv'?", path="cvs", data_files=written(a_csv="a\n1\n"))


def test_a_script_is_refused_and_not_run(folder: Path):
    (folder / "scripted").mkdir()
    (folder / "scripted" / "scripted.py").write_text(f"open({str(folder / 'marker')!r}, 'w')")
    told(DataError, "scripted/scripted.py: is a script, and a data set that brings code is not run.", path="scripted")
    assert not (folder / "marker").exists()


def test_metadata_that_name_files_outside_of_the_folder_are_refused(folder: Path):
    inside = folder / "images" / "train"
    inside.mkdir(parents=True)
    for path in (inside / "a.png", folder / "secret.png"):
        Image.fromarray(np.zeros((2, 2), np.uint8)).save(path)
    (inside / "metadata.csv").write_text("file_name,label\na.png,0\n../../secret.png,1\n")
    told(
        DataError, "images: its metadata names the file '../../secret.png', which lies outside of the folder",
        path="imagefolder", data_dir="images",
    )  # fmt: skip


def test_a_prepared_file_that_was_cut_off_is_named_with_what_to_delete():
    files = written(a_csv="a\n1\n")
    (prepared,) = opened(path="csv", data_files=files)["train"].cache_files
    path = Path(prepared["filename"])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    told(DataError, f"Delete the folder {path.parent}: it is prepared anew.", path="csv", data_files=files)


def test_the_message_is_all_that_is_said(capsys: pytest.CaptureFixture):
    with pytest.raises(DataError):
        opened(path="csv", data_files=written(a_csv="a,b\n1,2\n3,4,5\n"))
    assert capsys.readouterr().err == ""


def test_an_error_of_another_kind_stays_as_it_is():
    with pytest.raises(ConfigError, match=r"datasets\.Dataset\.from_dict could not be built"):
        opened(target="datasets.Dataset.from_dict", mapping={"a": [1], "b": [1, 2]})


def test_every_file_that_is_right_is_opened():
    rows = opened(path="csv", data_files=written(a_csv="a,y\n1,yes\n,no\n"), features=CLASSES)["train"]
    assert rows[:] == {"a": [1.0, None], "y": [0, 1]}
