"""How rows are divided into parts, against scikit-learn's splitters."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit

from ml_core.data.partitions import fold_numbers, latest_part, random_part, walk_forward

COUNT = 203


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def labels(count: int = COUNT) -> np.ndarray:
    return rng(1).choice(4, size=count, p=[0.5, 0.3, 0.15, 0.05])


def groups(count: int = COUNT) -> np.ndarray:
    return np.unique(rng(2).integers(0, 30, size=count), return_inverse=True)[1]


# ---- folds


@pytest.mark.parametrize("num_folds", [2, 5, 7])
def test_folds_are_as_large_as_those_of_scikit_learn(num_folds):
    folds = fold_numbers(COUNT, num_folds, rng())

    theirs = [len(part) for _, part in KFold(num_folds, shuffle=True, random_state=0).split(np.zeros(COUNT))]
    assert np.bincount(folds).tolist() == theirs
    assert not np.array_equal(folds, fold_numbers(COUNT, num_folds, rng(1)))


@pytest.mark.parametrize("num_folds", [2, 5])
def test_stratified_folds_have_the_class_counts_of_scikit_learn(num_folds):
    y = labels()
    folds = fold_numbers(COUNT, num_folds, rng(), y)

    ours = np.array([np.bincount(y[folds == fold], minlength=4) for fold in range(num_folds)])
    splitter = StratifiedKFold(num_folds, shuffle=True, random_state=0)
    theirs = np.array([np.bincount(y[part], minlength=4) for _, part in splitter.split(y, y)])
    np.testing.assert_array_equal(np.sort(ours, axis=0), np.sort(theirs, axis=0))
    assert np.ptp(ours.sum(axis=1)) <= 1


@pytest.mark.parametrize("num_folds", [2, 5])
def test_grouped_folds_have_whole_groups_and_the_sizes_of_scikit_learn(num_folds):
    whose = groups()
    folds = fold_numbers(COUNT, num_folds, rng(), groups=whose)

    assert all(len(np.unique(folds[whose == group])) == 1 for group in np.unique(whose))
    theirs = sorted(len(part) for _, part in GroupKFold(num_folds).split(whose, groups=whose))
    assert sorted(np.bincount(folds).tolist()) == theirs


def test_groups_that_are_stratified_go_where_scikit_learn_puts_them():
    y, whose = labels(), groups()

    class InOrder:
        """Random numbers that change no order, as scikit-learn's without shuffling."""

        def permutation(self, count):
            return np.arange(count)

    folds = fold_numbers(COUNT, 4, InOrder(), y, whose)

    theirs = np.empty(COUNT, dtype=int)
    for fold, (_, part) in enumerate(StratifiedGroupKFold(4).split(y, y, whose)):
        theirs[part] = fold
    np.testing.assert_array_equal(folds, theirs)


def test_every_fold_takes_part_when_there_are_as_many_groups():
    assert set(fold_numbers(6, 3, rng(), groups=np.array([0, 0, 0, 0, 1, 2])).tolist()) == {0, 1, 2}


# ---- one part


def test_a_random_part_has_its_size_and_every_row_once():
    part = random_part(COUNT, 40, rng())

    assert len(part) == len(set(part.tolist())) == 40
    assert np.array_equal(part, random_part(COUNT, 40, rng()))
    assert not np.array_equal(part, random_part(COUNT, 40, rng(1)))


@pytest.mark.parametrize("size", [20, 41, 100])
def test_a_stratified_part_has_its_size_and_each_class_its_share(size):
    y = labels()

    part = random_part(COUNT, size, rng(), y)

    shares = np.bincount(y) * size / COUNT
    assert len(part) == size
    assert (abs(np.bincount(y[part], minlength=4) - shares) < 1).all()


@pytest.mark.parametrize("y", [None, labels()])
def test_a_grouped_part_has_whole_groups_and_about_its_size(y):
    whose = groups()

    part = random_part(COUNT, 40, rng(), y, whose)

    rest = np.setdiff1d(np.arange(COUNT), part)
    assert not set(whose[part]) & set(whose[rest])
    assert abs(len(part) - 40) <= np.bincount(whose).max()
    if y is not None:
        assert (abs(np.bincount(y[part], minlength=4) / np.bincount(y) - 40 / COUNT) < 0.15).all()


def test_one_group_cannot_be_divided():
    assert random_part(5, 2, rng(), groups=np.zeros(5, dtype=int)).tolist() == []


# ---- in time


def test_the_latest_rows_are_split_off_wherever_they_stand():
    earlier, later = latest_part(np.array([3, 1, 5, 2, 4]), 2)

    assert (earlier.tolist(), later.tolist()) == ([0, 1, 3], [2, 4])


@pytest.mark.parametrize(("size", "later"), [(1, [3, 4]), (2, [3, 4]), (3, [1, 2, 3, 4]), (4, [1, 2, 3, 4])])
def test_rows_of_one_time_stay_together(size, later):
    assert latest_part(np.array([1, 2, 2, 3, 3]), size)[1].tolist() == later


def test_the_earliest_time_always_stays():
    assert [part.tolist() for part in latest_part(np.array([1, 1, 1, 2]), 3)] == [[0, 1, 2], [3]]
    assert [part.tolist() for part in latest_part(np.array([1, 1]), 1)] == [[0, 1], []]


@pytest.mark.parametrize("num_folds", [2, 5])
def test_walking_forward_is_what_scikit_learn_does(num_folds):
    order = rng().permutation(COUNT)
    theirs = TimeSeriesSplit(num_folds).split(np.zeros(COUNT))

    for fold, (before, after) in enumerate(theirs):
        ours = walk_forward(order, fold, num_folds)
        np.testing.assert_array_equal(np.sort(order[ours[0]]), before)
        np.testing.assert_array_equal(np.sort(order[ours[1]]), after)
