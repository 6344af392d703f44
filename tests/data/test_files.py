"""Folders of images and masks."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml_core.data.files import images_with_masks
from ml_core.errors import ConfigError, DataError


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for folder, ending in (("images", "jpg"), ("masks", "png")):
        (tmp_path / folder).mkdir()
        for number in (2, 1):
            pixels = np.full((4, 4), number, np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{number}.{ending}")
    return tmp_path


def test_an_image_comes_with_the_mask_of_its_name(folders: Path):
    rows = images_with_masks(str(folders / "images"), str(folders / "masks"))
    assert rows.column_names == ["image", "mask"]
    assert [np.asarray(mask).max() for mask in rows["mask"]] == [1, 2]
    assert [round(np.asarray(image).mean()) for image in rows["image"]] == [1, 2]


def test_images_without_a_mask_are_named(folders: Path):
    (folders / "masks" / "2.png").unlink()
    with pytest.raises(DataError, match=re.escape("masks: has no mask for 1 of 2 images: 2.jpg.")):
        images_with_masks(str(folders / "images"), str(folders / "masks"))


def test_a_folder_that_is_not_there_or_empty_is_told(folders: Path):
    with pytest.raises(ConfigError, match=r"masks: there is no folder .*mask'\. Did you mean 'masks'\?"):
        images_with_masks(str(folders / "images"), str(folders / "mask"))
    (folders / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: has no images\. Endings that are looked for: \.bmp, \.jpeg, \.jpg"):
        images_with_masks(str(folders / "empty"), str(folders / "masks"))
