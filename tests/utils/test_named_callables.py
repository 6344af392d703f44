"""Named callables: modules among them are children, whatever their names."""

import pytest
import torch
from torch import nn

from ml_core.errors import ConfigError
from ml_core.utils.named_callables import NamedCallables


def test_modules_are_children_and_functions_are_kept_beside_them():
    linear = nn.Linear(2, 1)
    callables = NamedCallables({"linear": linear, "neg": torch.neg})

    assert callables.names == ("linear", "neg")
    assert callables["linear"] is linear
    assert callables["neg"] is torch.neg
    assert dict(callables.named_children()) == {"linear": linear}


@pytest.mark.parametrize("name", ["type", "train", "update", "float", "forward", "training", "names", "1", "a b"])
def test_a_module_may_have_any_name(name):
    callables = NamedCallables({name: nn.Linear(2, 1)})

    assert list(callables.state_dict()) == [f"{name}.weight", f"{name}.bias"]
    assert callables.double()[name].weight.dtype == torch.float64
    assert callables.names == (name,)


def test_an_unknown_name_is_a_key_error():
    with pytest.raises(KeyError, match="'b'"):
        NamedCallables({"a": torch.neg})["b"]


@pytest.mark.parametrize(
    ("callables", "message"),
    [
        ({"a": 1}, "a: is 1, but must be something that can be called."),
        ({"a": None}, "a: is None, but must be something that can be called."),
        ({"a.b": torch.neg}, "a.b: is no usable name: it holds a dot."),
    ],
)
def test_what_cannot_be_kept_is_refused(callables, message):
    with pytest.raises(ConfigError) as error:
        NamedCallables(callables)

    assert str(error.value) == message
