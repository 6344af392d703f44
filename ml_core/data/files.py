"""How do files in folders become a data set, where the libraries have no loader for their layout?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ml_core.errors import ConfigError, DataError, listed, nearest

if TYPE_CHECKING:
    from datasets import Dataset

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})


def images_with_masks(images: str, masks: str) -> Dataset:
    """Return the images of a folder, each with the mask of the same name; they are opened when a batch needs them.

    Columns: `image` and `mask` (PIL). Files belong together if their names are equal but for the ending.

    Args:
        images: Folder of the images.
        masks: Folder of the masks.

    Raises:
        ConfigError: If there is no such folder.
        DataError: If a folder has no image, or an image has no mask.
    """
    from datasets import Dataset, Image

    pictures, drawn = _by_stem(images, "images"), _by_stem(masks, "masks")
    alone = [path.name for stem, path in pictures.items() if stem not in drawn]
    if alone:
        raise DataError(
            masks, f"has no mask for {len(alone)} of {len(pictures)} images: {listed(alone[:8])}.",
            "A mask has the name of its image.",
        )  # fmt: skip
    columns = {
        "image": [str(path) for path in pictures.values()],
        "mask": [str(drawn[stem]) for stem in pictures],
    }
    return Dataset.from_dict(columns).cast_column("image", Image()).cast_column("mask", Image())


def _by_stem(folder: str, where: str) -> dict[str, Path]:
    path = Path(folder)
    if not path.is_dir():
        beside = [other.name for other in path.parent.glob("*/")] if path.parent.is_dir() else []
        raise ConfigError(where, f"there is no folder '{folder}'.{nearest(path.name, beside)}")
    found = {file.stem: file for file in sorted(path.iterdir()) if file.suffix.lower() in IMAGES}
    if not found:
        raise DataError(folder, "has no images.", f"Endings that are looked for: {listed(sorted(IMAGES))}.")
    return found
