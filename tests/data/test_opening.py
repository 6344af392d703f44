"""Opening a source: named splits, and columns without a value."""

from __future__ import annotations

import logging

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from ml_core.data.opening import open_source
from ml_core.errors import ConfigError, DataError

FEATURES = Features({"x": Value("float32"), "label": ClassLabel(names=["a", "b"])})


def rows(x: list, label: list) -> Dataset:
    return Dataset.from_dict({"x": x, "label": label}, features=FEATURES)


def test_a_mapping_or_what_loads_one_gives_its_splits():
    train = rows([1.0], [0])
    assert open_source({"train": train}) == open_source(lambda: {"train": train}) == {"train": train}


def test_a_single_split_is_refused():
    with pytest.raises(ConfigError, match=r"gave a Dataset, but must give named splits .* Load without `split=`"):
        open_source(lambda: rows([1.0], [0]))


def test_training_rows_without_any_label_are_refused():
    with pytest.raises(DataError, match="the train split has no label at all in label"):
        open_source({"train": rows([1.0], [None])})


def test_another_column_without_any_value_is_warned_about(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        open_source({"train": rows([None, None], [0, 1]), "test": rows([1.0], [None])})
    assert [record.getMessage().partition("] ")[2] or record.getMessage() for record in caplog.records] == [
        "data.hf_dict_dataset: the train split has no value at all in the columns x.",
        "data.hf_dict_dataset: the test split has no value at all in the columns label.",
    ]
