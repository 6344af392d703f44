"""Images: from a cache against a tensor in RAM, and decoded by the batch against one by one."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, Image
from datasets.table import InMemoryTable
from torch.utils.data import default_collate
from torchvision import transforms

from ml_core.data.batches import BatchedDataset
from ml_core.data.decoding import DecodedRows
from ml_core.data.shortcuts import with_shortcuts
from ml_core.data.sources import mnist_mini
from ml_core.transforms.base import ComposeTransform
from ml_core.transforms.image import TorchVisionTransform
from scripts.data_benchmarks.row import MEBIBYTE, Row, in_turns, resident

BATCH, BATCHES = 64, 200
LARGE = 60_000
"""From so many samples on the limit is a ratio; below it, so much time more:"""
EXTRA_MS, RATIO = 0.05, 1.5
DECODE_MS, OPEN_MS = 2.0, 200.0
WINDOW = 65_536
"""Bytes that Linux maps around a page that is read."""


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Yield decoding and the uncached path, then the cache at each size."""
    yield from _decoding()
    times: dict[int, tuple[float, float]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            yield from _cache(size, folder, times)
    if len(large := [size for size in times if size >= LARGE]) > 1:
        (base, ours), (more_base, more_ours) = times[large[0]], times[large[-1]]
        growth = more_ours / ours, more_base / base
        name = f"cache: growth of that time from {large[0]:,} to {large[-1]:,} rows"
        yield Row(name, f"{growth[1]:.2f} x", f"{growth[0]:.2f} x", growth[0] / growth[1], "<= 1")


def digits(size: int) -> Dataset:
    """Return so many rows, the digits of mnist_mini over and over, as PNG files and labels."""
    table = mnist_mini()["train"].data.table
    return Dataset(InMemoryTable(table.take(np.arange(size) % len(table)).combine_chunks()), fingerprint=f"tiled{size}")


def steps() -> list[tuple[str, Any]]:
    """Return the transform of configs/data/mnist.yaml."""
    scaled = {"to_tensor": transforms.ToTensor(), "normalize": transforms.Normalize([0.1307], [0.3081])}
    return [("data.transform", ComposeTransform(**{k: TorchVisionTransform(t, "image") for k, t in scaled.items()}))]


def _decoding() -> Iterator[Row]:
    data = digits(4_000)
    chosen = torch.randperm(len(data))[:BATCH].tolist()
    native, pil = DecodedRows(data, ["image"]), BatchedDataset(data)
    first, ours = in_turns(
        lambda: pil[chosen[0]] and pil.__getitems__(chosen), lambda: native[chosen], clock=time.thread_time
    )
    yield Row("decode 64 PNGs of MNIST, by the batch", f"PIL, {first:.2f} ms", f"{ours:.2f} ms", first / ours)
    yield Row("the same, against its limit", f"{DECODE_MS} ms", f"{ours:.2f} ms", ours / DECODE_MS, "<= 1")
    fast = with_shortcuts(BatchedDataset(data, steps()), False, "train")
    single, batched = in_turns(_one_by_one(data, chosen), lambda: fast.__getitems__(chosen), clock=time.thread_time)
    name = "uncached: images/s, batched against per sample, same decoder"
    speeds = [f"{BATCH / ms * 1000:,.0f}/s" for ms in (single, batched)]
    yield Row(name, f"per sample, {speeds[0]}", speeds[1], single / batched, ">= 2")


def _one_by_one(data: Dataset, chosen: list[int]) -> Callable[[], Any]:
    """Return what a plain data loader does: each sample fetched, decoded and transformed, then collated."""
    encoded = data.cast_column("image", Image(decode=False))
    transform = transforms.Compose(
        [transforms.ConvertImageDtype(torch.float32), transforms.Normalize([0.1307], [0.3081])]
    )

    def sample(index: int) -> dict[str, Any]:
        row = encoded[index]
        content = torch.frombuffer(bytearray(row["image"]["bytes"]), dtype=torch.uint8)
        return {"image": transform(torch.ops.image.decode_image(content, 0, False)), "label": row["label"]}

    return lambda: default_collate([sample(index) for index in chosen])


def _cache(size: int, folder: str, times: dict[int, tuple[float, float]]) -> Iterator[Row]:
    data = BatchedDataset(digits(size), steps(), name=f"{size:,} digits")
    start = _cpu_milliseconds()
    wall = _milliseconds(lambda: with_shortcuts(data, folder, "train"))
    built = (_cpu_milliseconds() - start) * BATCH / size
    name = f"cache: building {size:,} rows, per 64 on one core"
    described = f"{built:.2f} ms ({wall / 1000:.1f} s, all cores)"
    yield Row(name, f"{DECODE_MS} ms", described, built / DECODE_MS, "<= 1" if size >= LARGE else "")
    before = resident()
    (opened,) = in_turns(lambda: with_shortcuts(data, folder, "train"), rounds=5)
    yield Row(
        f"cache: opening {size:,} rows", "0.2 s", f"{opened:.1f} ms", opened / OPEN_MS, "<= 1", resident() - before
    )
    fast = with_shortcuts(data, folder, "train")
    yield _memory(fast, size, Path(folder))
    yield _speed(fast, size, times)


def _memory(fast: BatchedDataset, size: int, folder: Path) -> Row:
    """Compare the memory that a few batches add with the pages that they touch."""
    few = 10
    fast.__getitems__([0])
    before = resident()
    for chosen in torch.randint(size, (few, BATCH)).tolist():
        fast.__getitems__(chosen)
    grown = resident() - before
    whole = sum(file.stat().st_size for file in folder.glob("*.cache")) / MEBIBYTE
    touched = min(whole, few * BATCH * 2 * 2 * WINDOW / MEBIBYTE) + 1  # two columns, two pages of each; buffers
    name = f"cache: memory of {few} batches of {size:,} rows ({whole:,.0f} MiB)"
    return Row(name, f"pages touched, {touched:,.0f} MiB", f"{grown:,.1f} MiB", grown / touched, "<= 1", grown)


def _speed(fast: BatchedDataset, size: int, times: dict[int, tuple[float, float]]) -> Row:
    """Compare a batch from the cache, normalised, with a selection from the same batches in RAM."""
    in_ram = torch.empty(size, 1, 28, 28)
    for start in range(0, size, 1_000):
        part = list(range(start, min(size, start + 1_000)))
        in_ram[start : start + len(part)] = fast.__getitems__(part)["image"]
    lists = torch.randint(size, (BATCHES, BATCH)).tolist()
    tensors = [torch.tensor(chosen) for chosen in lists]
    turns = {"base": 0, "ours": 0}

    def following(side: str) -> int:
        turns[side] += 1
        return turns[side] % BATCHES

    base, ours = in_turns(
        lambda: in_ram.index_select(0, tensors[following("base")]),
        lambda: fast.__getitems__(lists[following("ours")]),
        calls=BATCHES // 2,
        clock=time.thread_time,
    )
    times[size] = base, ours
    name, described = f"cache: fetch and normalise 64 of {size:,} rows", f"{ours:.3f} ms"
    if size >= LARGE:
        return Row(name, f"index_select of float32, {base:.3f} ms", described, ours / base, f"<= {RATIO}")
    allowed = base + EXTRA_MS
    return Row(name, f"the same and 0.05 ms, {allowed:.3f} ms", described, ours / allowed, "<= 1")


def _cpu_milliseconds() -> float:
    """Return the time that cores have worked for this process and those that it has started and seen end."""
    return sum(os.times()[:4]) * 1000


def _milliseconds(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1000
