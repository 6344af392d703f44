"""What can be kept of a transform, and what is done again for every batch."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from datasets import Dataset, Features, Image, Value
from PIL import Image as PIL
from torchvision import transforms as v1
from torchvision.transforms import v2

from ml_core.data.cache_file import Column
from ml_core.data.cache_plan import planned
from ml_core.data.padding import PadCollate
from ml_core.errors import ConfigError, DataError
from ml_core.step_errors import StepError
from ml_core.transforms.base import RenameTransform, WrapTransform
from ml_core.transforms.image import TorchVisionTransform


def picture(number, size=(4, 6)):
    pixels = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return PIL.fromarray(pixels)


DATA = Dataset.from_dict(
    {
        "image": [picture(i) for i in range(9)],
        "mask": [picture(i + 9).convert("P") for i in range(9)],
        "label": list(range(9)),
        "weight": [0.5] * 9,
        "name": [f"n{i}" for i in range(9)],
        "words": [[1] * (i + 1) for i in range(9)],
    },
    features=Features(image=Image(), mask=Image(), label=Value("int64"), weight=Value("float32"), name=Value("string"),
                      words=[Value("int64")]),
)  # fmt: skip

TO_TENSOR = ("to_tensor", TorchVisionTransform(v1.ToTensor(), "image"))
NORMALIZE = ("normalize", TorchVisionTransform(v1.Normalize([0.5] * 3, [0.5] * 3), "image"))
RESIZE = ("resize", TorchVisionTransform(v1.Resize((2, 2)), "image"))
MASK = ("mask", TorchVisionTransform(v1.PILToTensor(), "mask"))
BYTES = ("bytes", TorchVisionTransform(v2.ToDtype(torch.uint8, scale=True), "image"))
FLIP = ("flip", TorchVisionTransform(v2.RandomHorizontalFlip(0.0), "image"))
ONE_MORE = ("more", WrapTransform(torch.add, "label", {"label": ["input", "other"]}))
WIDTHS = ("widths", WrapTransform(lambda images: torch.tensor([i.width for i in images]), "width", {"image": "images"}))
UNKNOWN = ("unknown", lambda batch: {"double": batch["label"] * 2})


def is_start(names, steps):
    return [name for name, _ in steps][: len(names)] == names


def plan(*steps, data=DATA):
    return planned(data, list(steps), "data, split train")


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        ([TO_TENSOR, NORMALIZE], []),
        ([RESIZE, TO_TENSOR, NORMALIZE], ["resize"]),
        ([TO_TENSOR, NORMALIZE, MASK], ["mask"]),
        ([TO_TENSOR, BYTES], ["to_tensor", "bytes"]),
        ([TO_TENSOR, BYTES, TO_TENSOR], ["to_tensor", "bytes"]),
        ([FLIP, RESIZE, TO_TENSOR], []),
        ([RESIZE, FLIP, TO_TENSOR], ["resize"]),
        ([FLIP, ONE_MORE], ["more"]),
        ([WIDTHS, TO_TENSOR], ["widths"]),
        ([UNKNOWN, TO_TENSOR], ["unknown"]),
        ([TO_TENSOR, UNKNOWN], []),
        ([], []),
    ],
    ids=lambda value: " ".join(step if isinstance(step, str) else step[0] for step in value) or "none",
)
def test_steps_are_kept_as_far_as_what_they_leave_is_compact(steps, kept):
    found = plan(*steps)

    assert [name for name, _ in found.kept] == kept
    assert [name for name, _ in found.replayed] == [name for name, _ in steps][len(kept) :] or not is_start(kept, steps)
    assert len(found.replayed) == len(steps) - len(kept)


def test_columns_of_one_shape_are_kept_and_others_read_beside():
    found = plan()

    assert found.columns == (
        Column("image", "uint8", (3, 6, 4), "RGB"), Column("label", "int64", ()), Column("weight", "float32", ()),
    )  # fmt: skip
    assert found.beside == ("mask", "name", "words")


def test_what_a_kept_step_makes_is_a_column():
    found = plan(RESIZE, MASK, WIDTHS, TO_TENSOR)

    assert {column.name: (column.dtype, column.shape, column.mode) for column in found.columns} == {
        "image": ("uint8", (3, 2, 2), "RGB"), "mask": ("uint8", (1, 6, 4), None), "label": ("int64", (), None),
        "weight": ("float32", (), None), "width": ("int64", (), None),
    }  # fmt: skip


def test_a_step_that_looks_at_the_whole_batch_is_not_kept():
    rank = ("rank", WrapTransform(lambda x: x.argsort(), "rank", {"label": "x"}))
    longest = (
        "pad",
        WrapTransform(lambda rows: torch.tensor([max(map(len, rows))] * len(rows)), "n", {"words": "rows"}),
    )

    assert plan(rank, longest).kept == ()


def test_a_step_before_is_not_overtaken_by_one_that_changes_what_it_reads():
    half = ("half", WrapTransform(lambda x: x / 2, "half", {"label": "x"}))

    found = plan(half, ONE_MORE)

    assert found.kept == ()
    assert [name for name, _ in found.replayed] == ["half", "more"]


def test_a_step_that_needs_what_is_not_kept_is_not_kept_either():
    half = ("half", WrapTransform(lambda x: x / 2, "half", {"label": "x"}))
    whole = ("whole", WrapTransform(lambda x: x.long(), "whole", {"half": "x"}))

    assert plan(half, whole).kept == ()


@pytest.mark.parametrize("draw", [torch.rand, lambda n: random.random(), lambda n: np.random.rand(n)])  # noqa: NPY002
def test_random_steps_are_found_though_they_change_nothing_and_take_no_numbers_away(draw):
    def noise(x):
        draw(1)
        return x

    states = torch.get_rng_state(), random.getstate()
    found = plan(("noise", WrapTransform(noise, "same", {"label": "x"})))

    assert (found.kept, found.random) == ((), ("noise",))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]


def test_a_step_with_a_generator_of_its_own_is_not_kept():
    generator = torch.Generator()
    noise = ("noise", WrapTransform(lambda x: torch.randint(1000, (len(x),), generator=generator), "n", {"label": "x"}))

    assert plan(noise).kept == ()


def test_floats_are_kept_where_the_last_step_is_named():
    steps = [(f"data.transform.{name}", step) for name, step in (TO_TENSOR, NORMALIZE, MASK)]

    found = planned(DATA, steps, "data, split train", until="normalize")

    assert [path for path, _ in found.kept] == ["data.transform.to_tensor", "data.transform.normalize"]
    assert [path for path, _ in found.replayed] == ["data.transform.mask"]
    assert found.columns[0] == Column("image", "float32", (3, 6, 4))
    assert planned(DATA, steps, "data, split train", until="to_tensor").kept == (steps[0],)


@pytest.mark.parametrize(
    ("steps", "until", "message"),
    [
        ([TO_TENSOR], "to_tensr", "data.transform has no step 'to_tensr'. Did you mean 'to_tensor'? Steps: to_tensor."),
        ([FLIP, TO_TENSOR], "to_tensor", "is 'to_tensor', but data.transform.flip cannot be kept: it draws"),
        ([MASK, ("rank", WrapTransform(lambda x: x.argsort(), "rank", {"label": "x"}))], "rank",
         "is 'rank', but data.transform.rank cannot be kept: it gives other results for a row alone than in a batch."),
        ([("list", WrapTransform(lambda x: ["a"] * len(x), "list", {"label": "x"}))], "list",
         "is 'list', but data.transform.list cannot be kept: what it leaves is no tensor of one shape, or comes of a"),
    ],
)  # fmt: skip
def test_a_last_step_that_cannot_be_kept_is_refused(steps, until, message):
    with pytest.raises(ConfigError) as error:
        planned(DATA, [(f"data.transform.{name}", step) for name, step in steps], "data, split train", until=until)

    assert error.value.where == "data.cache_until"
    assert message in str(error.value)


def test_renaming_keeps_a_copy():
    found = plan(("rename", RenameTransform({"label": "target"})))

    assert [column.name for column in found.columns] == ["image", "label", "weight", "target"]


def test_images_of_several_sizes_are_read_beside_until_a_step_makes_them_one():
    data = Dataset.from_dict({"image": [picture(i, (4 + i, 4)) for i in range(4)]}, features=Features(image=Image()))

    assert plan(data=data).beside == ("image",)
    assert plan(RESIZE, TO_TENSOR, data=data).columns == (Column("image", "uint8", (3, 2, 2), "RGB"),)


def test_one_row_is_enough():
    assert plan(TO_TENSOR, data=DATA.remove_columns("words").select([3])).columns == plan(TO_TENSOR).columns


def test_lists_that_differ_in_rows_that_are_not_tried_are_read_beside():
    lengths = [2] * 1000
    lengths[500] = 3
    data = Dataset.from_dict({"same": [[1, 2]] * 1000, "words": [[1] * length for length in lengths]})

    found = plan(data=data)

    assert (found.columns, found.beside) == ((Column("same", "int64", (2,)),), ("words",))


def test_plain_data_sets_are_planned_alike():
    data = [{"x": torch.zeros(3, dtype=torch.uint8), "label": i, "name": "a"} for i in range(5)]

    assert plan(data=data).columns == (Column("x", "uint8", (3,)), Column("label", "int64", ()))
    assert plan(data=data).beside == ("name",)


def test_a_step_that_fails_is_told_with_its_path():
    def broken(label):
        raise ValueError("no")

    with pytest.raises(
        StepError, match=r"^data\.transform\.bad: .*: no\. Rows of this batch \(data, split train\): 0, 2,"
    ):
        plan(("data.transform.bad", WrapTransform(broken, "y", {"label": "label"})))
    with pytest.raises(ConfigError, match=r"^data\.transform\.bad\.mapping: no key 'lable' in the batch"):
        plan(("data.transform.bad", RenameTransform({"lable": "y"})))


def test_rows_that_cannot_be_read_are_told():
    data = Dataset.from_dict({"image": [b"no image"] * 5}, features=Features(image=Image()))

    with pytest.raises(DataError, match=r"^data, split train: rows 0, 1, 2, 4 cannot be read: "):
        plan(data=data)


def test_padding_is_not_kept_though_the_rows_that_are_tried_are_of_one_length():
    rows = Dataset.from_dict({"x": [[1, 2, 3]] * 8})

    plan = planned(rows, [("pad", PadCollate({"x": 0}))])

    assert [path for path, _ in plan.replayed] == ["pad"]
