"""Of which single steps does a transform consist, and which of them are one scaling of pixels?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torchvision import transforms as v1
from torchvision.transforms import v2

from ml_core.batch import Batch
from ml_core.transforms.base import ComposeTransform, Transform
from ml_core.transforms.image import EIGHT_BIT_MODES, TorchVisionTransform, pixels_of

Steps: TypeAlias = Sequence[tuple[str, Transform]]

_AS_IT_IS = (v2.ToImage, v2.PILToTensor)
_TO_UNIT = (v1.ToTensor, v2.ToTensor)


def single_steps(steps: Steps) -> list[tuple[str, Transform]]:
    """Return `(YAML path, transform)` with every composition taken apart; in a row they do the same."""
    return [single for path, step in steps for single in _parts(path, step)]


def _parts(path: str, step: Transform) -> Iterator[tuple[str, Transform]]:
    if isinstance(step, ComposeTransform):
        for name in step.names:
            yield from _parts(f"{path}.{name}", step[name])
    elif isinstance(step, TorchVisionTransform):
        yield from ((path, part) for part in step.single())
    else:
        yield path, step


def fused(steps: Steps) -> list[tuple[str, Transform]]:
    """Return single steps with each conversion of pixels to floats, and its `Normalize`, as one step.

    Where both are applied to 8-bit images the result is theirs, but for rounding: it differs by less than 1e-6 of the
    largest value. On anything else the steps are called one by one.
    """
    result: list[tuple[str, Transform]] = []
    position = 0
    while position < len(steps):
        length = _length(steps[position:])
        run = steps[position : position + length]
        result.append((run[0][0], _Scaling(run)) if length > 1 else run[0])
        position += length
    return result


def _length(steps: Steps) -> int:
    """Return how many of the first steps are one scaling: conversions, one of them to floats, then `Normalize`."""
    count, is_float, key = 0, False, getattr(steps[0][1], "key", None)
    for _, step in steps:
        if not isinstance(step, TorchVisionTransform) or step.per_sample or step.key != key or step.mask_key:
            break
        if not (_is_affine(step.transform) if is_float else isinstance(step.transform, _AS_IT_IS) or _to_unit(step)):
            break
        is_float = is_float or _to_unit(step)
        count += 1
    return count if is_float else 1


def _to_unit(step: Any) -> bool:
    """Whether a step turns bytes into floats from 0 to 1."""
    if isinstance(step.transform, v2.ToDtype):
        return step.transform.dtype is torch.float32 and step.transform.scale
    return isinstance(step.transform, _TO_UNIT)


def _is_affine(transform: Any) -> bool:
    """Whether it is a `Normalize` that torchvision itself would accept."""
    if not isinstance(transform, v1.Normalize | v2.Normalize):
        return False
    mean, std = _vector(transform.mean), _vector(transform.std)
    return bool((std != 0).all()) and (len(mean) == len(std) or 1 in (len(mean), len(std)))


class _Scaling:
    """Several steps on the bytes of images as one multiplication and one addition.

    Where the input is no stack of 8-bit images, or has other channels than the means, the steps run one by one: they
    say themselves what is wrong.
    """

    def __init__(self, steps: Steps) -> None:
        self.steps = [step for _, step in steps]
        self.key = self.steps[0].key  # type: ignore[attr-defined]
        self.reads = self.writes = (self.key,)
        self.takes_pixels = getattr(self.steps[0], "takes_pixels", False)
        self.scale, self.shift = _affine(self.steps)
        self.is_same = bool((self.scale == self.scale[0]).all())
        self.factor = float(self.scale.flatten()[0])

    def __call__(self, batch: Batch) -> Batch:
        """Return the scaled images."""
        images = batch.get(self.key)
        if isinstance(images, list) and images and self.takes_pixels:
            images = pixels_of(images)
        if isinstance(images, Tensor) and self._fits(images):
            return {self.key: self._scaled(images)}
        for step in self.steps:
            batch = {**batch, **step(batch)}
        return {self.key: batch[self.key]}

    def _fits(self, images: Tensor) -> bool:
        is_stack = images.dtype is torch.uint8 and images.ndim == 4 and images.shape[1] in EIGHT_BIT_MODES.values()
        return is_stack and len(self.scale) in (1, images.shape[1])

    def _scaled(self, images: Tensor) -> Tensor:
        pixels = images.to(torch.float32)
        if self.is_same:  # one pass instead of two
            return torch.add(self.shift, pixels, alpha=self.factor, out=pixels)
        return pixels.mul_(self.scale).add_(self.shift)


def _affine(steps: Iterable[Any]) -> tuple[Tensor, Tensor]:
    """Return factor and summand of each channel, `[channel, 1, 1]`, computed in float64."""
    scale, shift = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    for step in steps:
        if _to_unit(step):
            scale, shift = scale / 255, shift / 255
        elif _is_affine(step.transform):
            mean, std = _vector(step.transform.mean), _vector(step.transform.std)
            scale, shift = scale / std, (shift - mean) / std
    scale, shift = torch.broadcast_tensors(scale, shift)
    return scale.float().view(-1, 1, 1), shift.float().view(-1, 1, 1)


def _vector(numbers: Any) -> Tensor:
    return torch.as_tensor(numbers, dtype=torch.float64).flatten()
