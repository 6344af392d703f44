"""The search space language: what is written, and which values come out of it."""

from __future__ import annotations

import math

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from hydra_plugins.ml_core_sweeper._space import any_value, read_space
from ml_core.errors import ConfigError


def values(written: str) -> list:
    return [point["x"] for point in read_space({"x": written}, []).points()]


@pytest.mark.parametrize(
    "written", ["range(1,3)", "range(0,10,3)", "range(5)", "range(5,1,-2)", "range(0,1,0.25)", "range(1.0,2.0,0.3)"]
)
def test_a_range_has_the_values_that_hydra_gives_it(written: str):
    hydra = list(OverridesParser.create().parse_override(f"x={written}").sweep_iterator())
    assert sorted(values(written)) == pytest.approx(sorted(hydra))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("choice(32, 64)", [32, 64]),
        ("a,b", ["a", "b"]),
        ("choice(true, 1)", [True, 1]),
        ("choice([1, 2], [3])", ["[1,2]", "[3]"]),
        ("choice('a b', 1.5)", [r"a\ b", 1.5]),
        ("tag(log, choice(1, 2))", [1, 2]),
        ("int(interval(1.0, 3.0))", [1, 2, 3]),
    ],
)
def test_choices_and_whole_intervals(written: str, expected: list):
    assert values(written) == expected


@pytest.mark.parametrize("value", ["[1,2]", "'a b'", "'a,b'", "True", "1e-05", "{a:1}"])
def test_a_value_goes_back_into_an_override_as_it_was_written(value: str):
    space = read_space({"x": f"choice({value}, 7)"}, [])
    (override,) = space.overrides({"x": values(f"choice({value}, 7)")[0]})
    parser = OverridesParser.create()
    assert parser.parse_override(override).value() == parser.parse_override(f"x={value}").value()


def test_a_logarithmic_interval():
    distribution = read_space({"x": "tag(log, interval(0.0001, 0.1))"}, []).distributions["x"]
    assert (distribution.low, distribution.high) == (0.0001, 0.1)
    assert "log" in repr(distribution).lower()


def test_the_command_line_has_the_last_word_however_it_is_typed():
    space = read_space({"a.x": "interval(0.0, 1.0)", "b": "1,2", "c": 5}, ["++a.x=3", "+d='q w'", "~e", "b=7,8"])
    assert list(space.distributions) == ["b"]
    assert space.overrides({"b": 7}) == ("++a.x=3", "c=5", "+d='q w'", "~e", "b=7")


def test_the_prefix_of_a_parameter_is_in_its_override_and_not_in_its_name():
    space = read_space({}, ["+new=1,2"])
    assert list(space.distributions) == ["new"]
    assert space.overrides({"new": 1}) == ("+new=1",)


def test_points_and_their_number():
    space = read_space({"a": "1,2", "b": "choice(u, v, w)", "c": "choice(9)"}, [])
    assert space.size == len(list(space.points())) == 6
    assert list(space.searched) == ["a", "b"]
    assert read_space({"a": "1,2", "x": "interval(0.0, 1.0)"}, []).size == math.inf


def test_points_are_the_same_point_when_their_values_are():
    space = read_space({"a": "range(0, 1, 0.1)", "b": "choice(1, true)"}, [])
    assert space.key({"a": 0.1 + 0.2, "b": 1}) == space.key({"a": 0.3, "b": 1})
    assert space.key({"a": 0.3, "b": 1}) != space.key({"a": 0.3, "b": True})
    assert space.key({"a": 0.35, "b": 1}) is None
    assert space.key({"a": 0.3}) is None


def test_any_value_is_one_of_the_distribution():
    space = read_space({"a": "choice(u, v)", "b": "interval(2, 3)"}, [])
    assert {name: any_value(d) for name, d in space.distributions.items()} == {"a": "u", "b": 2.0}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("interval(1.0, 0.5)", "x: cannot be searched: 'x=interval(1.0, 0.5)': "),
        ("tag(log, interval(0.0, 0.5))", "x: cannot be searched: "),
        ("range(3, 1)", "x: cannot be searched: 'x=range(3, 1)': the range is empty"),
        ("0.5", "hydra.sweeper.params: nothing is searched."),
    ],
)
def test_a_space_that_makes_no_sense(written: str, message: str):
    with pytest.raises(ConfigError) as raised:
        read_space({"x": written}, [])
    assert str(raised.value).startswith(message)
