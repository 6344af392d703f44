"""Whether the forward pass can be compiled."""

import pytest
import torch
from torch import nn

from ml_core.errors import ConfigError
from ml_core.models.compilation import compile_in_place

CUDA = torch.device("cuda")


@pytest.mark.parametrize(("capability", "is_compiled"), [((6, 1), False), ((7, 0), True), ((9, 0), True)])
def test_it_needs_cuda_of_capability_7(capability, is_compiled: bool, monkeypatch: pytest.MonkeyPatch, caplog):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    network = nn.Linear(1, 1)
    names = set(network.state_dict())

    compile_in_place(network, CUDA)

    assert (network._compiled_call_impl is not None) is is_compiled
    assert ("capability 7 or higher" in caplog.text) is not is_compiled
    assert set(network.state_dict()) == names


def test_only_a_module_can_be_compiled(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))

    with pytest.raises(ConfigError) as caught:
        compile_in_place(torch.relu, CUDA)

    assert str(caught.value) == "model.compile: needs a forward_fn that is a module. Wrap it in WrapTransform."
