"""Masks of images: the class of every pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ml_core.batch import Batch, missing_key
from ml_core.errors import DataError, listed


class ClassMask:
    """Turn masks, whose pixels are numbers of classes, into class numbers as a loss takes them.

    Reads and writes `key`: PIL images of mode L, P, 1 or I, arrays or tensors become int64
    `[batch, height, width]`. All must be of one size.

    Args:
        key: Key of the masks.
        num_classes: Number of classes.
        ignore_index: Value of pixels that do not count, such as 255.

    Raises:
        BatchKeyError: When a batch lacks `key`.
        DataError: When the masks differ in size, have colours, or a pixel is none of the classes.
    """

    def __init__(self, key: str, num_classes: int, ignore_index: int | None = None) -> None:
        self.key, self.num_classes, self.ignore_index = key, num_classes, ignore_index
        self.reads = self.writes = (key,)

    def __call__(self, batch: Batch) -> Batch:
        """Return the class numbers."""
        if self.key not in batch:
            raise missing_key(self.key, batch, "key")
        masks = self._stacked(batch[self.key])
        wrong = (masks < 0) | (masks >= self.num_classes)
        if self.ignore_index is not None:
            wrong &= masks != self.ignore_index
        if wrong.any():
            raise DataError(
                "key", f"'{self.key}' holds the values {listed(masks[wrong].unique().tolist()[:8])}, but there are "
                f"{self.num_classes} classes.", "Set num_classes, or ignore_index for pixels that do not count.",
            )  # fmt: skip
        return {self.key: masks}

    def _stacked(self, masks: Any) -> Tensor:
        if not isinstance(masks, Tensor):
            arrays = [np.asarray(mask) for mask in masks]
            shapes = {array.shape for array in arrays}
            if len(shapes) > 1:
                raise DataError("key", f"'{self.key}' holds masks of several sizes: {listed(sorted(shapes))}.")
            masks = torch.from_numpy(np.stack(arrays))
        if masks.ndim == 4 and masks.shape[1] == 1:
            masks = masks.squeeze(1)
        if masks.ndim != 3:
            raise DataError("key", f"'{self.key}' has the shape {list(masks.shape)}, not one number a pixel.")
        return masks.long()
