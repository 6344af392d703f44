"""What a traceback tells of the functions that failed."""

from __future__ import annotations

import pytest

from ml_core.data.source_traces import Found, in_words


def load_dataset(path: str, data_files: list[str]) -> None:
    """Fail as the library does: in a reader, with an error of its own around it."""
    for file in data_files:
        try:
            read(file)
        except ValueError as error:
            raise RuntimeError("could not be generated") from error


def read(file: str) -> None:
    raise ValueError(len(file))


@pytest.fixture
def found() -> Found:
    with pytest.raises(RuntimeError) as caught:
        load_dataset("csv", ["a.csv", "b.csv"])
    return Found(caught.value, "data.hf_dict_dataset")


def test_the_innermost_error_comes_first(found: Found):
    assert [type(cause) for cause in found.causes] == [ValueError, RuntimeError]


def test_the_file_is_the_one_that_was_being_read(found: Found):
    assert found.file == found.place == "a.csv"


def test_what_was_asked_for_is_known(found: Found):
    assert found.asked("data_dir", "data_files") == "a.csv, b.csv"
    assert found.asked("path") == "csv"
    assert found.asked("split") is None


def test_a_variable_is_found_by_its_type(found: Found):
    assert found.first("data_files", "list") == ["a.csv", "b.csv"]
    assert found.first("data_files", "dict") is None


def test_without_a_file_the_place_is_the_path_in_the_configuration():
    assert Found(ValueError(), "data.hf_dict_dataset").place == "data.hf_dict_dataset"


def test_nested_paths_are_put_in_a_row():
    assert in_words({"train": ["a", "b"], "test": "c"}) == "a, b, c"
