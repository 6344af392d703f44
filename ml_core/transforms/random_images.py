"""How does a random transform of torchvision act on a whole stack, so that every image draws numbers of its own?

Called on a stack, `torchvision.transforms.v2` draws once and does the same to all images. Here the numbers of all
images are drawn at once, from the distributions that torchvision draws from and from torch's global generator of the
CPU; what is then done to each image is what torchvision does with its numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as tv

from ml_core.transforms.base import stack_rows

ATTEMPTS = 10
"""How often torchvision tries to find a rectangle that fits, before it erases nothing."""

MODES = {"nearest": "nearest", "bilinear": "bilinear"} | {
    InterpolationMode.NEAREST: "nearest", InterpolationMode.BILINEAR: "bilinear"
}  # fmt: skip


def per_image(transform: Any) -> Callable[[Tensor], Any] | None:
    """Return what applies a random v2 transform to `[batch, channel, height, width]`, each image with its own numbers.

    None where there is no such thing, so that it has to be called for one image after another.
    """
    make = ON_STACK.get(type(transform))
    return make(transform) if make is not None and _is_drawn_alone(transform) else None


class OnStack:
    """A random transform on a stack of images.

    Args:
        transform: The transform of torchvision that it stands for.
    """

    def __init__(self, transform: Any) -> None:
        self.transform = transform

    def __call__(self, images: Tensor) -> Any:
        """Return the transformed stack; anything else than a stack goes through torchvision image by image."""
        if images.ndim != 4 or not self.takes(images):
            return stack_rows([self.transform(image) for image in images])
        return self.apply(images, **self.draw(images))

    def takes(self, images: Tensor) -> bool:
        """Whether these images can be treated as a stack."""
        return True

    def draw(self, images: Tensor) -> dict[str, Any]:
        """Return random numbers, one of each kind for every image."""
        raise NotImplementedError

    def apply(self, images: Tensor, *args: Any, **drawn: Any) -> Tensor:
        """Return what torchvision makes of each image with its numbers."""
        raise NotImplementedError


class Flip(OnStack):
    """`RandomHorizontalFlip` and `RandomVerticalFlip`."""

    def draw(self, images: Tensor) -> dict[str, Any]:
        """Draw which images are flipped."""
        return {"is_flipped": torch.rand(len(images)) < self.transform.p}

    def apply(self, images: Tensor, *, is_flipped: Tensor) -> Tensor:
        """Flip them."""
        axis = -1 if isinstance(self.transform, v2.RandomHorizontalFlip) else -2
        return torch.where(_each(is_flipped, images), images.flip(axis), images)


class Crop(OnStack):
    """`RandomCrop`, with its padding."""

    def draw(self, images: Tensor) -> dict[str, Any]:
        """Draw the upper left corners."""
        asked = self.transform.make_params([images])
        left, top, right, bottom = asked["padding"]
        height, width = asked["height"], asked["width"]
        space = images.shape[-2] + top + bottom - height, images.shape[-1] + left + right - width
        tops, lefts = (torch.randint(size + 1, (len(images),)) for size in space)
        return {"padding": asked["padding"], "tops": tops, "lefts": lefts}

    def apply(self, images: Tensor, *, padding: list[int], tops: Tensor, lefts: Tensor) -> Tensor:
        """Pad and crop."""
        if any(padding):
            fill, mode = self.transform.fill, self.transform.padding_mode
            images = tv.pad(images, padding, fill=fill, padding_mode=mode)
        height, width = self.transform.size
        windows = images.unfold(2, height, 1).unfold(3, width, 1)  # a view: [batch, channel, top, left, height, width]
        rows = torch.arange(len(images), device=images.device)
        return windows[rows, :, tops.to(images.device), lefts.to(images.device)]


class Rotate(OnStack):
    """`RandomRotation` about the centre, within the size of the image."""

    def draw(self, images: Tensor) -> dict[str, Any]:
        """Draw the angles, in degrees."""
        return {"angles": torch.empty(len(images)).uniform_(*self.transform.degrees)}

    def apply(self, images: Tensor, *, angles: Tensor) -> Tensor:
        """Rotate each image by its angle, anticlockwise."""
        height, width = images.shape[-2:]
        values = images if images.is_floating_point() else images.float()
        cos, sin = torch.cos(torch.deg2rad(angles)), torch.sin(torch.deg2rad(angles))
        zero = torch.zeros_like(cos)
        rows = [cos, -sin * height / width, zero, sin * width / height, cos, zero]
        theta = torch.stack(rows, 1).view(-1, 2, 3).to(values)
        grid = functional.affine_grid(theta, list(values.shape), align_corners=False)
        seen = torch.cat([values, torch.ones_like(values[:, :1])], 1)  # the last one tells what lies outside
        mode = MODES[self.transform.interpolation]
        seen = functional.grid_sample(seen, grid, mode=mode, padding_mode="zeros", align_corners=False)
        rotated, inside = seen[:, :-1], seen[:, -1:]
        fill = torch.as_tensor(self.transform.fill).to(values).view(1, -1, 1, 1)
        rotated = torch.where(inside < 0.5, fill, rotated) if mode == "nearest" else (rotated - fill) * inside + fill
        return rotated if images.is_floating_point() else rotated.round().to(images.dtype)


class Erase(OnStack):
    """`RandomErasing`."""

    def draw(self, images: Tensor) -> dict[str, Any]:
        """Draw rectangles until one fits, at most ten times; one of no height where none does or none is wanted."""
        transform, count = self.transform, len(images)
        height, width = images.shape[-2:]
        areas = torch.empty(count, ATTEMPTS).uniform_(*transform.scale) * height * width
        aspects = torch.empty(count, ATTEMPTS).uniform_(*(math.log(ratio) for ratio in transform.ratio)).exp()
        tall, wide = (areas * aspects).sqrt().round().long(), (areas / aspects).sqrt().round().long()
        fits = (tall < height) & (wide < width)
        first = fits.int().argmax(1, keepdim=True)  # of the largest, which come first
        is_erased = (torch.rand(count) < transform.p) & fits.any(1)
        tall, wide = tall.gather(1, first)[:, 0] * is_erased, wide.gather(1, first)[:, 0]
        tops, lefts = ((torch.rand(count) * (size + 1)).long() for size in (height - tall, width - wide))
        return {"tops": tops, "lefts": lefts, "tall": tall, "wide": wide}

    def apply(self, images: Tensor, *, tops: Tensor, lefts: Tensor, tall: Tensor, wide: Tensor) -> Tensor:
        """Erase the rectangles."""
        height, width = images.shape[-2:]
        rows, columns = torch.arange(height)[:, None], torch.arange(width)
        top, left = tops.view(-1, 1, 1, 1), lefts.view(-1, 1, 1, 1)
        inside = (rows >= top) & (rows < top + tall.view(-1, 1, 1, 1))
        inside = inside & (columns >= left) & (columns < left + wide.view(-1, 1, 1, 1))
        if self.transform.value is None:
            value = torch.randn(images.shape, device=images.device).to(images.dtype)
        else:
            value = torch.tensor(self.transform.value).to(images).view(1, -1, 1, 1)
        return torch.where(inside.to(images.device), value, images)


class Blur(OnStack):
    """`GaussianBlur`."""

    def takes(self, images: Tensor) -> bool:
        """Whether the images are larger than the border that is reflected."""
        return all(size > kernel // 2 for size, kernel in zip(images.shape[-2:], self._kernel(), strict=True))

    def draw(self, images: Tensor) -> dict[str, Any]:
        """Draw the spreads, in pixels."""
        return {"sigmas": torch.empty(len(images)).uniform_(*self.transform.sigma)}

    def apply(self, images: Tensor, *, sigmas: Tensor) -> Tensor:
        """Convolve each image with its kernel."""
        tall, wide = self._kernel()
        values = images if images.is_floating_point() else images.float()
        kernels = _gaussian(tall, sigmas)[:, :, None] * _gaussian(wide, sigmas)[:, None, :]
        kernels = kernels.repeat_interleave(images.shape[1], 0)[:, None].to(values)
        border = [wide // 2, wide // 2, tall // 2, tall // 2]
        planes = functional.pad(values, border, mode="reflect").flatten(0, 1)[None]
        blurred = functional.conv2d(planes, kernels, groups=len(kernels)).view(images.shape)
        return blurred if images.is_floating_point() else blurred.round().to(images.dtype)

    def _kernel(self) -> tuple[int, int]:
        wide, tall = self.transform.kernel_size  # torchvision's functional reads (x, y)
        return tall, wide


class Jitter(OnStack):
    """`ColorJitter`: brightness, contrast, saturation and hue, for each image in an order of its own."""

    def takes(self, images: Tensor) -> bool:
        """Whether these are grey or RGB images."""
        return images.shape[1] in (1, 3)

    def draw(self, images: Tensor) -> dict[str, Any]:
        """Draw the orders, and the factors of what is asked for."""
        orders = torch.rand(len(images), 4).argsort(1)
        ranges = [getattr(self.transform, name) for name in ADJUSTMENTS]
        return {"orders": orders, "factors": [r and torch.empty(len(images)).uniform_(*r) for r in ranges]}

    def apply(self, images: Tensor, *, orders: Tensor, factors: Sequence[Tensor | None]) -> Tensor:
        """Adjust at each place of the orders the images whose turn it is, together."""
        images = images.clone()
        for place in orders.unbind(1):
            for number, (adjust, factor) in enumerate(zip(ADJUSTMENTS.values(), factors, strict=True)):
                rows = (place == number).nonzero()[:, 0]
                if factor is not None and len(rows):
                    there = rows.to(images.device)
                    images[there] = adjust(images[there], factor[rows].to(images.device).view(-1, 1, 1, 1))
        return images


class Apply(OnStack):
    """`RandomApply` of what can be applied to a stack."""

    def __init__(self, transform: Any) -> None:
        super().__init__(transform)
        self.steps = [per_image(step) for step in transform.transforms]

    def draw(self, images: Tensor) -> dict[str, Any]:
        """Draw which images are transformed."""
        return {"is_chosen": torch.rand(len(images)) < self.transform.p}

    def apply(self, images: Tensor, *, is_chosen: Tensor) -> Tensor:
        """Transform them."""
        rows = is_chosen.nonzero()[:, 0].to(images.device)
        if not len(rows):
            return images
        some = images[rows]
        for step in self.steps:
            some = step(some)  # type: ignore[misc]
        return images.index_copy(0, rows, some)


def _each(numbers: Tensor, images: Tensor) -> Tensor:
    """Return one number an image where it can be combined with the images."""
    return numbers.to(images.device).view(-1, 1, 1, 1)


def _gaussian(size: int, sigmas: Tensor) -> Tensor:
    """Return `[batch, size]`: a normalised bell for each spread."""
    places = torch.arange(size) - (size - 1) / 2
    return torch.softmax(-0.5 * (places / sigmas[:, None]) ** 2, 1)


def _blend(images: Tensor, other: Tensor | float, factor: Tensor) -> Tensor:
    bound = 1.0 if images.is_floating_point() else torch.iinfo(images.dtype).max
    return (images * factor + other * (1 - factor)).clamp(0, bound).to(images.dtype)


def _grey(images: Tensor) -> Tensor:
    if images.shape[1] == 1:
        return images.float()
    grey = (images * torch.tensor([0.2989, 0.587, 0.114], device=images.device).view(3, 1, 1)).sum(1, keepdim=True)
    return grey if images.is_floating_point() else grey.floor()


def _brightness(images: Tensor, factor: Tensor) -> Tensor:
    return _blend(images, 0.0, factor)


def _contrast(images: Tensor, factor: Tensor) -> Tensor:
    return _blend(images, _grey(images).mean((1, 2, 3), keepdim=True), factor)


def _saturation(images: Tensor, factor: Tensor) -> Tensor:
    return images if images.shape[1] == 1 else _blend(images, _grey(images), factor)


def _hue(images: Tensor, shift: Tensor) -> Tensor:
    """Turn the hues; a full circle is 1."""
    if images.shape[1] == 1:
        return images
    values = tv.to_dtype(images, torch.float32, scale=True)
    high, low = values.amax(1), values.amin(1)
    spread = high - low
    red, green, blue = ((high[:, None] - values) / spread.where(spread > 0, 1.0)[:, None]).unbind(1)
    is_red, is_green = values[:, 0] == high, values[:, 1] == high
    sector = torch.where(is_red, blue - green, torch.where(is_green, 2 + red - blue, 4 + green - red))
    turned = (sector[:, None] + 6 * shift) % 6
    steps = torch.tensor([5.0, 3.0, 1.0], device=images.device).view(3, 1, 1)
    place = (steps + turned) % 6  # of each channel on the circle, as in the formula of HSV to RGB
    turned = high[:, None] - spread[:, None] * place.minimum(4 - place).clamp(0, 1)
    return tv.to_dtype(turned.clamp(0, 1), images.dtype, scale=True)


def _is_drawn_alone(transform: Any) -> bool:
    """Whether what its arguments ask for is among what is done here."""
    if isinstance(transform, v2.RandomRotation):
        is_plain = not transform.expand and transform.center is None and transform.interpolation in MODES
        return is_plain and transform.degrees[0] < transform.degrees[1] and _is_color(transform.fill)
    if isinstance(transform, v2.RandomCrop):
        return _is_color(transform.fill)
    if isinstance(transform, v2.RandomApply):
        return all(per_image(step) is not None for step in transform.transforms)
    return True


def _is_color(fill: Any) -> bool:
    return isinstance(fill, (int, float, list, tuple))


ADJUSTMENTS = {"brightness": _brightness, "contrast": _contrast, "saturation": _saturation, "hue": _hue}

ON_STACK: dict[type, Callable[[Any], OnStack]] = {
    v2.RandomHorizontalFlip: Flip,
    v2.RandomVerticalFlip: Flip,
    v2.RandomCrop: Crop,
    v2.RandomRotation: Rotate,
    v2.RandomErasing: Erase,
    v2.GaussianBlur: Blur,
    v2.ColorJitter: Jitter,
    v2.RandomApply: Apply,
}
