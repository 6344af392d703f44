"""Data sets that are made up: for tests, for first steps, and to see whether a model can learn at all."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ml_core.data.columns import TensorColumns
from ml_core.errors import ConfigError

SHAPES = ("circle", "square", "triangle")
SIGNALS = ("rising", "falling", "steady")


def blobs(
    num_samples: int = 600, num_features: int = 8, num_classes: int = 3, spread: float = 1.0, seed: int = 0
) -> dict[str, TensorColumns]:
    """Return clouds of points, one a class, around random centres two units apart from the origin.

    Columns of the one split `train`: `features` `[num_features]` float32, `label`. Every class has the same number of
    points, or one more.

    Args:
        num_samples: Points.
        num_features: Coordinates of a point.
        num_classes: Clouds.
        spread: Standard deviation of a cloud.
        seed: Of everything that is random.
    """
    _require(num_samples=num_samples, num_features=num_features, num_classes=num_classes)
    rng = Generator().manual_seed(seed)
    centres = torch.nn.functional.normalize(torch.randn(num_classes, num_features, generator=rng)) * 2
    label = _labels(num_samples, num_classes, rng)
    points = centres[label] + spread * torch.randn(num_samples, num_features, generator=rng)
    return {"train": TensorColumns({"features": points, "label": label}, {"label": [*map(str, range(num_classes))]})}


def tones(num_samples: int = 600, length: int = 256, noise: float = 0.3, seed: int = 0) -> dict[str, TensorColumns]:
    """Return tones in noise whose pitch rises, falls or stays: 1-D signals as of a microphone.

    Columns of the one split `train`: `signal` `[1, length]` float32, the tone of amplitude 1; `label` (rising,
    falling, steady).

    Args:
        num_samples: Signals.
        length: Samples of a signal.
        noise: Standard deviation of what is added to the tone.
        seed: Of everything that is random.
    """
    _require(num_samples=num_samples, length=length)
    rng = Generator().manual_seed(seed)
    label = _labels(num_samples, len(SIGNALS), rng)
    slope = torch.tensor([1.0, -1.0, 0.0])[label].unsqueeze(1)
    pitch = 0.12 + 0.04 * torch.rand(num_samples, 1, generator=rng)  # in cycles a sample, halfway
    time = torch.linspace(-0.5, 0.5, length)
    cycles = length * (pitch * time + 0.05 * slope * time.square())
    start = torch.rand(num_samples, 1, generator=rng)
    signal = torch.sin(2 * math.pi * (cycles + start)) + noise * torch.randn(num_samples, length, generator=rng)
    return {"train": TensorColumns({"signal": signal.unsqueeze(1), "label": label}, {"label": SIGNALS})}


def shapes(num_samples: int = 300, size: int = 32, noise: float = 0.15, seed: int = 0) -> dict[str, TensorColumns]:
    """Return bright shapes on striped textures, with the mask of every shape.

    Columns of the one split `train`: `image` `[1, size, size]` uint8; `mask` `[size, size]` int64, 0 for the
    texture and else 1 + the number of the shape; `label` (circle, square, triangle).

    Args:
        num_samples: Images.
        size: Height and width in pixels, at least 8.
        noise: Standard deviation of the pixels' noise, where black is 0 and white 1.
        seed: Of everything that is random.
    """
    _require(num_samples=num_samples)
    if size < 8:
        raise ConfigError("size", f"is {size!r}, but must be at least 8 pixels.")
    rng = Generator().manual_seed(seed)
    label = _labels(num_samples, len(SHAPES), rng)
    inside = _inside(label, size, rng)
    image = torch.where(inside, 0.75, _stripes(num_samples, size, rng))
    image = image + noise * torch.randn(num_samples, size, size, generator=rng)
    columns = {
        "image": (image.clamp(0, 1) * 255).to(torch.uint8).unsqueeze(1),
        "mask": inside * (1 + label)[:, None, None],
        "label": label,
    }
    return {"train": TensorColumns(columns, {"label": SHAPES})}


def _inside(label: Tensor, size: int, rng: Generator) -> Tensor:
    """Return which pixels `[n, size, size]` lie in the shape; its centre and radius are random."""
    count = len(label)
    radius = (0.18 + 0.12 * torch.rand(count, generator=rng))[:, None, None]
    centre = 0.3 + 0.4 * torch.rand(2, count, generator=rng)
    steps = (torch.arange(size) + 0.5) / size
    down, right = steps[:, None] - centre[0][:, None, None], steps - centre[1][:, None, None]
    circle = down.square() + right.square() < radius.square()
    square = (down.abs() < radius) & (right.abs() < radius)
    triangle = (down < radius) & (down > 2 * right.abs() - radius)  # its tip is up
    kinds = torch.stack([circle, square, triangle])
    return kinds[label, torch.arange(count)]


def _stripes(count: int, size: int, rng: Generator) -> Tensor:
    """Return waves `[n, size, size]` of random direction and width, between 0.1 and 0.5."""
    angle = (math.pi * torch.rand(count, generator=rng))[:, None, None]
    waves = (2 + 4 * torch.rand(count, generator=rng))[:, None, None]
    steps = torch.arange(size) / size
    along = steps[:, None] * torch.sin(angle) + steps * torch.cos(angle)
    return 0.3 + 0.2 * torch.sin(2 * math.pi * waves * along)


def _labels(count: int, num_classes: int, rng: Generator) -> Tensor:
    return (torch.arange(count) % num_classes)[torch.randperm(count, generator=rng)]


def _require(**numbers: int) -> None:
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ConfigError(name, f"is {number!r}, but must be a whole number from 1.")
