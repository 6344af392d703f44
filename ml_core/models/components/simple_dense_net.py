"""A plain fully connected network."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn


class SimpleDenseNet(nn.Module):
    """Three blocks of linear layer, batch normalisation and ReLU, then a linear layer.

    Args:
        input_size: Number of input features; for images channels x height x width.
        lin1_size: Width of the first block.
        lin2_size: Width of the second block.
        lin3_size: Width of the third block.
        output_size: Number of outputs, such as classes.

    Shape:
        x `[batch, ...]`, flattened to `[batch, input_size]`; returns `[batch, output_size]`.
    """

    def __init__(
        self,
        input_size: int = 784,
        lin1_size: int = 256,
        lin2_size: int = 256,
        lin3_size: int = 256,
        output_size: int = 10,
    ) -> None:
        super().__init__()
        widths = [input_size, lin1_size, lin2_size, lin3_size]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU()]
        self.model = nn.Sequential(*layers, nn.Linear(lin3_size, output_size))

    def forward(self, x: Tensor) -> Tensor:
        """Return one score per output."""
        return self.model(x.flatten(start_dim=1))
