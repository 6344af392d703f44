"""Batches from a cache are the batches of the data set, until data or transform change."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict, Features, Image, Value
from PIL import Image as PIL
from setting import ROOT
from torch.utils.data import DataLoader
from torchvision import transforms as v1
from torchvision.transforms import v2

from ml_core.data import cache_build
from ml_core.data.base_datamodule import BaseDataModule
from ml_core.data.batches import BatchedDataset, identity
from ml_core.data.cache import CachedRows, cached, default_folder
from ml_core.data.left_out import LeftOut
from ml_core.data.shortcuts import with_shortcuts
from ml_core.data.sources import mnist_mini
from ml_core.errors import ConfigError, DataError, StorageError
from ml_core.step_errors import StepError
from ml_core.transforms.base import ComposeTransform, WrapTransform
from ml_core.transforms.fusion import single_steps
from ml_core.transforms.image import TorchVisionTransform

NAME = "data, split train"


def picture(number, mode="RGB", size=(6, 4)):
    pixels = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return PIL.fromarray(pixels).convert(mode)


def table(size=20, first=0):
    """Images with a mask, a label, a name, and words of several lengths."""
    numbers = range(first, first + size)
    return Dataset.from_dict(
        {
            "image": [picture(i) for i in numbers],
            "mask": [picture(i + 99, "L") for i in numbers],
            "label": list(numbers),
            "name": [f"n{i}" for i in numbers],
            "words": [list(range(i % 3)) for i in numbers],
        },
        features=Features(image=Image(), mask=Image(), label=Value("int64"), name=Value("string"),
                          words=[Value("int64")]),
    )  # fmt: skip


def on(key, *transforms):
    return TorchVisionTransform(v1.Compose(transforms), key)


def segmentation(mean=0.5):
    """Images to floats, masks to whole numbers."""
    return ComposeTransform(
        image=on("image", v1.ToTensor(), v1.Normalize([mean] * 3, [0.5] * 3)), mask=on("mask", v1.PILToTensor())
    )


def resized_together():
    """Images and their masks to one size, then to floats and whole numbers."""
    steps = [v2.Resize((4, 3)), v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.1] * 3)]
    return TorchVisionTransform(v2.Compose(steps), "image", mask_key="mask")


def batched(rows, transform=None, augment=None, left_out=None):
    steps = [("data.transform", transform), ("data.augment", augment)]
    return BatchedDataset(rows, [(name, step) for name, step in steps if step], None, NAME, left_out)


def same(one, other):
    assert set(one) == set(other)
    for key, value in one.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, other[key]), key
        else:
            assert [getattr(v, "tobytes", lambda v=v: v)() for v in value] == [
                getattr(v, "tobytes", lambda v=v: v)() for v in other[key]
            ], key


@pytest.fixture
def builds(monkeypatch):
    """The files that are built."""
    paths, build = [], cache_build._build
    monkeypatch.setattr(cache_build, "_build", lambda path, *rest: (paths.append(path), build(path, *rest)))
    return paths


# ---- the same batches


@pytest.mark.parametrize(
    "transform",
    [
        None,
        segmentation(),
        on("image", v1.Resize((2, 3)), v1.ToTensor(), v1.Normalize([0.1], [0.2])),
        on("image", v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.1] * 3)),
        on("image", v1.PILToTensor()),
        resized_together(),
        WrapTransform(lambda images: [image.width for image in images], "width", {"image": "images"}),
        lambda batch: {"twice": batch["label"] * 2, "half": batch["label"] / 2},
    ],
    ids=["none", "segmentation", "resize", "v2", "bytes", "with masks", "list", "unknown"],
)
@pytest.mark.parametrize("augment", [None, on("image", v2.Lambda(lambda image: v2.functional.hflip(image)))])
def test_a_cache_changes_no_batch(tmp_path, transform, augment):
    data = batched(table(), transform, augment)
    plain, fast = (with_shortcuts(data, cache, "train") for cache in (False, str(tmp_path)))

    assert isinstance(fast.source, CachedRows)
    assert len(fast) == len(data) == 20
    for rows in ([3, 1, 19], [0], [5, 5]):
        same(fast.__getitems__(rows), plain.__getitems__(rows))
        same(fast.__getitems__(rows), {**data.__getitems__(rows), **_of_floats(fast.__getitems__(rows))})


def _of_floats(batch):
    return {key: value for key, value in batch.items() if getattr(value, "is_floating_point", lambda: False)()}


def test_what_is_done_to_images_and_masks_together_is_kept(tmp_path):
    rows, steps = cached(table(), single_steps([("data.transform", resized_together())]), tmp_path, "train", NAME)

    assert [type(step.transform) for _, step in steps] == [v2.ToDtype, v2.Normalize]
    assert rows[[1, 2]]["mask"].shape == (2, 1, 4, 3)
    assert rows[[1, 2]]["mask"].dtype == torch.uint8


def test_fused_floats_are_those_of_the_steps_but_for_rounding(tmp_path):
    data = batched(table(), segmentation())

    fast = with_shortcuts(data, str(tmp_path), "train").__getitems__([4, 7])

    torch.testing.assert_close(fast["image"], data.__getitems__([4, 7])["image"], rtol=0, atol=1e-6)


def test_strings_and_lists_of_several_lengths_are_read_of_the_data(tmp_path):
    rows, _ = cached(table(), [], tmp_path, "train", NAME)

    assert rows.beside.column_names == ["name", "words"]
    assert rows[[4, 2]]["words"] == [[0], [0, 1]]


def test_plain_data_sets_are_cached_too(tmp_path):
    data = [{"x": torch.full((3,), i), "name": str(i)} for i in range(6)]

    batch = with_shortcuts(batched(data), str(tmp_path), "train").__getitems__([5, 2])

    torch.testing.assert_close(batch["x"], torch.tensor([[5] * 3, [2] * 3]))
    assert batch["name"] == ["5", "2"]


def test_workers_open_the_file_themselves(tmp_path):
    fast = with_shortcuts(batched(table(), segmentation()), str(tmp_path), "train")

    again = pickle.loads(pickle.dumps(fast.source))

    assert len(pickle.dumps(fast.source)) < 10 * (1 << 10) + len(pickle.dumps(fast.source.beside))
    same(again[[2, 3]], fast.source[[2, 3]])
    loader = DataLoader(fast, batch_size=7, num_workers=2, collate_fn=identity)
    assert torch.cat([batch["label"] for batch in loader]).tolist() == list(range(20))


def test_the_data_module_reads_every_split_of_its_cache(tmp_path):
    data = DatasetDict(train=table(20), test=table(5, first=50))

    def batches(cache):
        module = BaseDataModule(data, transform=segmentation(), batch_size=4, shuffle=False, cache=cache)
        return [b for loader in (module.train_dataloader(), module.val_dataloader(), module.test_dataloader())
                for b in loader]  # fmt: skip

    for plain, fast in zip(batches(False), batches(str(tmp_path)), strict=True):
        same(plain, fast)
    assert sorted(path.name.partition("-")[0] for path in tmp_path.glob("*.cache")) == ["test", "train", "validation"]


def test_true_is_a_folder_beside_the_prepared_data(monkeypatch, tmp_path):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path))

    next(iter(BaseDataModule({"train": table()}, val_ratio=0, cache=True).train_dataloader()))

    assert default_folder() == tmp_path / "ml_core"
    assert len(list(default_folder().glob("train-*.cache"))) == 1


# ---- never out of date


def test_a_second_time_nothing_is_built(tmp_path, builds):
    for _ in range(2):
        cached(table(), [("data.transform", segmentation())], tmp_path, "train", NAME)

    assert len(builds) == 1


@pytest.mark.parametrize(
    ("rows", "transform"),
    [
        (lambda: table(first=1), segmentation),
        (lambda: table().select([3, 4, 5]), segmentation),
        (lambda: table().rename_column("label", "target"), segmentation),
        (table, lambda: on("image", v1.Resize((2, 2)), v1.ToTensor())),
        (table, lambda: on("image", v1.Resize((2, 2), v1.InterpolationMode.NEAREST), v1.ToTensor())),
    ],
    ids=["other contents", "other rows", "other columns", "other steps", "other argument"],
)
def test_other_data_or_other_steps_have_a_cache_of_their_own(tmp_path, builds, rows, transform):
    cached(table(), [("data.transform", segmentation())], tmp_path, "train", NAME)
    cached(table(), [("data.transform", on("image", v1.Resize((2, 3)), v1.ToTensor()))], tmp_path, "train", NAME)

    given, steps = cached(rows(), [("data.transform", transform())], tmp_path, "train", NAME)

    assert len(builds) == len(set(builds)) == 3
    fast, plain = batched(given.handing_over(steps), None), batched(rows(), transform())
    fast.steps = tuple(steps)
    same(fast.__getitems__([0, 2]), plain.__getitems__([0, 2]))


def test_a_change_of_the_replayed_part_needs_no_new_cache(tmp_path, builds):
    first, second = (
        with_shortcuts(batched(table(), segmentation(mean)), str(tmp_path), "train").__getitems__([1])["image"]
        for mean in (0.5, 0.25)
    )

    assert len(builds) == 1
    torch.testing.assert_close(second - first, torch.full_like(first, 0.5))


# ---- built once, whole or not at all


def test_several_that_start_at_once_build_it_once(tmp_path, builds, caplog):
    caplog.set_level(logging.INFO)
    given, data = [], table()

    def want():
        given.append(cached(data, [("data.transform", segmentation())], tmp_path, "train", NAME)[0])

    threads = [threading.Thread(target=want) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(builds) == 1
    assert len(given) == 4
    for rows in given:
        same(rows[[7, 8]], given[0][[7, 8]])


def test_an_interrupted_build_leaves_nothing_that_is_trusted(tmp_path, monkeypatch):
    write = cache_build.written

    class Interrupted:
        def __init__(self, path, layout):
            self.manager = write(path, layout)

        def __enter__(self):
            self.manager.__enter__()
            return self

        def __exit__(self, *error):
            return self.manager.__exit__(*error)

        def write(self, first, columns):
            raise KeyboardInterrupt

    monkeypatch.setattr(cache_build, "written", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        cached(table(), [], tmp_path, "train", NAME)

    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


@pytest.mark.parametrize("damage", [lambda path: os.truncate(path, 5000), lambda path: path.write_bytes(b"")])
def test_a_damaged_cache_is_named_and_built_anew(tmp_path, caplog, builds, damage):
    data = table()
    cached(data, [], tmp_path, "train", NAME)
    damage(builds[0])

    rows, _ = cached(data, [], tmp_path, "train", NAME)

    assert len(builds) == 2
    assert f"data.cache: {builds[0]} " in caplog.text
    assert ", so it is built anew." in caplog.text
    assert rows[[3]]["label"].tolist() == [3]


def test_a_build_by_worker_processes_is_the_same(tmp_path, monkeypatch):
    data = table()
    for cores, folder in ((1, "one"), (3, "three")):
        monkeypatch.setattr(cache_build, "LARGEST_CHUNK", 3)
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid, cores=cores: set(range(cores)), raising=False)
        cached(data, [("data.transform", segmentation())], tmp_path / folder, "train", NAME)

    one, three = (next((tmp_path / folder).glob("*.cache")).read_bytes() for folder in ("one", "three"))
    assert one == three


def test_a_row_of_another_shape_is_named(tmp_path):
    data = [{"x": torch.zeros(4 if i == 4 else 3)} for i in range(9)]

    with pytest.raises(StepError) as error:
        cached(data, [], tmp_path, "train", NAME)

    assert error.value.where == "data.cache"
    assert "'x' is float32 [3] in the rows that were tried, but several shapes" in error.value.what
    assert error.value.what.endswith("Only these rows fail (data, split train): 4.")
    assert error.value.fix == "Give all rows one shape in data.transform, or set data.cache=false."
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_a_corrupt_image_is_named_with_and_without_workers(tmp_path, monkeypatch):
    data = table().to_list()
    data[11]["image"] = {"bytes": b"no image", "path": None}
    data = Dataset.from_list(data, features=table().features)

    for chunk in (512, 3):
        monkeypatch.setattr(cache_build, "LARGEST_CHUNK", chunk)
        with pytest.raises(DataError, match=r"^data, split train: row 11 cannot be read: .*cannot identify image file"):
            cached(data, [], tmp_path, "train", NAME)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_bad_rows_that_are_left_out_stay_so_in_the_cache(tmp_path, builds):
    data = table().to_list()
    data[11]["image"] = {"bytes": b"no image", "path": None}
    data = Dataset.from_list(data, features=table().features)

    for _ in range(2):
        left_out = LeftOut(20, 2, NAME)
        fast = with_shortcuts(batched(data, segmentation(), left_out=left_out), str(tmp_path), "train")
        assert fast.__getitems__([10, 11, 12])["label"].tolist() == [10, 12]
        assert left_out.rows() == [11]
    assert len(builds) == 1


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    def full(descriptor, offset, size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)

    with pytest.raises(StorageError, match=r"there is no space left on this disk\. The cache needs [\d,]+ bytes, and"):
        cached(table(), [], tmp_path, "train", NAME)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


# ---- messages


def test_random_steps_are_named(tmp_path, caplog):
    cached(
        table(), [("data.transform", on("image", v2.RandomHorizontalFlip(), v1.ToTensor()))], tmp_path, "train", NAME
    )

    assert (
        "data.cache: data.transform draws random numbers, so neither it nor what follows from it is kept. Random steps "
        "belong into data.augment." in caplog.text
    )


def test_data_without_a_column_to_keep_is_told(tmp_path, caplog):
    data = Dataset.from_dict({"text": ["a", "bc"]})

    assert cached(data, [], tmp_path, "train", NAME) == (data, [])
    assert "data.cache: data, split train has no column of one shape, so nothing of it can be kept." in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_a_collate_function_has_no_cache(tmp_path):
    data = BatchedDataset(table(), (), lambda samples: {}, NAME)

    with pytest.raises(ConfigError) as error:
        with_shortcuts(data, str(tmp_path), "train")

    assert str(error.value) == (
        "data.cache: cannot be used with data.collate_fn, which makes a batch of whole samples: nothing before it is "
        "kept. Leave out one of them."
    )


@pytest.mark.parametrize("value", [3, "", None, ["a"]])
def test_a_bad_value_is_refused(value):
    with pytest.raises(ConfigError) as error:
        BaseDataModule({"train": table()}, cache=value)

    assert str(error.value) == f"cache: is {value!r}, but must be true, false or a folder."


def test_the_last_step_of_a_cache_needs_a_cache():
    with pytest.raises(ConfigError, match=r"^cache_until: is 'image', which says nothing without a cache\."):
        BaseDataModule({"train": table()}, cache_until="image")


def test_floats_are_read_from_the_file_where_that_is_asked_for(tmp_path):
    module = BaseDataModule(
        {"train": table()},
        val_ratio=0,
        transform=segmentation(),
        shuffle=False,
        cache=str(tmp_path),
        cache_until="image",
    )
    loader = module.train_dataloader()

    assert [path for path, _ in loader.dataset.steps] == ["data.transform.mask"]
    expected = batched(table(), segmentation()).__getitems__([0])
    assert torch.equal(next(iter(loader))["image"], expected["image"])


# ---- several processes

BUILD = """
import logging, sys, time
logging.basicConfig(level=logging.INFO, stream=sys.stdout)
from ml_core.data import cache_build
from ml_core.data.cache import cached
from ml_core.data.sources import mnist_mini
cache_build.LARGEST_CHUNK = 64
write = cache_build._Chunks.__getitems__
def slow(self, indices):
    time.sleep(float(sys.argv[2]))
    print("chunk", flush=True)
    return write(self, indices)
cache_build._Chunks.__getitems__ = slow
rows, _ = cached(mnist_mini()["train"], [], sys.argv[1], "train", "digits")
print("rows", len(rows), int(rows[list(range(4000))]["label"].sum()))
"""


def started(folder: Path, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", BUILD, str(folder), str(seconds)], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip


@pytest.mark.slow
def test_processes_with_one_folder_build_it_once(tmp_path):
    processes = [started(tmp_path, 0.01) for _ in range(3)]
    outputs = [process.communicate(timeout=300)[0] for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sum("4,000 rows of digits are kept in" in output for output in outputs) == 1
    assert {output.strip().splitlines()[-1] for output in outputs} == {
        f"rows 4000 {sum(mnist_mini()['train']['label'])}"
    }


@pytest.mark.slow
def test_a_killed_build_is_begun_again_and_its_lock_is_free(tmp_path):
    process = started(tmp_path, 0.2)
    assert process.stdout
    for line in process.stdout:
        if line.startswith("chunk"):
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(tmp_path.glob("*.cache")) == []
    assert len(list(tmp_path.glob("*.partial"))) == 1

    start = time.monotonic()
    rows, _ = cached(mnist_mini()["train"], [], tmp_path, "train", "digits")

    assert time.monotonic() - start < 60
    assert rows[list(range(4000))]["label"].tolist() == mnist_mini()["train"]["label"][:]
    assert list(tmp_path.glob("*.partial")) == []
