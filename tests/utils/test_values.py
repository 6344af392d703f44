"""Why a key has no value."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from ml_core.errors import ConfigError
from ml_core.utils.values import value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: ???", "m.a: is required and not given. Give it in a file, or type m.a=<value>."),
        ("a: ${x.y}", "m.a: is ${x.y}, but there is no key 'x.y'. Point it at a key that exists."),
        ("a: pre_${q}", "m.a: is pre_${q}, but there is no key 'q'. Point it at a key that exists."),
        ("a: ${b}\nb: ${a}", "m.a: is ${b}, which points back at itself. Break the circle."),
        (
            "a: ${oc.env:NOT_SET_ANYWHERE}",
            "m.a: needs the environment variable NOT_SET_ANYWHERE, which is not set. "
            "Set it, in the shell or in .env, or give a default: ${oc.env:NOT_SET_ANYWHERE,null}",
        ),
        (
            "a: ${eval:1+1}",
            "m.a: is ${eval:1+1}, but there is no resolver 'eval'. "
            "YAML holds no arithmetic: write the value, or point at another key, ${params.name}.",
        ),
    ],
)
def test_a_key_without_a_value_says_why(text: str, message: str):
    with pytest.raises(ConfigError) as error:
        value(OmegaConf.create(text), "a", "m.a")
    assert str(error.value) == message


def test_a_value_comes_resolved():
    assert value(OmegaConf.create("a: ${b}\nb: 3"), "a", "a") == 3
    assert value(OmegaConf.create("[1, '${[0]}']"), 1, "[1]") == 1
