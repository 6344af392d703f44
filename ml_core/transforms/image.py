"""Image transforms in torchvision's terms, a whole batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision import transforms as v1
from torchvision.transforms import v2

from ml_core.batch import Batch, missing_key
from ml_core.transforms.base import stack_rows
from ml_core.transforms.image_and_mask import ImageAndMask, as_tensors, check_takes_masks, is_on_images_alone
from ml_core.transforms.random_images import per_image

EIGHT_BIT_MODES = {"L": 1, "RGB": 3, "RGBA": 4}
"""Channels of the modes of PIL that hold one byte a channel."""

_CHANNELS = frozenset({1, 3, 4})
_FROM_PIL = (v1.ToTensor, v2.ToTensor, v2.ToImage, v2.PILToTensor)
_PER_IMAGE = (v2.Lambda, v2.ToPILImage, v2.FiveCrop, v2.TenCrop)


class TorchVisionTransform:
    """Apply a torchvision transform to every image under a key, and put the result in its place.

    The images are a stack `[batch, channel, height, width]` or a list (PIL images, tensors of several sizes). What
    works on a stack is called once per batch: `ToTensor`, `Normalize`, those of `torchvision.transforms.v2` that are
    not random, and the random ones of `random_images.py`. The rest is called per image. In either way each image draws
    random numbers of its own.

    With `mask_key` the masks of the images are moved with them, by torchvision's rules for `tv_tensors.Mask`. Colours,
    noise and erasing leave masks alone, and numbers of classes are never blended. Masks are tensors
    `[batch, height, width]` or `[batch, 1, height, width]`, which they stay, or a list (PIL images, tensors of several
    sizes); lists become `[batch, 1, height, width]` where they have one size.

    Reads and writes: `key`, and `mask_key` where it is given.

    Args:
        transform: A transform of `torchvision.transforms` or `torchvision.transforms.v2`, or any callable on one
            image. With masks one of v2.
        key: Batch key of the images.
        per_sample: Call per image in any case.
        mask_key: Batch key of the masks, whose pixels are numbers of classes.
        mask_fill: Class of the pixels of a mask that come from outside its image, such as the `ignore_index` of the
            loss.

    Raises:
        ConfigError: If the transform cannot take masks.
        BatchKeyError: When it is called on a batch that lacks a key.
        DataError: When a mask has another size than its image.
    """

    def __init__(
        self,
        transform: Callable[[Any], Any],
        key: str,
        per_sample: bool = False,
        mask_key: str | None = None,
        mask_fill: int = 0,
    ) -> None:
        self.transform = transform
        self.key = key
        self.per_sample = per_sample
        self.mask_key, self.mask_fill = mask_key, mask_fill
        self.reads = self.writes = (key,) if mask_key is None else (key, mask_key)
        self._on_batch = None if per_sample else _on_batch(transform)
        self._takes_pil = isinstance(_steps(transform)[0], _FROM_PIL)
        self._is_inplace = any(getattr(step, "inplace", False) for step in _steps(transform))
        self._with_masks = [] if mask_key is None else self._steps_with_masks()

    @property
    def takes_pixels(self) -> bool:
        """Whether PIL images and the stack of their pixels, as `pixels_of` makes it, give the same result."""
        return self._takes_pil and self._on_batch is not None

    def single(self) -> list[TorchVisionTransform]:
        """Return one transform for each step of a torchvision composition, which do the same in a row.

        Steps that change no mask are of the images alone, but the first, which makes the masks tensors.
        """
        if not isinstance(self.transform, v1.Compose | v2.Compose):
            return [self]
        steps = _steps(self.transform)
        keys = [None if number and is_on_images_alone(step) else self.mask_key for number, step in enumerate(steps)]
        pairs = zip(steps, keys, strict=True)
        return [TorchVisionTransform(step, self.key, self.per_sample, key, self.mask_fill) for step, key in pairs]

    def __call__(self, batch: Batch) -> Batch:
        """Return the transformed images, and masks: a stack where they have one shape, else a list."""
        for name, key in (("key", self.key), ("mask_key", self.mask_key)):
            if key is not None and key not in batch:
                raise missing_key(key, batch, name)
        if self.mask_key is None:
            return {self.key: self._of_images(batch[self.key])}
        images, masks = batch[self.key], batch[self.mask_key]
        had_channel = not isinstance(masks, Tensor) or masks.ndim == 4
        masks = as_tensors(masks)
        for step in self._with_masks:
            images, masks = step(images, masks)
        return {self.key: images, self.mask_key: masks if had_channel else masks.squeeze(1)}

    def _of_images(self, images: Any) -> Any:
        if isinstance(images, Tensor) and self._is_inplace:
            images = images.clone()
        if self._on_batch is not None:
            images = _stacked(images, self._takes_pil)
            if isinstance(images, Tensor):
                return self._on_batch(images)
        return stack_rows([self.transform(image) for image in images])

    def _steps_with_masks(self) -> list[Callable[[Any, Any], tuple[Any, Any]]]:
        check_takes_masks(self.transform)
        return [
            _ImagesAlone(TorchVisionTransform(step, self.key, self.per_sample))
            if is_on_images_alone(step)
            else ImageAndMask(step, self.mask_fill, _is_fixed(step), self.per_sample)
            for step in _steps(self.transform)
        ]


class _ImagesAlone:
    """A step that changes no mask."""

    def __init__(self, step: TorchVisionTransform) -> None:
        self.step = step

    def __call__(self, images: Any, masks: Any) -> tuple[Any, Any]:
        return self.step._of_images(images), masks


def _on_batch(transform: Any) -> Callable[[Tensor], Tensor] | None:
    """Return what does the same to a whole stack at once, or None."""
    if isinstance(transform, v1.ToTensor | v2.ToTensor):
        return _to_float
    if isinstance(transform, v1.Compose | v2.Compose):
        steps = [_on_batch(step) for step in transform.transforms]
        return None if None in steps else _Chain(steps)  # type: ignore[arg-type]
    if isinstance(transform, v1.Normalize) or _is_fixed(transform):
        return transform
    return per_image(transform)


def _steps(transform: Any) -> list[Any]:
    """Return the single transforms of a composition, in order."""
    if isinstance(transform, v1.Compose | v2.Compose):
        return [step for part in transform.transforms for step in _steps(part)]
    return [transform]


def _is_fixed(transform: Any) -> bool:
    """Whether a v2 transform draws no random numbers and is no container that may."""
    return (
        isinstance(transform, v2.Transform)
        and not isinstance(transform, _PER_IMAGE)
        and type(transform).make_params is v2.Transform.make_params
        and type(transform).forward is v2.Transform.forward
    )


class _Chain:
    """Several functions in a row."""

    def __init__(self, steps: list[Callable[[Tensor], Tensor]]) -> None:
        self.steps = steps

    def __call__(self, images: Tensor) -> Tensor:
        for step in self.steps:
            images = step(images)
        return images


def _to_float(images: Tensor) -> Tensor:
    """Scale 8-bit images to [0, 1] and put the channels first, as torchvision's ToTensor does with arrays."""
    if images.ndim == 3:
        images = images.unsqueeze(1)
    elif images.shape[1] not in _CHANNELS and images.shape[-1] in _CHANNELS:
        images = images.movedim(-1, 1).contiguous()
    return images.float().div_(255) if images.dtype == torch.uint8 else images


def _stacked(images: Any, takes_pil: bool) -> Any:
    """Return what can be one stack as one: tensors, and PIL images of an 8-bit mode and one size.

    PIL images only before a transform that would convert them anyway: resizing them, say, rounds in another way.
    """
    if isinstance(images, Tensor) or not images:
        return images
    pixels = pixels_of(images) if takes_pil else None
    return stack_rows(images) if pixels is None else pixels


def pixels_of(images: Sequence[Any]) -> Tensor | None:
    """Return PIL images of one 8-bit mode and one size as uint8 `[batch, channel, height, width]`; None for others."""
    kinds = {(getattr(image, "mode", None), getattr(image, "size", None)) for image in images}
    mode, _ = next(iter(kinds))
    if len(kinds) > 1 or mode not in EIGHT_BIT_MODES:
        return None
    pixels = torch.from_numpy(np.stack([np.asarray(image) for image in images]))
    return pixels.unsqueeze(1) if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2).contiguous()
