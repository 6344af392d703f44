"""How fast do sentences of a treebank become padded batches?"""

from __future__ import annotations

import lzma
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from datasets import Dataset
from datasets.table import InMemoryTable
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import default_collate

from ml_core.data.batches import BatchedDataset
from ml_core.data.conllu_lines import read_blocks
from ml_core.data.padding import PadCollate
from scripts.data_benchmarks.row import Row, in_turns

BATCH, BATCHES, WORDS, TAGS, LONGEST = 64, 20, 6000, 14, 40
TREEBANK = Path(__file__).parents[2] / "ml_core/data/embedded/turkish_web/train.conllu.xz"
LEAST = 1e6
"""Tokens a second that are asked for, on one core."""


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Yield, for these numbers of sentences, reading and padding words and tags against torch, in CPU time."""
    torch.set_num_threads(1)
    pad = PadCollate({"form": 0, "upos": -100})
    for size in sizes:
        sentences = _sentences(size)
        batched = BatchedDataset(sentences, [("pad", pad)])
        rng = np.random.default_rng(1)
        batches = [rng.integers(0, size, BATCH).tolist() for _ in range(BATCHES)]
        tokens = sum(int(batched.__getitems__(batch)["mask"].sum()) for batch in batches)
        ours, theirs = in_turns(
            partial(_each, batched.__getitems__, batches),
            partial(_each, partial(_by_sample, sentences), batches),
            rounds=11,
            clock=time.thread_time,
        )
        speeds = [tokens / milliseconds * 1000 for milliseconds in (ours, theirs)]
        text = [f"{speed / 1e6:.2f} M tokens/s" for speed in speeds]
        name = f"read and pad {size:,} sentences in batches"
        yield Row(name, f"sample by sample, pad_sequence, {text[1]}", text[0], speeds[0] / speeds[1], ">= 1")
        yield Row(name, "1 M tokens/s", text[0], speeds[0] / LEAST, ">= 1")
    yield _parsing()


def _parsing() -> Row:
    """Return how fast a treebank is parsed into columns, against the package conllu, which makes objects."""
    import conllu

    text = lzma.decompress(TREEBANK.read_bytes()).decode()
    tokens = len(re.findall(r"^\d", text, re.MULTILINE))
    with tempfile.NamedTemporaryFile("w", suffix=".conllu", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        ours, theirs = in_turns(
            lambda: list(read_blocks(file.name)), lambda: conllu.parse(text), rounds=5, clock=time.process_time
        )
    speeds = [f"{tokens / milliseconds / 1e3:.2f} M tokens/s" for milliseconds in (ours, theirs)]
    return Row("parse CoNLL-U into columns", f"package conllu, {speeds[1]}", speeds[0], theirs / ours, ">= 1")


def _each(make: Callable[[list[int]], Any], batches: list[list[int]]) -> None:
    for batch in batches:
        make(batch)


def _sentences(size: int) -> Dataset:
    """Return random sentences of 3 to 40 words with their tags."""
    rng = np.random.default_rng(0)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(3, LONGEST, size))]).astype(np.int32)
    columns = {"form": WORDS, "upos": TAGS}
    lists = {
        name: pa.ListArray.from_arrays(offsets, rng.integers(0, count, offsets[-1])) for name, count in columns.items()
    }
    return Dataset(InMemoryTable(pa.table(lists)))


def _by_sample(sentences: Dataset, batch: list[int]) -> dict[str, torch.Tensor]:
    """Return a batch as a collate function of other templates makes it."""
    samples = [sentences[row] for row in batch]
    padded = {
        name: pad_sequence([torch.tensor(sample[name]) for sample in samples], batch_first=True, padding_value=value)
        for name, value in {"form": 0, "upos": -100}.items()
    }
    return {**padded, "length": default_collate([len(sample["form"]) for sample in samples])}
