"""What transforms learn from the train split, and from nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import Dataset

from ml_core.data.base_datamodule import BaseDataModule
from ml_core.data.fitting import fit_transform
from ml_core.errors import DataError
from ml_core.transforms.base import ComposeTransform, WrapTransform
from ml_core.transforms.table import StackColumns, Standardize

VALUES = np.random.default_rng(0).normal(size=(50, 2)) * 3 + 7


def steps(**options) -> ComposeTransform:
    return ComposeTransform(stack=StackColumns(["a", "b"], **options), scale=Standardize("features"))


def rows(values: np.ndarray = VALUES) -> Dataset:
    return Dataset.from_dict({"a": values[:, 0], "b": values[:, 1]})


def module(transform: ComposeTransform, values: np.ndarray = VALUES, **options) -> BaseDataModule:
    return BaseDataModule({"train": rows(values)}, transform=transform, batch_size=10, shuffle=False, **options)


def test_the_train_split_is_standard_afterwards_and_the_rest_is_not_looked_at():
    data = module(steps(), val_ratio=0.2, test_ratio=0.2)
    data.setup()
    train = torch.cat([batch["features"] for batch in data.train_dataloader()])
    assert train.shape == (30, 2)
    assert train.mean(dim=0).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert train.std(dim=0, correction=0).tolist() == pytest.approx([1, 1], abs=1e-6)
    validation = torch.cat([batch["features"] for batch in data.val_dataloader()])
    assert abs(validation.mean().item()) > 1e-3


def test_values_of_the_other_splits_change_nothing_that_is_learnt():
    quiet, loud = steps(), steps()
    data = module(quiet, val_ratio=0.2)
    data.setup()
    (held_out,) = (batch["a"].numpy() for batch in data.val_dataloader())
    values = VALUES.copy()
    values[np.isin(values[:, 0].astype(np.float32), held_out)] *= 1000
    assert (np.abs(values[:, 0]) > 1000).sum() == 10
    module(loud, values, val_ratio=0.2).setup()
    assert torch.equal(quiet["scale"].mean, loud["scale"].mean)


def test_a_step_learns_from_what_the_steps_before_it_made():
    double = WrapTransform(lambda x: 2 * x, new_key="features", mapping={"features": "x"})
    transform = ComposeTransform(stack=StackColumns(["a"]), double=double, scale=Standardize("features"))
    fit_transform(transform, rows())
    assert transform["scale"].mean.item() == pytest.approx(2 * VALUES[:, 0].mean(), rel=1e-6)


def test_what_was_learnt_goes_with_the_state_to_data_without_a_train_split():
    one = module(steps(missing="mean"), val_ratio=0)
    one.setup()
    other = BaseDataModule({"test": rows(VALUES + 100)}, transform=steps(missing="mean"), batch_size=50)
    other.setup()
    other.load_state_dict(one.state_dict())
    (batch,) = other.test_dataloader()
    expected = (VALUES + 100 - VALUES.mean(axis=0)) / VALUES.std(axis=0)
    assert batch["features"].numpy() == pytest.approx(expected, rel=1e-4)


def test_a_mistake_in_the_data_is_told_at_the_step():
    values = VALUES.copy()
    values[3, 1] = np.inf
    with pytest.raises(DataError, match=r"^data\.transform\.stack\.columns: the column 'b' holds an infinite value"):
        module(steps(), values, val_ratio=0).setup()
