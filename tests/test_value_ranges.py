"""Limits of values: read from an expression, judged, and worded."""

from __future__ import annotations

import ast
import math

import pytest

from ml_core.value_ranges import Equal, Ge, Gt, Le, Lt, MinLen, NotEmpty, OneOf, holds, limit_of, worded


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("Ge(0)", Ge(0)),
        ("annotated_types.Ge(ge=0)", Ge(0)),
        ("Gt(-1)", Gt(-1)),
        ("Le(1.5)", Le(1.5)),
        ("Lt(lt=1)", Lt(1)),
        ("MinLen(2)", MinLen(2)),
        ("NotEmpty", NotEmpty),
    ],
)
def test_a_limit_is_read_from_source(text, limit):
    assert limit_of(ast.parse(text, mode="eval").body) == limit


def test_choices_are_read_from_source():
    assert limit_of(ast.parse("OneOf('a', 3)", mode="eval").body).choices == ("a", 3)
    assert limit_of(ast.parse("Equal(7)", mode="eval").body).choices == (7,)


@pytest.mark.parametrize("text", ["Ge(LEAST)", "'positive'", "Unit('m')", "doc('a number')"])
def test_what_is_no_limit_is_passed_over(text):
    assert limit_of(ast.parse(text, mode="eval").body) is None


@pytest.mark.parametrize(
    ("limits", "inside", "outside"),
    [
        ([Ge(0), Lt(1)], [0, 0.5, 0.999], [-0.1, 1, math.nan, math.inf]),
        ([Gt(0), Le(1)], [0.1, 1], [0, 1.1]),
        ([NotEmpty], ["a", [0], {"a": 1}], ["", [], {}]),
        ([OneOf("a", 1)], ["a", 1], ["b", True, 1.0]),
        ([Equal(3)], [3], [4]),
    ],
)
def test_values_keep_to_their_limits(limits, inside, outside):
    assert [holds(value, limits) for value in inside] == [True] * len(inside)
    assert [holds(value, limits) for value in outside] == [False] * len(outside)


def test_a_limit_of_order_says_nothing_of_what_has_none():
    assert holds("text", [Ge(0)])
    assert holds(None, [Lt(0), NotEmpty])


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ([Ge(1)], " from 1"),
        ([Gt(0)], " above 0"),
        ([Le(1)], " up to 1"),
        ([Lt(1)], " below 1"),
        ([Ge(0), Le(1)], " from 0 to 1"),
        ([Ge(0), Lt(1)], " from 0 to below 1"),
        ([Gt(0), Le(1)], " above 0 and up to 1"),
        ([Lt(1), Gt(0)], " above 0 and below 1"),
        ([NotEmpty], " that is not empty"),
        ([MinLen(2)], " with 2 entries or more"),
        ([], ""),
    ],
)
def test_limits_are_worded(limits, words):
    assert worded(limits) == words
