"""The benchmark of data: what its lines mean. How fast things are is for the script to say, never for a test."""

from __future__ import annotations

import math

import pytest

from scripts.benchmark_data import cells, topics
from scripts.data_benchmarks import cache
from scripts.data_benchmarks.row import Row, in_turns


@pytest.mark.parametrize(
    ("ratio", "limit", "is_kept"),
    [(1.4, "<= 1.5", True), (1.6, "<= 1.5", False), (2.1, ">= 2", True), (1.9, ">= 2", False), (99, "", True)],
)
def test_a_limit_is_kept_or_not(ratio, limit, is_kept):
    assert Row("x", "a", "b", ratio, limit).is_kept is is_kept


def test_a_line_shows_the_limit_and_whether_it_is_kept():
    assert cells(Row("x", "a, 1 ms", "2 ms", 2.0, "<= 1.5", 1234.5)) == [
        "x", "a, 1 ms", "2 ms", "2.00", "<= 1.5", "NO", "1,234",
    ]  # fmt: skip
    assert cells(Row("x", "a", "b", 0.5)) == ["x", "a", "b", "0.50", "", "", ""]


def test_sides_run_in_turns_and_the_first_turn_is_not_counted():
    calls, ticks = [], iter([0, 100, 200, 201, 201, 203, 203, 204, 204, 206])

    times = in_turns(lambda: calls.append("a"), lambda: calls.append("b"), rounds=2, clock=lambda: next(ticks) / 1000)

    assert calls == ["a", "b"] * 3
    assert times == pytest.approx([1.0, 2.0])


def test_every_topic_is_found():
    assert "cache" in topics()


def test_the_lines_of_the_cache_come_at_every_size():
    lines = list(cache.rows([200, 300]))

    assert all(math.isfinite(line.ratio) and line.ratio > 0 for line in lines if line.memory is None)
    assert [line.name for line in lines if line.name.startswith("cache: opening")] == [
        "cache: opening 200 rows", "cache: opening 300 rows",
    ]  # fmt: skip
