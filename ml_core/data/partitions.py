"""How are rows divided into parts: at random, by class, by group, in time? Row numbers in, row numbers out."""

from __future__ import annotations

import numpy as np

NO_ROWS = np.empty(0, dtype=np.int64)


def random_part(
    count: int,
    size: int,
    rng: np.random.Generator,
    labels: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Return rows of a part, in order.

    Args:
        count: Number of all rows.
        size: Number of rows of the part; with groups as near to it as whole groups come.
        rng: Chooses.
        labels: A class number for each row, whose shares the part keeps.
        groups: A group number for each row; a group is in the part as a whole or not at all.
    """
    if groups is None:
        part = rng.permutation(count)[:size] if labels is None else _stratified(labels, size, rng)
    elif labels is None:
        part = _whole_groups(groups, size, rng)
    else:
        share = size / count
        part = np.flatnonzero(_balanced_groups(labels, groups, np.array([1 - share, share]), rng)[groups] == 1)
    return np.sort(part)


def fold_numbers(
    count: int,
    num_folds: int,
    rng: np.random.Generator,
    labels: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Return the fold of each row; folds are as equal in size, and in the shares of labels, as rows or groups allow.

    Args:
        count: Number of rows.
        num_folds: Number of folds.
        rng: Chooses.
        labels: A class number for each row.
        groups: A group number for each row; a group is in one fold.
    """
    if groups is None:
        order = rng.permutation(count)
        order = order if labels is None else order[np.argsort(labels[order], kind="stable")]
        folds = np.empty(count, dtype=np.int64)
        folds[order] = np.arange(count) % num_folds
        return folds
    if labels is None:
        return _even_groups(groups, num_folds, rng)[groups]
    return _balanced_groups(labels, groups, np.full(num_folds, 1 / num_folds), rng)[groups]


def latest_part(times: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that are earlier and the about `size` that are later; rows of one time stay together."""
    order = np.argsort(times, kind="stable")
    cut = _between_times(times[order], len(order) - size)
    return np.sort(order[:cut]), np.sort(order[cut:])


def walk_forward(times: np.ndarray, fold: int, num_folds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to learn from and those that follow them in time, for one of several folds.

    The rows are cut into `num_folds + 1` stretches; fold i learns from all before stretch i + 1 and is judged on it.
    Rows of one time stay together.
    """
    order = np.argsort(times, kind="stable")
    size = len(order) // (num_folds + 1)
    start = _between_times(times[order], len(order) - (num_folds - fold) * size)
    stop = _between_times(times[order], len(order) - (num_folds - fold - 1) * size)
    return np.sort(order[:start]), np.sort(order[start:stop])


def _stratified(labels: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Choose rows so that every label has its share, by the largest remainders."""
    values, counts = np.unique(labels, return_counts=True)
    quotas = counts * size / len(labels)
    numbers = np.floor(quotas).astype(int)
    largest = np.argsort(numbers - quotas, kind="stable")[: size - numbers.sum()]
    numbers[largest] += 1
    parts = [rng.permutation(np.flatnonzero(labels == v))[:n] for v, n in zip(values, numbers, strict=True)]
    return np.concatenate(parts)


def _whole_groups(groups: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Choose groups at random until they have about `size` rows, but not all of them."""
    order = rng.permutation(groups.max() + 1)
    totals = np.cumsum(np.bincount(groups)[order])[:-1]
    return np.flatnonzero(np.isin(groups, order[: np.argmin(abs(totals - size)) + 1])) if len(totals) else NO_ROWS


def _even_groups(groups: np.ndarray, num_folds: int, rng: np.random.Generator) -> np.ndarray:
    """Return the fold of each group: the largest first, each to the fold that has the fewest rows so far."""
    sizes, folds = np.bincount(groups), np.empty(groups.max() + 1, dtype=np.int64)
    filled = np.zeros(num_folds)
    order = rng.permutation(len(sizes))
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        folds[group] = np.argmin(filled)
        filled[folds[group]] += sizes[group]
    return folds


def _balanced_groups(
    labels: np.ndarray, groups: np.ndarray, shares: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return the part of each group, so that every part gets its share of every label.

    The groups that are most uneven come first, and each goes where the labels are then spread best; as scikit-learn's
    `StratifiedGroupKFold` does it, for shares that need not be equal.
    """
    counts = np.zeros((groups.max() + 1, labels.max() + 1))
    np.add.at(counts, (groups, labels), 1)
    parts, filled = np.empty(len(counts), dtype=np.int64), np.zeros((len(shares), counts.shape[1]))
    wanted = np.outer(shares, counts.sum(axis=0))
    order = rng.permutation(len(counts))
    for group in order[np.argsort(-counts[order].std(axis=1), kind="stable")]:
        spread = [_spread(filled, wanted, counts[group], part) for part in range(len(shares))]
        fullness = filled.sum(axis=1) / shares
        parts[group] = min(range(len(shares)), key=lambda part: (round(spread[part], 12), fullness[part]))
        filled[parts[group]] += counts[group]
    return parts


def _spread(filled: np.ndarray, wanted: np.ndarray, counts: np.ndarray, part: int) -> float:
    """Return how unevenly the labels are spread when a part gets a group."""
    after = filled.copy()
    after[part] += counts
    return float((after / wanted).std(axis=0).mean())


def _between_times(times: np.ndarray, cut: int) -> int:
    """Return the place nearest before a cut of sorted times where the time changes; after it where there is none."""
    if cut >= len(times):
        return len(times)
    before = int(np.searchsorted(times, times[cut], side="left"))
    return before or int(np.searchsorted(times, times[cut], side="right"))
