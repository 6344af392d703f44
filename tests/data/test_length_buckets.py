"""Batches of rows of similar length."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import Dataset

from ml_core.data.epoch_batches import EpochBatches
from ml_core.data.length_buckets import LengthBucketSampler
from ml_core.errors import ConfigError, DataError

LENGTHS = np.random.default_rng(0).integers(1, 201, 3_000)


def by_length(**options) -> LengthBucketSampler:
    return LengthBucketSampler(Dataset.from_dict({"length": LENGTHS}), by="length", **options)


def batches(sampler, batch_size: int = 32, epoch: int = 0, **options) -> list[np.ndarray]:
    drawn = EpochBatches(sampler, batch_size, seed=1, **options)
    drawn.set_epoch(epoch)
    return list(drawn)


def padding(drawn: list[np.ndarray]) -> float:
    """Return the share of an epoch's cells that are padding."""
    cells = sum(len(rows) * LENGTHS[rows].max() for rows in drawn)
    return 1 - LENGTHS.sum() / cells


def test_every_row_comes_once_and_little_is_padding():
    drawn = batches(by_length(spread=0.1))

    assert sorted(np.concatenate(drawn)) == list(range(3_000))
    assert {len(rows) for rows in drawn} == {32, 3_000 % 32}
    shuffled = np.split(np.random.default_rng(1).permutation(3_000), range(32, 3_000, 32))
    assert padding(drawn) < 0.1 < 0.4 < padding(shuffled)


def test_lengths_that_are_alike_are_shuffled_among_each_other_and_batches_come_in_any_order():
    first, second = (batches(by_length(), epoch=epoch) for epoch in (0, 1))

    assert {frozenset(rows) for rows in first} & {frozenset(rows) for rows in second} == set()
    longest = np.array([LENGTHS[rows].max() for rows in first])
    assert abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.4


def test_without_spread_only_equal_lengths_share_a_batch_but_at_its_edges():
    lengths = np.repeat([3, 7], 64)
    sampler = LengthBucketSampler(Dataset.from_dict({"length": lengths}), by="length", spread=0)

    assert all(len(set(lengths[rows])) == 1 for rows in batches(sampler))


def test_a_batch_has_at_most_so_many_tokens():
    for spread in (0, 0.1, 0.5):
        drawn = batches(by_length(max_tokens=500, spread=spread), batch_size=64)

        assert max(len(rows) * LENGTHS[rows].max() for rows in drawn) <= 500
        assert sorted(np.concatenate(drawn)) == list(range(3_000))
        assert max(len(rows) for rows in drawn) == 64  # of the short ones


def test_every_epoch_has_as_many_batches():
    sampler = by_length(max_tokens=500)

    counts = {len(batches(sampler, epoch=epoch)) for epoch in range(5)}
    assert counts == {len(EpochBatches(sampler, 32))}


@pytest.mark.parametrize("max_tokens", [None, 700])
def test_ranks_share_the_rows_and_wait_for_no_long_batch(max_tokens):
    ranks = [batches(by_length(max_tokens=max_tokens), num_replicas=3, rank=rank) for rank in range(3)]

    assert len({len(drawn) for drawn in ranks}) == 1
    assert sorted(np.concatenate([rows for drawn in ranks for rows in drawn])) == list(range(3_000))
    for step in zip(*ranks, strict=True):
        longest = [LENGTHS[rows].max() for rows in step]
        assert min(longest) >= 0.75 * max(longest)
        assert max_tokens is None or max(len(rows) * LENGTHS[rows].max() for rows in step) <= max_tokens


def test_a_last_batch_that_is_not_full_can_be_dropped():
    drawn = batches(by_length(), drop_last=True)

    assert [len(rows) for rows in drawn] == [32] * (3_000 // 32)


@pytest.mark.parametrize(
    ("column", "lengths"),
    [
        ([[1], [1, 2, 3], [1, 2]], [1, 3, 2]),
        (["a", "äöü", "bc"], [1, 3, 2]),
        ([1, 3, 2], [1, 3, 2]),
    ],
)
@pytest.mark.parametrize("kind", ["datasets", "plain"])
def test_lists_and_texts_have_lengths_and_numbers_are_some(column, lengths, kind):
    rows = [{"x": value} for value in column]
    sampler = LengthBucketSampler(Dataset.from_list(rows) if kind == "datasets" else rows, by="x", spread=0)

    order, _ = sampler.draw_batches(sampler.batch_sizes(3, 1, drop_last=False), torch.Generator())
    assert [lengths[row] for row in order] == [3, 2, 1]


@pytest.mark.parametrize(
    ("column", "options", "kind", "message"),
    [
        ([1, 2], {"by": "y"}, ConfigError, "by: there is no column 'y'. Columns: x."),
        ([1, 2], {"by": "x", "spread": 1}, ConfigError, "spread: is 1, but must be a share from 0 to below 1."),
        ([1, 2], {"by": "x", "max_tokens": 0}, ConfigError,
         "max_tokens: is 0, but must be a whole number from 1."),
        ([1, 9], {"by": "x", "max_tokens": 5}, DataError,
         "max_tokens: is 5, but row 1 has 9 in 'x'. Raise it, or cut or leave out rows that are that long."),
        ([1.5, 2.5], {"by": "x"}, DataError,
         "by: the column 'x' has no lengths: double. Name one of lists, strings or whole numbers."),
        (["a", None], {"by": "x"}, DataError,
         "by: 1 cells of the column 'x' have no length, the first in row 1."),
    ],
)  # fmt: skip
def test_what_has_no_length_or_does_not_fit_is_told(column, options, kind, message):
    with pytest.raises(kind) as error:
        LengthBucketSampler(Dataset.from_dict({"x": column}), **options)

    assert str(error.value) == message
