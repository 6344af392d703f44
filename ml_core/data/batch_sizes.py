"""How many rows go into each batch of all ranks together?"""

from __future__ import annotations

from ml_core.errors import DataError


def even_sizes(num_rows: int, size: int, num_ranks: int, drop_last: bool = False) -> list[int]:
    """Return sizes of batches: all alike but the last.

    Args:
        num_rows: Rows of an epoch.
        size: Rows of a batch, over all ranks.
        num_ranks: Ranks that share each batch.
        drop_last: Whether rows that do not fill a batch are left out.

    Raises:
        DataError: If there are fewer rows than ranks.
    """
    sizes = [size] * (num_rows // size)
    rest = num_rows % size
    return sizes if drop_last else for_all_ranks([*sizes, rest] if rest else sizes, num_ranks)


def for_all_ranks(sizes: list[int], num_ranks: int) -> list[int]:
    """Return sizes of which every rank gets a row: a last batch that is too small takes rows of the one before.

    So every rank has as many batches as the others, which they wait for, and yet no row is counted twice.

    Raises:
        DataError: If there are fewer rows than ranks.
    """
    if not sizes or sizes[-1] >= num_ranks:
        return sizes
    if len(sizes) == 1:
        raise DataError(
            "data", f"there are {sizes[0]} rows for {num_ranks} devices.", "Each needs one: use fewer devices."
        )
    lacking = num_ranks - sizes[-1]
    if sizes[-2] - lacking >= num_ranks:
        return [*sizes[:-2], sizes[-2] - lacking, num_ranks]
    return [*sizes[:-2], sizes[-2] + sizes[-1]]
