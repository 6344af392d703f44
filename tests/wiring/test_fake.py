"""Fake tensors: modules of any size are built and run in no memory, and what they do not see is looked at."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor

from ml_core.wiring.fake import ShapeMode, fake_copy, needs_values, on_fake_tensors, to_fake, zeros_like_fake


@pytest.fixture
def mode() -> ShapeMode:
    return ShapeMode()


def test_a_layer_that_copies_itself_is_built(mode: ShapeMode):
    with on_fake_tensors(mode):
        encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, batch_first=True), 3)
        assert encoder(torch.empty(2, 5, 64)).shape == (2, 5, 64)
    assert all(isinstance(parameter, FakeTensor) for parameter in encoder.parameters())


@pytest.mark.parametrize("name", ["trunc_normal_", "orthogonal_", "kaiming_uniform_", "sparse_"])
def test_weights_are_not_initialised(mode: ShapeMode, name: str):
    imported_before = getattr(nn.init, name)
    with on_fake_tensors(mode):
        arguments = {"sparsity": 0.5} if name == "sparse_" else {}
        getattr(nn.init, name)(torch.empty(10**5, 10**5), **arguments)
    assert getattr(nn.init, name) is imported_before
    assert getattr(nn.init, name)(torch.empty(4, 4), **arguments).isfinite().all()


def test_trunc_normal_is_off_too_where_it_was_imported_before(mode: ShapeMode):
    from torch.nn.init import trunc_normal_

    with on_fake_tensors(mode):
        trunc_normal_(torch.empty(10**5, 10**5))


@pytest.mark.parametrize(
    "look",
    [
        lambda x: x.sum().item(),
        lambda x: x.tolist(),
        lambda x: x.numpy(),
        lambda x: x if x.sum() > 0 else -x,
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: range(x.sum().long()),
    ],
)
def test_a_look_at_values_is_no_mistake(mode: ShapeMode, look):
    with on_fake_tensors(mode), pytest.raises(Exception) as caught:
        look(torch.empty(3))
    assert needs_values(caught.value)


def test_what_follows_from_a_look_at_values_is_none_either(mode: ShapeMode):
    def look(x):
        try:
            return x.sum().item()
        except RuntimeError as error:
            raise KeyError("size") from error

    with on_fake_tensors(mode), pytest.raises(KeyError) as caught:
        look(torch.empty(3))
    assert needs_values(caught.value)


@pytest.mark.parametrize(
    "fail",
    [
        lambda x: nn.Linear(4, 2)(x),
        lambda x: x @ torch.empty(5, 5),
        lambda x: x.view(7),
        lambda x: torch.cat([x, torch.empty(2, 2, 2)]),
    ],
)
def test_shapes_that_do_not_fit_are_a_mistake(mode: ShapeMode, fail):
    with on_fake_tensors(mode), pytest.raises((RuntimeError, ValueError)) as caught:
        fail(torch.empty(2, 3))
    assert not needs_values(caught.value)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: nn.Linear(3, 2), (2, 3)),
        (lambda: nn.Conv1d(3, 2, 1), (2, 3, 4)),
        (lambda: nn.LSTM(3, 2), (2, 1, 3)),
        (lambda: nn.GRUCell(3, 2), (2, 3)),
    ],
)
def test_an_input_of_another_type_than_the_weights_is_refused_as_real_ones_are(mode: ShapeMode, layer, shape):
    with pytest.raises((RuntimeError, ValueError)):
        layer()(torch.ones(shape, dtype=torch.float64))
    with on_fake_tensors(mode), pytest.raises((RuntimeError, ValueError)):
        layer()(torch.empty(shape, dtype=torch.float64))


def test_autocast_takes_another_type(mode: ShapeMode):
    with on_fake_tensors(mode), torch.autocast("cpu", torch.bfloat16):
        assert nn.Linear(3, 2)(torch.empty(2, 3, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_a_batch_is_as_large_as_that_of_the_run(mode: ShapeMode):
    batch = {"x": torch.ones(2, 3), "scale": torch.ones(()), "table": torch.ones(5, 2), "text": ["a", "b"]}
    fake = to_fake(batch, mode, rows=2, size=64)
    shapes = [tuple(fake[key].shape) for key in ("x", "scale", "table")]
    assert shapes == [(64, 3), (), (5, 2)]
    assert fake["text"] == ["a", "b"]
    assert batch["x"].shape == (2, 3)


def test_a_copy_is_fake_keeps_ties_and_leaves_the_original_alone(mode: ShapeMode):
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.BatchNorm1d(4))
    net[1].weight = net[0].weight
    before = copy.deepcopy(net.state_dict())
    with mode, torch.no_grad():
        twin = fake_copy(net, mode)
        assert twin(mode.from_tensor(torch.ones(2, 4))).shape == (2, 4)
    assert twin[1].weight is twin[0].weight
    assert isinstance(twin[0].weight, FakeTensor)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_zeros_stand_for_a_fake_tensor_and_take_no_memory(mode: ShapeMode):
    with mode:
        fake = torch.empty(10**6, 10**6, dtype=torch.int64)
    zeros = zeros_like_fake(fake)
    assert (zeros.shape, zeros.dtype, zeros.untyped_storage().nbytes()) == (fake.shape, torch.int64, 8)
    assert zeros_like_fake("text") == "text"
