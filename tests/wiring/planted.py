"""Networks, transforms and data sets that the tests of the wiring check plant mistakes with."""

from __future__ import annotations

import time
import urllib.request

import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from torch import nn
from torch.nn.init import trunc_normal_


class MyNet(nn.Module):
    """Two layers on flattened images."""

    def __init__(self, size: int = 784, width: int = 64, classes: int = 10) -> None:
        super().__init__()
        self.fc1 = nn.Linear(size, width)
        self.fc2 = nn.Linear(width, classes)

    def forward(self, x):
        x = x.flatten(1)
        return self.fc2(self.fc1(x).relu())


class Picky(nn.Module):
    """Looks at a value on its way; `head` is the size that its last layer takes."""

    def __init__(self, width: int = 8, head: int | None = None) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(784, width), nn.Linear(head or width, 10)
        self.wide = nn.Linear(width, width)

    def forward(self, x):
        x = self.body(x.flatten(1))
        return self.head(self.wide(x) if x.sum().item() < 1e9 else x)


class Angry(nn.Module):
    """Refuses what it gets, in words of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(784, 10)

    def forward(self, x):
        raise ValueError("only images of 32 x 32 are taken")


class Idle(nn.Module):
    """Holds a layer that never runs, a weight without gradient, and an attention whose last layer is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.never = nn.Linear(784, 10), nn.Linear(3, 3)
        self.scale = nn.Parameter(torch.ones(10))
        self.attention = nn.MultiheadAttention(10, 2, batch_first=True)

    def forward(self, x):
        x = self.body(x.flatten(1))[:, None]
        return self.attention(x, x, x)[0][:, 0] * self.scale.detach()


class NotFinite(nn.Module):
    """Makes a nan on the way forward, or only on the way back."""

    def __init__(self, is_forward: bool) -> None:
        super().__init__()
        self.fc, self.is_forward = nn.Linear(784, 10), is_forward

    def forward(self, x):
        x = self.fc(x.flatten(1))
        return torch.log(-x.abs()) if self.is_forward else x + torch.sqrt(x.relu() * 0)


class Detached(MyNet):
    """Gives a result that no weight can learn from."""

    def forward(self, x):
        return super().forward(x).detach()


class LanguageModel(nn.Module):
    """A transformer of torch's own blocks, of any size."""

    def __init__(self, width: int, depth: int, heads: int, vocabulary: int, head: int | None = None) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Linear(head or width, vocabulary)
        trunc_normal_(self.head.weight, std=0.02)

    def forward(self, tokens):
        return self.head(self.blocks(self.embed(tokens))).transpose(1, 2)


class NextToken:
    """Splits tokens into what is given and what is to be said."""

    reads, writes = ("tokens",), ("given", "next")

    def __call__(self, batch):
        return {"given": batch["tokens"][:, :-1], "next": batch["tokens"][:, 1:]}


class NoDict:
    """Returns no dict of new keys."""

    def __call__(self, batch):
        return batch["image"]


def cast(x, dtype: str):
    return x.to(getattr(torch, dtype))


def scaled(x, factor: float):
    return x * factor


def halved_in_place(x):
    return x.mul_(0.5)


def rows(
    count: int = 40, *, labels: bool = True, test_labels: bool = True, wrong_label: int | None = None, nan: bool = False
):
    """Return splits of flat images; every tenth label may be wrong, and one pixel of every image nan."""
    image = [float("nan") if nan else 0.5, *[index / 784 for index in range(783)]]

    def split(with_labels: bool) -> Dataset:
        label = [(wrong_label if wrong_label and index >= count // 2 else index % 10) for index in range(count)]
        return Dataset.from_dict({"image": [image] * count, **({"label": label} if with_labels else {})})

    return DatasetDict(train=split(True), validation=split(True), test=split(test_labels))


def texts(length: int = 65):
    """Return splits of token rows."""
    return DatasetDict(train=Dataset.from_dict({"tokens": [list(range(length))] * 20}))


def named_classes():
    """Return splits whose label column says how many classes there are."""
    features = Features({"image": [Value("float32")], "label": ClassLabel(num_classes=10), "id": Value("int64")})
    data = {"image": [[0.5] * 784] * 20, "label": [0] * 20, "id": list(range(20))}
    split = Dataset.from_dict(data, features=features)
    return DatasetDict(train=split, validation=split, test=split)


def missing():
    raise FileNotFoundError("no folder /data/none")


def broken():
    raise ValueError("no such year: 3000")


def slow():
    time.sleep(60)


def rare_label():
    """Return splits in which one row of a batch of 64 has a label that is no class."""
    label = [12 if index == 8 else index % 10 for index in range(64)]
    split = Dataset.from_dict({"image": [[index / 784 for index in range(784)]] * 64, "label": label})
    return DatasetDict(train=split, validation=split, test=split)


def pretrained():
    urllib.request.urlopen("http://example.com/weights")
