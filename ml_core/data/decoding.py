"""How are the images of a batch decoded together, from the bytes that a data set holds?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ml_core.transforms.fusion import Steps
from ml_core.transforms.image import EIGHT_BIT_MODES, pixels_of

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
PNG_CHANNELS = {0: 1, 2: 3, 6: 4}
"""Channels by colour type, of those that hold pixels as they are: grey, RGB, RGBA."""
PNG_EXTRAS = (b"tRNS", b"eXIf")
"""Chunks for transparency and orientation, which PIL and torchvision take in different ways."""
UNCHANGED = 0
MODES = {channels: mode for mode, channels in EIGHT_BIT_MODES.items()}


def decoded(rows: Any, steps: Steps) -> Any:
    """Return rows whose images are decoded a batch at a time, as bytes where the steps take those.

    Args:
        rows: Hugging Face `Dataset`; any other, and one that has a format of its own, is returned as it is.
        steps: Single steps that the rows will go through.
    """
    images = image_columns(rows)
    return DecodedRows(rows, {name for name in images if takes_pixels(steps, name)}) if images else rows


def image_columns(rows: Any) -> dict[str, Any]:
    """Return `{column: feature}` of the images of a Hugging Face data set that has no format of its own."""
    from datasets import Dataset, Image

    if not isinstance(rows, Dataset) or rows.format["type"] is not None:
        return {}
    return {name: f for name, f in rows.features.items() if isinstance(f, Image) and f.decode}


def takes_pixels(steps: Steps, key: str) -> bool:
    """Whether the first step that reads a key does the same with PIL images and with a stack of their bytes."""
    for _, step in steps:
        reads = getattr(step, "reads", None)
        if reads is None or key in reads:
            return bool(getattr(step, "takes_pixels", False))
    return False


class DecodedRows:
    """A Hugging Face data set whose images are decoded by torchvision's native decoder, where that equals PIL.

    It does for 8-bit grey, RGB and RGBA images without transparency or orientation of their own; the first image of
    each file format is decoded by both and compared. All others, and those that the native decoder refuses, are
    decoded by PIL.

    Args:
        rows: The data set.
        as_pixels: Columns given as uint8 `[batch, channel, height, width]` where their images have one mode and size;
            other columns of images, and other images, are lists of PIL images.
    """

    def __init__(self, rows: Any, as_pixels: Iterable[str]) -> None:
        from datasets import Image

        self.rows = rows
        self.as_pixels = frozenset(as_pixels)
        self.images = image_columns(rows)
        self._encoded = rows
        for name, feature in self.images.items():
            self._encoded = self._encoded.cast_column(name, Image(mode=feature.mode, decode=False))
        self._is_equal: dict[bytes, bool] = {}

    @property
    def column_names(self) -> list[str]:
        """Names of the columns."""
        return list(self.rows.column_names)

    @property
    def features(self) -> Any:
        """Types of the columns."""
        return self.rows.features

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __getitem__(self, key: Any) -> Any:
        """Return columns for a list of rows; one row, a slice or a column as the data set itself gives it."""
        if not isinstance(key, list):
            return self.rows[key]
        columns = self._encoded[_as_slice(key)]
        return {name: self._decoded(name, cells) if name in self.images else cells for name, cells in columns.items()}

    def select_columns(self, names: list[str]) -> Any:
        """Return the data set itself with only these columns."""
        return self.rows.select_columns(names)

    def _decoded(self, name: str, cells: Sequence[Any]) -> Any:
        feature = self.images[name]
        pixels = [self._pixels(cell, feature) for cell in cells] if name in self.as_pixels else None
        if pixels is None or any(image is None for image in pixels):
            return [None if cell is None else feature.decode_example(cell) for cell in cells]
        if len({image.shape for image in pixels}) == 1:  # type: ignore[union-attr]
            return torch.stack(pixels)  # type: ignore[arg-type]
        return [to_pil(image) for image in pixels]  # type: ignore[arg-type]

    def _pixels(self, cell: Any, feature: Any) -> Tensor | None:
        """Return one image as uint8 `[channel, height, width]`; None where it has no 8-bit mode."""
        data = _bytes(cell)
        channels = _plain_channels(data)
        if not channels or (feature.mode or MODES[channels]) != MODES[channels]:
            return _by_pil(cell, feature)
        kind = data[:3]
        if kind not in self._is_equal:
            self._is_equal[kind] = _equal(_native(data, channels), _by_pil(cell, feature))
        pixels = _native(data, channels) if self._is_equal[kind] else None
        return _by_pil(cell, feature) if pixels is None else pixels


def _as_slice(rows: list[int]) -> list[int] | slice:
    """Return rows that follow each other as a slice, which Arrow reads sooner."""
    is_slice = bool(rows) and rows[0] >= 0 and rows == list(range(rows[0], rows[0] + len(rows)))
    return slice(rows[0], rows[0] + len(rows)) if is_slice else rows


def to_pil(pixels: Tensor) -> Any:
    """Return uint8 `[channel, height, width]` as a PIL image."""
    from PIL import Image

    array = pixels.permute(1, 2, 0).numpy() if len(pixels) > 1 else pixels[0].numpy()
    return Image.fromarray(np.ascontiguousarray(array))


def _bytes(cell: Any) -> bytes:
    """Return an image as the bytes of its file; nothing where that is no local one."""
    if not cell or cell["bytes"] is not None or not cell["path"]:
        return (cell or {}).get("bytes") or b""
    path = Path(cell["path"])
    return path.read_bytes() if path.is_file() else b""


def _plain_channels(data: bytes) -> int:
    """Return the number of channels of an image that both decoders read alike; 0 for others."""
    if data.startswith(PNG):
        is_plain = data[24:25] == b"\x08" and not any(chunk in data for chunk in PNG_EXTRAS)
        return PNG_CHANNELS.get(data[25], 0) if is_plain else 0
    if data.startswith(JPEG) and b"Exif" not in data and b"Adobe" not in data:
        channels = _jpeg_channels(data)
        return channels if channels in (1, 3) else 0
    return 0


def _jpeg_channels(data: bytes) -> int:
    """Return the number of components that the first frame header of a JPEG file names; 0 where there is none."""
    start = 2
    while start + 9 < len(data) and data[start] == 0xFF:
        marker, size = data[start + 1], int.from_bytes(data[start + 2 : start + 4], "big")
        if marker in (0xC0, 0xC1, 0xC2):
            return data[start + 9]
        start += 2 + size
    return 0


def _native(data: bytes, channels: int) -> Tensor | None:
    """Return what torchvision decodes; None where it refuses, or is one without a decoder."""
    import torchvision  # noqa: F401  # registers the operator

    try:
        # Not `torchvision.io.decode_image`: its checks cost half as much as decoding a small image
        pixels = torch.ops.image.decode_image(torch.frombuffer(bytearray(data), dtype=torch.uint8), UNCHANGED, False)
    except (RuntimeError, AttributeError):
        return None
    return pixels if pixels.dtype == torch.uint8 and pixels.shape[0] == channels else None


def _by_pil(cell: Any, feature: Any) -> Tensor | None:
    """Return what PIL decodes; raises what it raises."""
    image = None if cell is None else feature.decode_example(cell)
    pixels = None if image is None else pixels_of([image])
    return None if pixels is None else pixels[0]


def _equal(one: Tensor | None, other: Tensor | None) -> bool:
    return one is not None and other is not None and torch.equal(one, other)
