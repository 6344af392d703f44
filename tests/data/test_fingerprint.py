"""Fingerprints change with contents and code, and with nothing else."""

from __future__ import annotations

import enum
import functools
import importlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset, Features, Image
from PIL import Image as PIL
from processes import run_python
from torchvision import transforms as v1

from ml_core.data.fingerprint import fingerprint
from ml_core.data.sources import mnist_mini
from ml_core.errors import ConfigError
from ml_core.transforms.base import ComposeTransform, WrapTransform
from ml_core.transforms.image import TorchVisionTransform


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Shift:
    def __init__(self, by):
        self.by = by

    def __call__(self, batch):
        return {"x": batch["x"] + self.by}

    def doubled(self, batch):
        return {"x": batch["x"] * 2}


class Holder:
    def __init__(self):
        self.itself = self


def adding(number):
    return lambda x: x + number


def layer(seed):
    torch.manual_seed(seed)
    return torch.nn.Linear(2, 2)


def image_step(mean=0.5, key="image"):
    return ComposeTransform(
        scale=TorchVisionTransform(v1.Compose([v1.ToTensor(), v1.Normalize([mean], [0.5])]), key),
        plus=WrapTransform(functools.partial(torch.add, other=1), "y", {"label": "input"}),
    )


DIFFERENT = [
    (1, 2), (1, 1.0), (1, True), ("1", 1), (None, "None"), ([1, 2], [2, 1]), ([1], (1,)), ([[1], 2], [[1, 2]]),
    ({"a": 1}, {"a": 2}), ({1, 2}, {1, 3}), ("ab", b"ab"), (["a", "b"], ["ab"]),
    (np.zeros(2), np.zeros(3)), (np.zeros(2), np.zeros(2, dtype=np.float32)), (np.zeros((2, 3)), np.zeros((3, 2))),
    (np.array(["a", None]), np.array(["b", None])),
    (torch.zeros(2), torch.tensor([0.0, -0.0])), (torch.zeros(2, dtype=torch.int32), torch.zeros(2)),
    (Colour.RED, Colour.BLUE), (Path("a"), Path("b")), (torch.float32, torch.float16),
    (Shift(1), Shift(2)), (Shift, Colour), (Shift(1).__call__, Shift(1).doubled), (Shift(1).doubled, Shift(2).doubled),
    (adding(1), adding(2)), (lambda x: x + 1, lambda x: x + 2), (lambda x, y=1: x, lambda x, y=2: x),
    (functools.partial(torch.add, other=1), functools.partial(torch.add, other=2)),
    (functools.partial(torch.add, other=1), functools.partial(torch.sub, other=1)),
    (torch.add, torch.sub), (len, print), (np, torch), (v1.ToTensor(), v1.PILToTensor()),
    (layer(0), layer(1)), (layer(0), layer(0).eval()),
    (image_step(0.5), image_step(0.4)), (image_step(), image_step(key="mask")),
    (Dataset.from_dict({"x": [1, 2]}), Dataset.from_dict({"x": [1, 3]})),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_things_differ(one, other):
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize(
    "make",
    [
        lambda: [1, "a", 2.5, None, (b"x", {"k": {3, 1, 2}})],
        lambda: np.arange(6).reshape(2, 3),
        lambda: np.arange(12).reshape(4, 3)[::2],
        lambda: torch.arange(6.0).view(2, 3).T,
        lambda: Shift(3),
        lambda: adding(4),
        lambda: layer(1),
        image_step,
        lambda: [torch.zeros(2)] * 2,
        Holder,
        lambda: Dataset.from_dict({"x": [1, 2]}).select([1]),
    ],
)
def test_things_made_anew_are_the_same(make):
    assert fingerprint(make()) == fingerprint(make())


def test_an_object_used_twice_counts_as_two_that_are_equal():
    one, other = Shift(1), Shift(1)

    assert fingerprint([one, one]) == fingerprint([one, other])


def test_the_rows_of_a_split_count():
    data = mnist_mini()["test"]

    prints = {fingerprint(data), fingerprint(data.select([1, 2])), fingerprint(data.select([2, 1]))}

    assert len(prints) == 3


def test_a_change_of_an_image_file_shows(tmp_path):
    path = tmp_path / "a.png"
    PIL.new("L", (4, 4)).save(path)
    data = Dataset.from_dict({"image": [str(path)]}, features=Features(image=Image()))
    before = fingerprint(data)

    os.utime(path, (1, 1))

    assert fingerprint(data) != before


def imported(name):
    sys.modules.pop(name, None)
    importlib.invalidate_caches()
    return importlib.import_module(name)


@pytest.mark.parametrize("what", ["function", "Step"])
@pytest.mark.parametrize("changed", ["own_steps", "own_numbers"])
def test_code_of_the_user_counts_with_what_it_imports(tmp_path, monkeypatch, what, changed):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    files = {
        "own_numbers": "def number():\n    return 1\n",
        "own_steps": "from own_numbers import number\ndef function(x):\n    return x + number()\n"
        "class Step:\n    def __call__(self, batch):\n        return {'x': number()}\n",
    }

    def printed():
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
            imported(name)
        value = getattr(sys.modules["own_steps"], what)
        return fingerprint(value if what == "function" else value())

    before = printed()
    assert printed() == before
    files[changed] += "# changed\n"
    assert printed() != before


def test_code_without_a_file_counts_too():
    def made(text):
        space = {"__name__": "made_up"}
        exec(text, space)
        return space["function"]

    one = "SIZE = 1\ndef function(x):\n    return inner(x)\ndef inner(x):\n    return x * SIZE\n"

    assert fingerprint(made(one)) == fingerprint(made(one))
    assert fingerprint(made(one)) != fingerprint(made(one.replace("x * SIZE", "x - SIZE")))
    assert fingerprint(made(one)) != fingerprint(made(one.replace("SIZE = 1", "SIZE = 2")))


def test_what_cannot_be_compared_is_told(tmp_path):
    with open(tmp_path / "a", "w") as file, pytest.raises(ConfigError) as error:
        fingerprint(Shift(file))

    assert str(error.value).startswith("data.cache: a TextIOWrapper cannot be compared from run to run (")
    assert error.value.fix == "Keep it out of the data set and of data.transform, or set data.cache=false."


@pytest.mark.slow
def test_every_process_finds_the_same():
    code = (
        "from ml_core.data.fingerprint import fingerprint; from ml_core.data.sources import mnist_mini;"
        "from torchvision import transforms as v1; from ml_core.transforms.image import TorchVisionTransform;"
        "print(fingerprint(mnist_mini()['test'].select([1, 2]), TorchVisionTransform(v1.ToTensor(), 'image'),"
        " {'a', 'b', 'c'}))"
    )
    first, second = (run_python("-c", code, PYTHONHASHSEED=seed).stdout for seed in ("1", "2"))

    assert first == second
    assert len(first.strip()) == 32
