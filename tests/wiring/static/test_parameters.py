"""Signatures as data."""

import json

import pytest

from ml_core.wiring.static.parameters import Parameter, StaticSignature, merge_fields, union

A = Parameter("a", "positional_or_keyword")
A_OPTIONAL = Parameter("a", "positional_or_keyword", "?")
B = Parameter("b", "keyword_only", "1", "int", "lib.f")
ARGS, KWARGS = Parameter("args", "var_positional"), Parameter("kwargs", "var_keyword")
HIDDEN = Parameter("h", "positional_only")


@pytest.fixture
def signature() -> StaticSignature:
    return StaticSignature("lib.f", "function", "lib.py", 3, (HIDDEN, A, ARGS, B, KWARGS))


def test_names_are_those_that_may_be_given_by_keyword(signature):
    assert (signature.names, signature.required) == (("a", "b"), {"a"})
    assert (signature.is_open, signature.takes_args) == (True, True)


def test_a_signature_survives_a_file(signature):
    assert StaticSignature.from_json(json.loads(json.dumps(signature.as_json()))) == signature


@pytest.mark.parametrize(
    ("alternatives", "merged"),
    [
        ([[A, B]], [A, B]),
        ([[A], [A, B]], [A, B]),
        ([[A], [B]], [A_OPTIONAL, B]),
        ([[A], [A_OPTIONAL]], [A_OPTIONAL]),
        ([[A, ARGS], [Parameter("rest", "var_positional"), KWARGS]], [A_OPTIONAL, ARGS, KWARGS]),
    ],
)
def test_alternatives_take_the_names_of_all_and_require_what_all_require(alternatives, merged):
    assert union(alternatives) == merged


def test_a_field_that_is_declared_again_keeps_its_place():
    b_again = Parameter("b", "positional_or_keyword", "2")

    assert merge_fields([[A, b_again], [Parameter("c", "positional_or_keyword")], [B]]) == [
        A,
        Parameter("c", "positional_or_keyword"),
        B,
    ]
