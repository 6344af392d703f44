"""SimpleDenseNet against the same layers written by hand."""

from itertools import pairwise

import pytest
import torch
from torch.nn import functional

from ml_core.models.components.simple_dense_net import SimpleDenseNet


@pytest.mark.parametrize("shape", [(4, 1, 28, 28), (4, 784), (4, 28, 28)])
def test_any_shape_is_flattened(shape):
    assert SimpleDenseNet()(torch.randn(shape)).shape == (4, 10)


def test_input_need_not_be_contiguous():
    image = torch.randn(4, 28, 28, 1).permute(0, 3, 1, 2)
    network = SimpleDenseNet().eval()

    torch.testing.assert_close(network(image), network(image.contiguous()))


@pytest.mark.parametrize("training", [True, False])
def test_it_is_three_blocks_and_a_linear_layer(training):
    network = SimpleDenseNet(12, 8, 6, 5, 3).train(training)
    x = torch.randn(7, 3, 4)
    weights = dict(network.named_parameters())
    means, variances = torch.zeros(1), torch.ones(1)

    expected = x.reshape(7, 12)
    for i in (0, 3, 6):
        expected = functional.linear(expected, weights[f"model.{i}.weight"], weights[f"model.{i}.bias"])
        if training:
            means, variances = expected.mean(dim=0), expected.var(dim=0, correction=0)
        expected = torch.relu((expected - means) / torch.sqrt(variances + 1e-5))
    expected = functional.linear(expected, weights["model.9.weight"], weights["model.9.bias"])

    torch.testing.assert_close(network(x), expected)


def test_the_number_of_weights_follows_from_the_widths():
    widths = [784, 64, 128, 32]
    blocks = sum(a * b + b + 2 * b for a, b in pairwise(widths))

    network = SimpleDenseNet(*widths, output_size=10)

    assert sum(p.numel() for p in network.parameters()) == blocks + 32 * 10 + 10
