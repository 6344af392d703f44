"""How many rows go into each batch of all ranks together."""

from __future__ import annotations

import pytest

from ml_core.data.batch_sizes import even_sizes, for_all_ranks
from ml_core.errors import DataError


@pytest.mark.parametrize(
    ("num_rows", "size", "num_ranks", "sizes"),
    [
        (10, 4, 1, [4, 4, 2]),
        (8, 4, 1, [4, 4]),
        (10, 4, 2, [4, 4, 2]),
        (9, 4, 2, [4, 3, 2]),  # one row left is not enough for two ranks
        (7, 2, 2, [2, 2, 3]),  # and here the batch before it has none to spare
        (3, 8, 3, [3]),
    ],
)
def test_every_row_is_in_one_batch_and_every_rank_has_one_in_each(num_rows, size, num_ranks, sizes):
    assert even_sizes(num_rows, size, num_ranks) == sizes


def test_a_batch_that_is_not_full_can_be_dropped():
    assert even_sizes(11, 4, 2, drop_last=True) == [4, 4]


def test_fewer_rows_than_ranks_are_refused():
    with pytest.raises(DataError) as error:
        for_all_ranks([2], 3)

    assert str(error.value) == "data: there are 2 rows for 3 devices. Each needs one: use fewer devices."
