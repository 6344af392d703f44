"""Tables of scikit-learn as data sets."""

from __future__ import annotations

import re
import sys

import pytest
import torch
from omegaconf import OmegaConf
from sklearn.datasets import load_diabetes, load_wine, make_moons

from ml_core.data.tables import table
from ml_core.errors import ConfigError, MissingPackageError
from ml_core.utils.instantiators import Builder


def test_a_bunch_becomes_features_and_labels_with_names():
    wine = load_wine()
    rows = table(wine)["train"]
    assert torch.equal(rows["features"], torch.tensor(wine.data, dtype=torch.float32))
    assert rows["label"].tolist() == wine.target.tolist()
    assert rows.features["label"].names == ["class_0", "class_1", "class_2"]


def test_a_target_that_is_no_class_stays_a_number():
    rows = table(load_diabetes(), target="progression")["train"]
    assert rows["progression"].dtype == torch.float32
    assert rows.features == {}


def test_a_pair_of_arrays_will_do():
    points, label = make_moons(10, random_state=0)
    rows = table((points, label))["train"]
    assert rows["features"].shape == (10, 2)
    assert rows["label"].tolist() == label.tolist()


def test_anything_else_is_refused():
    with pytest.raises(ConfigError, match=re.escape("data: is a list, but must be what a loader of sklearn.datasets")):
        table([1, 2])


def test_without_scikit_learn_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.delitem(sys.modules, "sklearn.datasets")
    with pytest.raises(MissingPackageError, match=re.escape("uv pip install '.[tables]'")):
        Builder(OmegaConf.create({"data": {"_target_": "sklearn.datasets.load_wine"}})).build("data")
