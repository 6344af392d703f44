"""Data sets with a fault in them, for `data.hf_dict_dataset`, and steps that fail, for `data.transform`."""

from __future__ import annotations

import io
import os
import signal
import time
from pathlib import Path

import datasets
import numpy as np
import pyarrow.parquet as pq
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Image
from torch.utils.data import get_worker_info

SIZE = 40


def numbers(**columns):
    """Splits whose `image` is four numbers, 40 rows each, with some columns replaced."""
    generator = np.random.default_rng(0)

    def rows(**given):
        values = {"image": generator.normal(size=(SIZE, 4)).astype("float32"), "label": np.arange(SIZE) % 10} | given
        return Dataset.from_dict({key: list(value) for key, value in values.items() if value is not None})

    return DatasetDict(train=rows(**columns), validation=rows(), test=rows())


def not_finite(row=7, value="nan"):
    """One number of the train split is no number."""
    images = np.ones((SIZE, 4), dtype="float32")
    images[row, 2] = float(value)
    return numbers(image=images)


def without_labels():
    """The train split lacks the column `label`."""
    return numbers(label=None)


def labels(value, row=7):
    """One label of the train split has another value."""
    column = np.arange(SIZE) % 10
    column[row] = value
    return numbers(label=column)


def float_labels():
    """The labels of the train split are floating numbers."""
    return numbers(label=np.arange(SIZE, dtype="float64") % 10)


def whole_images():
    """The images of the train split are whole numbers."""
    return numbers(image=np.ones((SIZE, 4), dtype="uint8"))


def class_labels(value):
    """A label of the train split is none of the classes that the column names."""
    splits = labels(value)
    features = Features(splits["train"].features | {"label": ClassLabel(num_classes=10)})
    splits["train"] = Dataset(splits["train"].data, info=datasets.DatasetInfo(features=features))
    return splits


def a_sample_without_labels(row=7):
    """Samples of a data set of one's own, of which one lacks the label."""
    samples = [{"image": torch.ones(4), "label": number % 10} for number in range(SIZE)]
    broken = [sample if number != row else {"image": sample["image"]} for number, sample in enumerate(samples)]
    return {"train": broken, "validation": samples, "test": samples}


def ragged():
    """The images of the train split have different lengths."""
    return numbers(image=[[1.0] * (3 + row % 3) for row in range(SIZE)])


def strings():
    """The images of the train split are words."""
    return numbers(image=["word"] * SIZE)


def few(train, validation=SIZE, test=SIZE):
    """Splits of so many rows; null for a split that is not there."""
    sizes = {"train": train, "validation": validation, "test": test}
    splits = numbers()
    return DatasetDict({name: splits[name].select(range(size)) for name, size in sizes.items() if size is not None})


def picture(seed=0):
    """A PNG of 8 x 8 random pixels."""
    from PIL import Image as Pillow

    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
    Pillow.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def image_files(folder, bad=(17,)):
    """Files of images of which some are cut off."""
    paths = [Path(folder) / f"{row:02}.png" for row in range(SIZE)]
    for row, path in enumerate(paths):
        path.write_bytes(picture(row)[: 60 if row in bad else None])
    data = Dataset.from_dict({"image": list(map(str, paths)), "label": [row % 10 for row in range(SIZE)]})
    data = data.cast_column("image", Image())
    return DatasetDict(train=data, validation=data.select(range(10)), test=data.select(range(10)))


def image_shards(folder, bad=(25,)):
    """Write two Parquet files of images, of which some are cut off in the middle of the second file."""
    features = Features({"image": Image(), "label": ClassLabel(num_classes=10)})
    for shard in range(2):
        rows = range(20 * shard, 20 * shard + 20)
        images = [{"bytes": picture(row)[: 60 if row in bad else None], "path": None} for row in rows]
        table = Dataset.from_dict({"image": images, "label": [row % 10 for row in rows]}, features=features).data.table
        pq.write_table(table.replace_schema_metadata(features.arrow_schema.metadata), Path(folder) / f"{shard}.parquet")


def seventeen(row=17):
    """One row of the train split holds the number 17."""
    images = np.zeros((SIZE, 4), dtype="float32")
    images[row] = 17
    return numbers(image=images)


def fails_at(image, value):
    """A step that fails on the images that hold a number."""
    if bool((image == value).any()):
        raise ArithmeticError(f"no {value:g} please")
    return image


def dies_in_worker(image):
    """A step that ends the process of a worker, as the system does where memory runs out."""
    if get_worker_info() is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    return image


def hangs_in_worker(image):
    """A step that never comes back in the second worker."""
    info = get_worker_info()
    if info is not None and info.id == 1:
        time.sleep(600)
    return image


def large(image):
    """A step that makes eight MiB of a batch."""
    return torch.zeros(len(image), 2**21 // len(image))
