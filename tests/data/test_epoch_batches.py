"""The batches of an epoch, and each rank's share of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from torch.utils.data import DistributedSampler

from ml_core.data.epoch_batches import EpochBatches
from ml_core.data.sampling import InOrder, Shuffled


def lists(batches: EpochBatches) -> list[list[int]]:
    return [rows.tolist() for rows in batches]


def of_ranks(num_rows: int, batch_size: int, num_replicas: int, **options) -> list[list[list[int]]]:
    return [
        lists(EpochBatches(Shuffled(num_rows), batch_size, num_replicas=num_replicas, rank=rank, **options))
        for rank in range(num_replicas)
    ]


def test_rows_come_in_order_or_shuffled():
    assert lists(EpochBatches(InOrder(5), 2)) == [[0, 1], [2, 3], [4]]

    shuffled = lists(EpochBatches(Shuffled(50), 8))
    assert sorted(itertools.chain(*shuffled)) == list(range(50)) != list(itertools.chain(*shuffled))


def test_the_order_follows_from_seed_and_epoch_alone():
    def order(seed: int, epoch: int) -> list[list[int]]:
        batches = EpochBatches(Shuffled(50), 8, seed=seed)
        batches.set_epoch(epoch)
        return lists(batches)

    orders = {(seed, epoch): order(seed, epoch) for seed in (0, 1) for epoch in (0, 1)}
    assert orders == {key: order(*key) for key in orders}
    assert len({str(drawn) for drawn in orders.values()}) == 4  # seed 0 in epoch 1 is not seed 1 in epoch 0


@pytest.mark.parametrize("num_rows", [*range(12, 30), 64])
@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("num_replicas", [1, 2, 3])
def test_ranks_have_equally_many_batches_and_together_every_row_once(num_rows, batch_size, num_replicas):
    ranks = of_ranks(num_rows, batch_size, num_replicas)

    assert {len(batches) for batches in ranks} == {len(ranks[0])}
    assert sorted(row for batches in ranks for rows in batches for row in rows) == list(range(num_rows))
    assert all(1 <= len(rows) <= batch_size + 1 for batches in ranks for rows in batches)


def test_what_is_not_full_is_dropped_on_all_ranks():
    ranks = of_ranks(23, 4, 2, drop_last=True)

    assert [[len(rows) for rows in batches] for batches in ranks] == [[4, 4]] * 2


def test_another_number_of_ranks_has_the_same_rows_in_each_batch():
    alone, (first, second) = of_ranks(40, 8, 1)[0], of_ranks(40, 4, 2)

    assert [sorted(rows) for rows in alone] == [sorted(a + b) for a, b in zip(first, second, strict=True)]


def test_a_pass_can_begin_in_the_middle():
    batches = EpochBatches(Shuffled(50), 8)
    whole = lists(batches)
    batches.first = 4

    assert lists(batches) == whole[4:]
    assert [batches.rows_of(number) for number in range(len(batches) + 1)] == [*whole, []]


def test_seeds_are_of_their_own_for_every_library_batch_epoch_and_rank():
    def seeds(epoch: int, rank: int) -> list[int]:
        batches = EpochBatches(Shuffled(50), 8, num_replicas=2, rank=rank, is_random=True)
        batches.set_epoch(epoch)
        return [seed for seeded in batches for seed in seeded.seeds]

    every = [seed for epoch in (0, 1) for rank in (0, 1) for seed in seeds(epoch, rank)]
    assert len(set(every)) == len(every) == 2 * 2 * 4 * 3
    assert seeds(1, 1) == seeds(1, 1)


def test_seeds_do_not_change_the_order():
    plain, random = (EpochBatches(Shuffled(50), 8, is_random=is_random) for is_random in (False, True))

    np.testing.assert_equal([seeded.rows for seeded in random], list(plain))


def test_lightning_takes_it_for_one_that_shares_the_data_already():
    assert isinstance(EpochBatches(InOrder(5), 2), DistributedSampler)
