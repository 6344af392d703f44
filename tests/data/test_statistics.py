"""What is said about a data set, against numbers that are counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, List, Value
from PIL import Image

from ml_core.data import statistics
from ml_core.data.columns import TensorColumns
from ml_core.data.statistics import spread, summarized


def rows() -> Dataset:
    features = Features(
        {
            "size": Value("float32"),
            "label": ClassLabel(names=["no", "yes", "never"]),
            "kind": Value("string"),
            "words": List(Value("int64")),
        }
    )
    columns = {"size": [1.0, 2.0, None, 6.0], "label": [1, 0, 1, 1], "kind": ["a", "bb", "a", "a"]}
    return Dataset.from_dict({**columns, "words": [[1], [1, 2], [], [1, 2, 3, 4, 5]]}, features=features)


def test_numbers_have_values_and_missing_cells_are_counted():
    size = summarized(rows()).columns["size"]
    assert (size.values, size.missing) == ((1.0, 3.0, 6.0), 1)


def test_classes_are_counted_by_name_also_those_that_never_come():
    columns = summarized(rows()).columns
    assert columns["label"].classes == {"no": 1, "yes": 3, "never": 0}
    assert columns["kind"].classes == {"a": 3, "bb": 1}


def test_a_number_without_a_class_is_told_as_such():
    column = TensorColumns({"label": torch.tensor([0, 1, 1])})
    column.class_names = {"label": ["only"]}
    assert summarized(column).columns["label"].classes == {"only": 1, "1 (no class)": 2}


def test_texts_and_lists_have_lengths():
    columns = summarized(rows()).columns
    assert columns["kind"].lengths == (1.0, 1.25, 2.0)
    assert columns["words"].lengths == (0.0, 2.0, 5.0)


def test_tokens_are_counted_and_so_are_their_tags():
    tags = Features({"tag": List(ClassLabel(names=["noun", "verb"])), "word": List(Value("string"))})
    cells = {"tag": [[0, 1], [0], [0, 1, 0]], "word": [["a", "b"], ["a"], ["c", "a", "a"]]}
    columns = summarized(Dataset.from_dict(cells, features=tags)).columns
    assert columns["tag"].kind == columns["word"].kind == "list, 6 items"
    assert columns["tag"].classes == {"noun": 4, "verb": 2}
    assert columns["word"].classes == {"a": 4, "b": 1, "c": 1}


def test_tensors_tell_their_shape_and_identities_are_no_classes():
    columns = summarized(TensorColumns({"x": torch.arange(12.0).reshape(2, 3, 2), "id": torch.arange(2)})).columns
    assert (columns["x"].kind, columns["x"].values) == ("float32 [3, 2]", (0.0, 5.5, 11.0))
    assert columns["id"].classes == {}


def test_images_tell_their_modes_and_of_many_rows_some_are_looked_at(monkeypatch: pytest.MonkeyPatch):
    images = [Image.fromarray(np.zeros((4, 4 + number), np.uint8)) for number in range(6)]
    monkeypatch.setattr(statistics, "MOST_IMAGES", 3)
    summary = summarized(Dataset.from_dict({"image": images}))
    assert (summary.size, summary.seen) == (6, 3)
    assert summary.columns["image"].kind == "image L"
    assert summary.columns["image"].lengths == (4.0, 6.0, 8.0)


def test_rows_are_taken_from_all_over_a_split():
    assert spread(10, 4) == [0, 2, 5, 7]
    assert spread(3, 4) == [0, 1, 2]


def test_an_empty_split_has_nothing_to_say():
    assert summarized(rows().select([])).columns == {}
