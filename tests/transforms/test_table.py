"""Columns of tables as features, and what is learnt from the train split."""

from __future__ import annotations

import re

import pytest
import torch
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from ml_core.errors import BatchKeyError, ConfigError, DataError
from ml_core.transforms.table import CategoryIndex, StackColumns, Standardize

FEATURES = torch.randn(100, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 5.0, 0.1]) + 1000


def test_columns_stand_side_by_side_in_the_order_that_was_asked_for():
    batch = {"a": torch.tensor([1, 2]), "b": torch.tensor([0.5, 1.5]), "c": torch.tensor([True, False])}
    made = StackColumns(["b", "a", "c"], new_key="x")(batch)
    assert made["x"].tolist() == [[0.5, 1, 1], [1.5, 2, 0]]
    assert made["x"].dtype == torch.float32


def test_missing_values_are_told_with_rows_and_columns():
    batch = {"a": [1.0, None, 3.0], "b": torch.tensor([1.0, 2.0, torch.nan]), "c": torch.zeros(3)}
    with pytest.raises(DataError, match=re.escape("values are missing of a, b, in rows 1, 2 of this batch.")):
        StackColumns(["a", "b", "c"])(batch)


def test_or_they_become_the_mean_of_the_column_as_scikit_learn_has_it():
    values = FEATURES.clone()
    values[::7, 0] = torch.nan
    values[1, 2] = torch.nan
    stack = StackColumns(["a", "b", "c"], missing="mean")
    stack.fit(dict(zip("abc", part.unbind(dim=1), strict=True)) for part in values.split(30))
    made = stack(dict(zip("abc", values.unbind(dim=1), strict=True)))["features"]
    assert made.numpy() == pytest.approx(SimpleImputer().fit_transform(values.numpy()), rel=1e-6)


@pytest.mark.parametrize(
    ("batch", "error", "words"),
    [
        ({"a": ["x", "y"]}, DataError, "the column 'a' holds 'x', which is no number. Categories become numbers by"),
        ({"a": torch.zeros(2, 3)}, DataError, "the column 'a' has the shape [2, 3], not one value a row."),
        ({"a": torch.tensor([1.0, torch.inf])}, DataError, "the column 'a' holds an infinite value."),
        ({"b": torch.zeros(2)}, BatchKeyError, "columns: no key 'a' in the batch."),
    ],
)
def test_columns_that_cannot_be_features_are_told(batch, error, words: str):
    with pytest.raises(error, match=re.escape(words)):
        StackColumns(["a"])(batch)


def test_a_column_that_is_never_there_has_no_mean():
    with pytest.raises(DataError, match=re.escape("columns: the train split has no value at all of: b.")):
        StackColumns(["a", "b"], missing="mean").fit([{"a": [1.0, 2.0], "b": [None, None]}])


def test_standard_scores_are_those_of_scikit_learn_whatever_the_parts():
    scale = Standardize("x")
    scale.fit({"x": part} for part in FEATURES.split(33))
    expected = StandardScaler().fit_transform(FEATURES.double())
    assert scale({"x": FEATURES})["x"].numpy() == pytest.approx(expected, abs=2e-3)  # float32 around 1000
    assert scale.mean.numpy() == pytest.approx(FEATURES.double().mean(dim=0).numpy(), rel=1e-7)


def test_further_keys_are_scaled_by_the_same_numbers_and_more_dimensions_are_taken_together():
    past, future = torch.arange(12.0).reshape(2, 3, 2), torch.ones(2, 1, 2)
    scale = Standardize("past", also=["future"])
    scale.fit([{"past": past}])
    mean, std = past.reshape(6, 2).mean(dim=0), past.reshape(6, 2).std(dim=0, correction=0)
    made = scale({"past": past, "future": future})
    assert torch.allclose(made["future"], (future - mean) / std)
    assert torch.allclose(made["past"], (past - mean) / std)


def test_a_feature_that_never_changes_is_only_centred():
    scale = Standardize("x")
    scale.fit([{"x": torch.full((5, 1), 3.0)}])
    assert scale({"x": torch.tensor([[3.0], [4.0]])})["x"].tolist() == [[0], [1]]


def test_nothing_to_learn_from_is_told():
    with pytest.raises(DataError, match="key: the features 0 of 'x' are not finite"):
        Standardize("x").fit([{"x": torch.tensor([[torch.inf], [1.0]])}])


def test_what_was_learnt_survives_in_the_state():
    one, other = Standardize("x"), Standardize("x")
    one.fit([{"x": FEATURES}])
    other.load_state_dict(one.state_dict())
    assert torch.equal(other({"x": FEATURES})["x"], one({"x": FEATURES})["x"])


def test_categories_become_their_numbers():
    index = CategoryIndex("kind", ["low", "high"], new_key="label")
    assert index({"kind": ["high", "low", "high"]})["label"].tolist() == [1, 0, 1]
    assert CategoryIndex("year", [2019, 2020])({"year": torch.tensor([2020, 2019])})["year"].tolist() == [1, 0]


def test_a_value_that_is_no_category_is_told_with_its_row():
    words = (
        "'kind' holds 'hihg' in row 1 of this batch, which is no category. Did you mean 'high'? Categories: low, high"
    )
    with pytest.raises(DataError, match=re.escape(words)):
        CategoryIndex("kind", ["low", "high"])({"kind": ["low", "hihg"]})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: StackColumns([]), "columns: is empty"),
        (lambda: StackColumns(["a"], missing="zero"), "missing: is 'zero', but must be one of error, mean"),
        (lambda: CategoryIndex("a", ["x", "x"]), "categories: names one twice: x, x"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(make, words: str):
    with pytest.raises(ConfigError, match=words):
        make()
