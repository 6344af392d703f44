"""Masks become class numbers."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from PIL import Image

from ml_core.errors import BatchKeyError, DataError
from ml_core.transforms.masks import ClassMask

PIXELS = np.array([[[0, 1], [2, 1]], [[1, 1], [0, 255]]], np.uint8)


@pytest.mark.parametrize(
    "masks",
    [
        [Image.fromarray(pixels) for pixels in PIXELS],
        torch.from_numpy(PIXELS),
        torch.from_numpy(PIXELS).unsqueeze(1),
    ],
    ids=["images", "stack", "stack with a channel"],
)
def test_masks_become_a_stack_of_class_numbers(masks):
    made = ClassMask("mask", num_classes=3, ignore_index=255)({"mask": masks})["mask"]
    assert made.dtype == torch.int64
    assert made.tolist() == PIXELS.tolist()


def test_the_colours_of_a_palette_do_not_matter():
    image = Image.fromarray(PIXELS[0]).convert("P")
    image.putpalette([200, 100, 0, 3, 2, 1, 9, 9, 9])
    numbers = np.asarray(image)
    assert ClassMask("mask", 256)({"mask": [image]})["mask"][0].tolist() == numbers.tolist()


@pytest.mark.parametrize(
    ("masks", "words"),
    [
        (torch.from_numpy(PIXELS), "'mask' holds the values 255, but there are 3 classes."),
        ([Image.new("L", (2, 2)), Image.new("L", (3, 2))], "masks of several sizes: (2, 2), (2, 3)."),
        ([Image.new("RGB", (2, 2))], "'mask' has the shape [1, 2, 2, 3], not one number a pixel."),
    ],
)
def test_what_is_no_mask_is_told(masks, words: str):
    with pytest.raises(DataError, match=re.escape(words)):
        ClassMask("mask", num_classes=3)({"mask": masks})


def test_a_batch_without_masks_is_told():
    with pytest.raises(BatchKeyError, match="no key 'mask'"):
        ClassMask("mask", num_classes=3)({"image": PIXELS})
