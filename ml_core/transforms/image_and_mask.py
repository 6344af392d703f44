"""How is what moves an image done to its mask as well?

The rules are those of `torchvision.transforms.v2` for `tv_tensors.Image` and `tv_tensors.Mask`: one geometry for both,
nearest pixels for the mask, and no change of its values by colours, noise and the like.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torchvision import transforms as v1
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as tv

from ml_core.errors import ConfigError, DataError
from ml_core.transforms.base import stack_rows
from ml_core.transforms.random_images import Apply, Crop, Flip, OnStack, Rotate, per_image

_MOVES = (Flip, Crop, Rotate)
_ON_IMAGES_ALONE = (
    v1.ToTensor, v1.Normalize, v2.ToTensor, v2.ToImage, v2.PILToTensor, v2.Normalize, v2.ColorJitter, v2.GaussianBlur,
    v2.RandomErasing,
)  # fmt: skip
_TAKES_NO_MASKS = (v2.AutoAugment, v2.RandAugment, v2.TrivialAugmentWide, v2.AugMix, v2.FiveCrop, v2.TenCrop)
_CONTAINERS = (v1.Compose, v2.Compose, v2.RandomApply, v2.RandomChoice, v2.RandomOrder)


class ImageAndMask:
    """A transform of torchvision on images and their masks: each sample draws its own numbers, which hold for both.

    Args:
        transform: A single transform of `torchvision.transforms.v2`, no composition.
        fill: Class number of pixels that come from outside an image.
        is_on_stack: Whether torchvision can do it to a whole stack.
        per_sample: Call it for one sample after another in any case.
    """

    def __init__(self, transform: Any, fill: int, is_on_stack: bool, per_sample: bool = False) -> None:
        on_stack = None if per_sample else per_image(transform)
        self.transform = _with_fill(transform, fill)
        self._random = _Jointly(on_stack, fill) if isinstance(on_stack, OnStack) else None
        self._is_on_stack = is_on_stack and not per_sample

    def __call__(self, images: Any, masks: Any) -> tuple[Any, Any]:
        """Return images and masks: a stack of each where they have one shape, else a list."""
        if len(images) != len(masks):
            raise DataError("mask_key", f"there are {len(masks)} masks for {len(images)} images.")
        if isinstance(images, Tensor) and isinstance(masks, Tensor) and images.ndim == 4:
            _check_sizes(images, masks)
            if self._random is not None and self._random.takes(images):
                return self._random(images, masks)
            if self._is_on_stack:
                return self._apply(images, masks)
        pairs = [self._apply(image, mask) for image, mask in zip(images, masks, strict=True)]
        return stack_rows([image for image, _ in pairs]), stack_rows([mask for _, mask in pairs])

    def _apply(self, image: Any, mask: Tensor) -> tuple[Any, Any]:
        _check_sizes(image, mask)
        image = tv_tensors.Image(image) if isinstance(image, Tensor) else image
        image, mask = self.transform(image, tv_tensors.Mask(mask))
        return _plain(image), _plain(mask)


class _Jointly:
    """A random transform on a stack, with the masks.

    Args:
        on_images: What it is on images.
        fill: Class number of pixels that come from outside an image.
    """

    def __init__(self, on_images: OnStack, fill: int) -> None:
        self.on_images = on_images
        self.on_masks = per_image(_of_masks(on_images.transform, fill)) if isinstance(on_images, _MOVES) else None
        steps = on_images.steps if isinstance(on_images, Apply) else ()
        self.steps = [_Jointly(step, fill) for step in steps]  # type: ignore[arg-type]

    def takes(self, images: Tensor) -> bool:
        """Whether these images can be treated as a stack."""
        return self.on_images.takes(images) and all(step.takes(images) for step in self.steps)

    def __call__(self, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        """Return both after the same moves."""
        drawn = self.on_images.draw(images)
        if self.steps:
            return self._some(images, masks, drawn["is_chosen"].nonzero()[:, 0].to(images.device))
        if isinstance(self.on_masks, OnStack):
            masks = self.on_masks.apply(masks, **drawn)
        return self.on_images.apply(images, **drawn), masks

    def _some(self, images: Tensor, masks: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Transform the samples that were chosen, of a `RandomApply`."""
        if not len(rows):
            return images, masks
        some, their = images[rows], masks[rows]
        for step in self.steps:
            some, their = step(some, their)
        return images.index_copy(0, rows, some), masks.index_copy(0, rows, their)


def is_on_images_alone(transform: Any) -> bool:
    """Whether a transform never changes a mask."""
    if isinstance(transform, v2.ToDtype):
        return isinstance(transform.dtype, torch.dtype)
    return isinstance(transform, _ON_IMAGES_ALONE)


def as_tensors(masks: Any) -> Any:
    """Return masks as `[batch, 1, height, width]`, or as a list of `[1, height, width]` where they differ in size."""
    if isinstance(masks, Tensor):
        return masks.unsqueeze(1) if masks.ndim == 3 else masks
    return stack_rows([_with_channel(_tensor(mask)) for mask in masks])


def check_takes_masks(transform: Any) -> None:
    """Refuse a transform that cannot move a mask with its image.

    Raises:
        ConfigError: Names the transform, inside a composition too.
    """
    for step in _walk(transform):
        if isinstance(step, _TAKES_NO_MASKS):
            raise ConfigError(
                "mask_key", f"torchvision's {type(step).__name__} cannot move masks with their images.",
                "Name single ones, such as RandomHorizontalFlip, RandomAffine and ColorJitter.",
            )  # fmt: skip
        if not isinstance(step, v2.Transform | v1.Compose) and not is_on_images_alone(step):
            raise ConfigError(
                "mask_key", f"takes a transform of torchvision.transforms.v2, which knows masks, not {_name(step)}."
            )


def _with_fill(transform: Any, fill: int) -> Any:
    """Return a copy of a v2 transform that fills masks with a number of their own.

    torchvision takes `fill` as a dict of types, which YAML cannot write; it keeps it in `_fill`.
    """
    transform = copy.deepcopy(transform)
    for step in _walk(transform):
        if isinstance(getattr(step, "_fill", None), dict):
            step._fill = {tv_tensors.Mask: fill, **step._fill}
    return transform


def _of_masks(transform: Any, fill: int) -> Any:
    """Return what a random transform of a stack is on masks."""
    transform = copy.copy(transform)
    transform.fill = fill
    if hasattr(transform, "interpolation"):
        transform.interpolation = InterpolationMode.NEAREST
    return transform


def _walk(transform: Any) -> Iterator[Any]:
    """Yield a transform and all that it consists of."""
    yield transform
    if isinstance(transform, _CONTAINERS):
        for step in transform.transforms:
            yield from _walk(step)


def _name(step: Any) -> str:
    kind = step if callable(step) and hasattr(step, "__qualname__") else type(step)
    return f"{kind.__module__}.{kind.__qualname__}"


def _tensor(mask: Any) -> Tensor:
    return mask if isinstance(mask, Tensor) else tv_tensors.Mask(mask).as_subclass(Tensor)


def _with_channel(mask: Tensor) -> Tensor:
    return mask.unsqueeze(0) if mask.ndim == 2 else mask


def _check_sizes(image: Any, mask: Tensor) -> None:
    of_image, of_mask = tv.get_size(image), tv.get_size(mask)
    if of_image != of_mask:
        raise DataError(
            "mask_key", f"a mask has {of_mask[0]} x {of_mask[1]} pixels (height, width), but its image has "
            f"{of_image[0]} x {of_image[1]}.", "Give masks of the size of their images, and let each step change both.",
        )  # fmt: skip


def _plain(value: Any) -> Any:
    return value.as_subclass(Tensor) if isinstance(value, tv_tensors.TVTensor) else value
