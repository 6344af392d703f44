"""Which arguments callables take."""

import functools
import math

import pytest
import torch
from torch import nn

from ml_core.errors import ConfigError
from ml_core.utils.signatures import Accepted, accepted, name_of, reject_unknown


def function(a, b=1, *, c, d=2):
    return a, b, c, d


def variadic(*args, **kwargs):
    return args, kwargs


def positional(a, /, b):
    return a, b


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (function, Accepted(("a", "b", "c", "d"), frozenset("ac"), is_open=False)),
        (variadic, Accepted((), frozenset(), is_open=True, takes_args=True)),
        (positional, Accepted(("b",), frozenset("b"), is_open=False)),
        (functools.partial(function, c=3), Accepted(("a", "b", "c", "d"), frozenset("a"), is_open=False)),
        (nn.ReLU, Accepted(("inplace",), frozenset(), is_open=False)),
        (nn.ReLU(), Accepted(("input",), frozenset({"input"}), is_open=False)),
        (nn.MSELoss(), Accepted(("input", "target"), frozenset({"input", "target"}), is_open=False)),
    ],
    ids=["function", "variadic", "positional-only", "partial", "class", "module", "loss"],
)
def test_signatures_tell_names_and_which_of_them_are_required(target, expected):
    assert accepted(target) == expected


@pytest.mark.parametrize("target", [torch.neg, math.hypot, dict])
def test_built_ins_without_a_signature_tell_nothing(target):
    assert accepted(target) is None


def test_an_unknown_key_is_refused_with_the_nearest_and_all_names():
    with pytest.raises(ConfigError) as error:
        reject_unknown(nn.Linear, "torch.nn.Linear", ["in_features", "out_featurs"], "model.head")

    assert str(error.value) == (
        "model.head.out_featurs: torch.nn.Linear takes no 'out_featurs'. Did you mean 'out_features'? "
        "It takes: in_features, out_features, bias, device, dtype."
    )


def test_an_unknown_key_at_the_top_has_a_path_without_a_dot():
    with pytest.raises(ConfigError, match=r"^zzz: f takes no 'zzz'\. It takes: a, b, c, d\.$"):
        reject_unknown(function, "f", ["zzz"], "")


@pytest.mark.parametrize("target", [function, variadic, torch.neg])
def test_known_keys_and_open_callables_pass(target):
    assert reject_unknown(target, "f", ["a", "d"], "path") is None


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (nn.Linear, "torch.nn.modules.linear.Linear"),
        (nn.Linear(1, 1), "torch.nn.modules.linear.Linear"),
        (nn.functional.mse_loss, "torch.nn.functional.mse_loss"),
        (functools.partial(functools.partial(nn.Linear, 1), 1), "torch.nn.modules.linear.Linear"),
        (len, "len"),
    ],
)
def test_names_for_messages_are_dotted_paths(target, name):
    assert name_of(target) == name
