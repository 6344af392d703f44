"""Bad rows that are left out: which, how many, and what takes their place."""

from __future__ import annotations

import logging
import pickle
from multiprocessing.reduction import ForkingPickler

import pytest
import torch
from torch.utils.data import DataLoader

from ml_core.data.batches import BatchedDataset, identity
from ml_core.data.left_out import LeftOut, check_policy, left_out
from ml_core.errors import ConfigError, DataError, UserError

NAME = "data, split train"


class Rows(list):
    """Rows of which some cannot be read; counts how often each is asked for."""

    def __init__(self, size, bad=()):
        super().__init__({"x": float(row)} for row in range(size))
        self.bad, self.asked = set(bad), []

    def __getitem__(self, row):
        self.asked.append(row)
        if row in self.bad:
            raise OSError("damaged")
        return super().__getitem__(row)


def dataset(size=20, bad=(), max_bad=5, steps=()):
    return BatchedDataset(Rows(size, bad), steps, name=NAME, left_out=LeftOut(size, max_bad, NAME))


def xs(batch):
    return batch["x"].tolist()


def test_rows_that_cannot_be_read_are_not_in_the_batch():
    data = dataset(bad=(3, 4))
    assert xs(data.__getitems__([5, 4, 3, 2])) == [5, 2]
    assert data.left_out.rows() == [3, 4]


def test_a_bad_row_is_not_read_again():
    data = dataset(bad=(3,))
    data.__getitems__([2, 3])
    data.source.asked.clear()
    assert xs(data.__getitems__([3, 2])) == [2]
    assert data.source.asked == [2]


def test_a_batch_of_bad_rows_alone_gets_the_next_good_row():
    data = dataset(bad=(3, 4, 5))
    assert xs(data.__getitems__([4, 3])) == [6]


def test_the_next_good_row_after_the_last_is_the_first():
    data = dataset(size=4, bad=(2, 3))
    assert xs(data.__getitems__([2, 3])) == [0]


def test_a_split_of_bad_rows_alone_is_an_error():
    with pytest.raises(DataError) as error:
        dataset(size=3, bad=(0, 1, 2)).__getitems__([0])
    assert str(error.value) == f"{NAME}: every row is bad, so none is left. Correct the data."


def test_a_row_on_which_a_step_fails_is_left_out():
    def step(batch):
        if (batch["x"] == 2).any():
            raise ArithmeticError("no 2")
        return {"y": batch["x"] + 1}

    batch = dataset(steps=[("data.transform", step)]).__getitems__([1, 2, 3])
    assert batch["y"].tolist() == [2, 4]


def test_a_step_that_fails_on_every_row_is_an_error():
    def step(batch):
        raise ArithmeticError("never")

    data = dataset(steps=[("data.transform", step)])
    with pytest.raises(UserError, match=r"never\. Rows of this batch"):
        data.__getitems__([1, 2, 3])
    assert data.left_out.rows() == []


def test_a_row_that_holds_nan_is_left_out_of_every_batch():
    source = [{"x": float("nan") if row % 5 == 4 else float(row)} for row in range(100)]
    data = BatchedDataset(source, name=NAME, left_out=LeftOut(100, 50, NAME))
    seen = [x for start in range(0, 100, 10) for x in xs(data.__getitems__(list(range(start, start + 10))))]
    assert seen == [float(row) for row in range(100) if row % 5 != 4]


@pytest.mark.parametrize(("max_bad", "limit"), [(2, 2), (0.1, 2), (0, 0), (0.0, 0), (0.01, 1)])
def test_more_than_the_limit_are_an_error(max_bad, limit):
    data = dataset(size=20, bad=range(5), max_bad=max_bad)
    for row in range(limit):
        data.__getitems__([row, 10])
    with pytest.raises(DataError) as error:
        data.__getitems__([limit, 10])
    assert str(error.value) == (
        f"{NAME}: row {limit} cannot be read: OSError: damaged. So {limit + 1} of 20 rows are bad, and data.max_bad "
        f"allows {limit}. Correct the data, or allow more."
    )
    assert error.value.exit_code == 65


def test_workers_share_what_they_know_and_the_number_of_batches_stays():
    data = dataset(size=24, bad=(0, 1, 9, 20))
    loader = DataLoader(data, batch_size=2, num_workers=2, collate_fn=identity, persistent_workers=True)
    first = [xs(batch) for batch in loader]
    assert first[:2] == [[2.0], [2.0, 3.0]]
    assert len(first) == 12
    assert data.left_out.rows() == [0, 1, 9, 20]
    assert [xs(batch) for batch in loader] == first


def test_spawned_workers_share_it_too():
    data = dataset(bad=(3,))
    other = pickle.loads(ForkingPickler.dumps(data))  # as a worker gets it that is not forked
    other.__getitems__([3, 4])
    assert data.left_out.rows() == [3]


def test_workers_stop_above_the_limit_that_they_share():
    data = dataset(size=24, bad=range(0, 24, 4), max_bad=3)
    with pytest.raises(DataError, match=r"So 4 of 24 rows are bad, and data\.max_bad allows 3"):
        list(DataLoader(data, batch_size=2, num_workers=2, collate_fn=identity))


def test_each_kind_is_logged_once_and_the_count_at_the_end(caplog):
    caplog.set_level(logging.WARNING)

    def step(batch):
        if (batch["x"] == 7).any():
            raise ArithmeticError("no 7")
        return {}

    data = dataset(bad=(1, 2), steps=[("data.transform", step)])
    for start in range(0, 20, 2):
        data.__getitems__([start, start + 1])
    data.left_out.say()
    data.left_out.say()
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == f"Left out: {NAME}: row 1 cannot be read: OSError: damaged."
    assert lines[1].startswith("Left out: data.transform: ")
    assert lines[2:] == [f"{NAME}: 3 of 20 rows are left out (data.on_bad=skip): 1, 2, 7."]


def test_nothing_is_said_where_nothing_is_left_out(caplog):
    LeftOut(3, 1, NAME).say()
    assert not caplog.records


def test_random_numbers_of_a_batch_do_not_depend_on_whether_a_bad_row_was_known():
    source = [{"x": float("nan") if row == 1 else float(row)} for row in range(4)]  # is found after the step
    steps = [("data.augment", lambda batch: {"x": batch["x"] + torch.rand(len(batch["x"]))})]
    data = BatchedDataset(source, steps, name=NAME, left_out=LeftOut(4, 1, NAME))
    torch.manual_seed(0)
    first = xs(data.__getitems__([0, 1, 2]))
    torch.manual_seed(0)
    assert xs(data.__getitems__([0, 1, 2])) == first


def test_no_policy_and_the_default_limit():
    assert left_out("error", None, 1000, NAME) is None
    assert left_out("skip", None, 1000, NAME).limit == 10


@pytest.mark.parametrize(
    ("on_bad", "max_bad", "message"),
    [
        ("warn", None, "on_bad: is 'warn'. Choices: error, skip."),
        ("error", 3, "max_bad: says nothing where a bad row is an error. Set data.on_bad=skip, or leave it."),
        ("skip", 1.5, "max_bad: is 1.5, but must be a number of rows, or a share from 0.0 to 1.0."),
        ("skip", -1, "max_bad: is -1, but must be a number of rows, or a share from 0.0 to 1.0."),
        ("skip", True, "max_bad: is True, but must be a number of rows, or a share from 0.0 to 1.0."),
    ],
)
def test_values_that_say_nothing_are_refused(on_bad, max_bad, message):
    with pytest.raises(ConfigError) as error:
        check_policy(on_bad, max_bad)
    assert str(error.value) == message
