"""Images that are decoded a batch at a time: the pixels are PIL's, whatever the file."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from datasets import Dataset, Features, Image
from PIL import Image as PIL
from torchvision import transforms as v1
from torchvision.transforms import v2

from ml_core.data import decoding
from ml_core.data.batches import BatchedDataset
from ml_core.data.decoding import DecodedRows, decoded, takes_pixels, to_pil
from ml_core.errors import DataError
from ml_core.transforms.base import RenameTransform
from ml_core.transforms.image import TorchVisionTransform

TO_TENSOR = TorchVisionTransform(v1.ToTensor(), "image")


def picture(mode="RGB", size=(7, 5), seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    return PIL.fromarray(pixels, "RGBA").convert(mode)


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def rows(*files, feature=None):
    cells = [None if file is None else {"bytes": file, "path": None} for file in files]
    return Dataset.from_dict({"image": cells}, features=Features(image=feature or Image()))


def turned():
    exif = PIL.Exif()
    exif[0x0112] = 6
    return exif


PLAIN = {
    "grey PNG": encoded(picture("L")),
    "RGB PNG": encoded(picture("RGB")),
    "RGBA PNG": encoded(picture("RGBA")),
    "grey JPEG": encoded(picture("L", (32, 24)), "JPEG"),
    "RGB JPEG": encoded(picture("RGB", (32, 24)), "JPEG"),
    "progressive JPEG": encoded(picture("RGB", (32, 24)), "JPEG", progressive=True, quality=95),
}
ODD = {
    "transparent PNG": encoded(picture("RGB"), transparency=(1, 2, 3)),
    "turned PNG": encoded(picture("RGB"), exif=turned()),
    "turned JPEG": encoded(picture("RGB", (32, 24)), "JPEG", exif=turned()),
    "WebP": encoded(picture("RGB"), "WEBP", lossless=True),
}
NO_BYTES = {
    "palette": encoded(picture("P")),
    "black and white": encoded(picture("1")),
    "16 bits": encoded(PIL.fromarray(np.arange(6, dtype=np.uint16).reshape(2, 3) * 9000)),
    "CMYK": encoded(picture("CMYK", (32, 24)), "JPEG"),
}


@pytest.mark.parametrize("file", [*PLAIN.values(), *ODD.values()], ids=[*PLAIN, *ODD])
def test_a_stack_holds_the_pixels_that_pil_decodes(file):
    expected = np.asarray(rows(file)[0]["image"])

    images = DecodedRows(rows(file, file), ["image"])[[1, 0]]["image"]

    assert images.dtype == torch.uint8
    assert images.shape[0] == 2
    np.testing.assert_array_equal(images[0].permute(1, 2, 0).squeeze(-1), expected)


@pytest.mark.parametrize("file", PLAIN.values(), ids=PLAIN)
def test_plain_files_are_decoded_natively(file, monkeypatch):
    data = DecodedRows(rows(file, file), ["image"])
    data[[0]]  # compares both decoders
    monkeypatch.setattr(decoding, "_by_pil", None)

    assert data[[0, 1]]["image"].shape[0] == 2


@pytest.mark.parametrize("file", NO_BYTES.values(), ids=NO_BYTES)
def test_images_of_other_modes_stay_pil_images(file):
    images = DecodedRows(rows(file), ["image"])[[0]]["image"]

    assert images[0].mode == rows(file)[0]["image"].mode
    assert images[0].tobytes() == rows(file)[0]["image"].tobytes()


def test_a_native_decoder_that_differs_is_not_used(monkeypatch):
    monkeypatch.setattr(decoding, "_native", lambda data, channels: torch.zeros(channels, 5, 7, dtype=torch.uint8))

    image = DecodedRows(rows(PLAIN["RGB PNG"]), ["image"])[[0]]["image"][0]

    assert to_pil(image).tobytes() == picture("RGB").tobytes()


def test_without_a_native_decoder_pil_gives_the_same(monkeypatch):
    monkeypatch.setattr(decoding, "_native", lambda data, channels: None)

    image = DecodedRows(rows(PLAIN["RGB PNG"]), ["image"])[[0]]["image"][0]

    assert to_pil(image).tobytes() == picture("RGB").tobytes()


def test_images_of_several_sizes_are_a_list_of_pil_images():
    files = encoded(picture(size=(4, 4))), encoded(picture(size=(6, 2)))

    images = DecodedRows(rows(*files), ["image"])[[0, 1]]["image"]

    assert [image.size for image in images] == [(4, 4), (6, 2)]
    assert images[1].tobytes() == picture(size=(6, 2)).tobytes()


def test_a_missing_image_stays_missing():
    assert DecodedRows(rows(PLAIN["grey PNG"], None), ["image"])[[0, 1]]["image"][1] is None


def test_a_mode_of_the_column_is_kept():
    data = rows(PLAIN["RGB PNG"], feature=Image(mode="L"))

    image = DecodedRows(data, ["image"])[[0]]["image"][0]

    np.testing.assert_array_equal(image[0], np.asarray(data[0]["image"]))
    assert data[0]["image"].mode == "L"


def test_images_in_files_of_their_own_are_read(tmp_path):
    (tmp_path / "a.png").write_bytes(PLAIN["RGB PNG"])
    data = Dataset.from_dict({"image": [str(tmp_path / "a.png")]}, features=Features(image=Image()))

    image = DecodedRows(data, ["image"])[[0]]["image"][0]

    assert to_pil(image).tobytes() == picture("RGB").tobytes()


@pytest.mark.parametrize("kind", ["RGB PNG", "RGB JPEG"])
def test_a_cut_off_image_is_told_with_its_row(kind):
    data = decoded(rows(PLAIN[kind], PLAIN[kind][:-40], PLAIN[kind]), [("data.transform", TO_TENSOR)])

    with pytest.raises(DataError, match=r"^data, split train: row 1 cannot be read: "):
        BatchedDataset(data, [("data.transform", TO_TENSOR)], None, "data, split train").__getitems__([0, 1, 2])


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([TO_TENSOR], True),
        ([TorchVisionTransform(v2.PILToTensor(), "image")], True),
        ([TorchVisionTransform(v2.ToImage(), "image")], True),
        ([RenameTransform({"label": "target"}), TO_TENSOR], True),
        ([TorchVisionTransform(v1.ToTensor(), "mask"), TO_TENSOR], True),
        ([TorchVisionTransform(v1.Resize(4), "image"), TO_TENSOR], False),
        ([TorchVisionTransform(v1.ToTensor(), "image", per_sample=True)], False),
        ([RenameTransform({"image": "copy"}), TO_TENSOR], False),
        ([lambda batch: {}, TO_TENSOR], False),
        ([], False),
    ],
)
def test_bytes_go_to_steps_that_would_make_them_of_pil_images_anyway(steps, expected):
    assert takes_pixels([("data.transform", step) for step in steps], "image") is expected


@pytest.mark.parametrize("steps", [[("data.transform", TO_TENSOR)], []], ids=["transform", "none"])
def test_batches_are_those_of_the_data_set_itself(steps):
    data = rows(*(encoded(picture(seed=seed)) for seed in range(3)))

    plain = BatchedDataset(data, steps).__getitems__([2, 0])["image"]
    fast = BatchedDataset(decoded(data, steps), steps).__getitems__([2, 0])["image"]

    assert type(fast) is type(plain)
    assert all(np.array_equal(one, other) for one, other in zip(fast, plain, strict=True))


@pytest.mark.parametrize(
    "data", [[{"x": 1}], Dataset.from_dict({"x": [1]}), rows(PLAIN["grey PNG"]).with_format("torch")],
    ids=["list", "no images", "a format of its own"],
)  # fmt: skip
def test_other_data_is_left_as_it_is(data):
    assert decoded(data, []) is data


def test_rows_and_columns_are_those_of_the_data_set():
    data = rows(PLAIN["RGB PNG"], PLAIN["RGB PNG"])
    fast = decoded(data, [])

    assert (len(fast), fast.column_names, fast.features) == (2, ["image"], data.features)
    assert fast[1]["image"].tobytes() == data[1]["image"].tobytes()
