"""What is said when a step fails in a way that nobody foresaw."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from ml_core.data.batches import BatchedDataset, identity
from ml_core.errors import OutOfMemoryError, UserError
from ml_core.step_errors import StepError, described, keys_of, text_of
from ml_core.transforms.base import ComposeTransform, WrapTransform

BATCH = {"image": torch.zeros(64, 1, 28, 28), "label": torch.zeros(64, dtype=torch.int64)}
SEEN = (
    "The step got x: float32 [64, 1, 28, 28] from 'image'. "
    "Keys at this point: image (float32 [64, 1, 28, 28]), label (int64 [64])."
)


class Net(nn.Module):
    """A user's network with one mistake for every kind of layer."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.fc1 = nn.Linear(783, 64)
        self.seq = nn.Sequential(nn.Flatten(), nn.Linear(783, 64))
        self.conv = nn.Conv2d(3, 8, 3)
        self.emb = nn.Embedding(10, 4)

    def forward(self, x):
        flat = x.flatten(1)
        runs = {
            "fc1": lambda: self.fc1(flat),
            "seq": lambda: self.seq(x),
            "conv": lambda: self.conv(x),
            "emb": lambda: self.emb(flat.long() + 12),
            "dtype": lambda: self.fc1(flat[:, :783].double()),
            "own": lambda: x @ torch.ones(3, 3),
            "assert": lambda: self.check(x),
        }
        return runs[self.kind]()

    def check(self, x):
        assert x.ndim == 2


def failure(step: Any, batch: dict[str, Any] = BATCH) -> UserError:
    with pytest.raises(UserError) as caught:
        ComposeTransform(network=step)(batch)
    return caught.value


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("fc1", "Net.fc1 (Linear 783 -> 64) cannot take float32 [64, 784] ({line}): "
                "addmm: mat1 and mat2 shapes cannot be multiplied (64x784 and 783x64)."),
        ("seq", "Net.seq.1 (Linear 783 -> 64) cannot take float32 [64, 784] ({line}): "
                "addmm: mat1 and mat2 shapes cannot be multiplied (64x784 and 783x64)."),
        ("conv", "Net.conv (Conv2d 3 -> 8) cannot take float32 [64, 1, 28, 28] ({line}): Given groups=1, weight of "
                 "size [8, 3, 3, 3], expected input[64, 1, 28, 28] to have 3 channels, but got 1 channels instead."),
        ("emb", "Net.emb (Embedding 10 -> 4) cannot take int64 [64, 784] with values 12 to 12 ({line}): "
                "IndexError: index out of range in self."),
        ("dtype", "Net.fc1 (Linear 783 -> 64) cannot take float64 [64, 783] ({line}): "
                  "mat1 and mat2 must have the same dtype, but got Double and Float."),
        ("own", "Net failed on float32 [64, 1, 28, 28] ({line}): "
                "mm: mat1 and mat2 shapes cannot be multiplied (1792x28 and 3x3)."),
    ],
)  # fmt: skip
def test_the_innermost_module_its_input_and_the_users_line_are_named(kind: str, message: str):
    error = failure(WrapTransform(Net(kind), "output", {"image": "x"}))
    lines = Path(__file__).read_text().splitlines()
    number = next(i for i, line in enumerate(lines, start=1) if f'"{kind}": lambda' in line)
    line = f"test_step_errors.py:{number} in Net.forward.<locals>.<lambda>"

    assert (error.where, error.what, error.fix) == ("network", message.format(line=line), SEEN)
    assert type(error) is StepError
    assert error.exit_code == 64


def test_the_exception_itself_goes_to_the_log():
    error = failure(WrapTransform(Net("fc1"), "output", {"image": "x"}))
    assert isinstance(error.__cause__, RuntimeError)
    assert error.__cause__.__traceback__ is not None


def test_a_message_that_says_little_comes_with_its_type():
    error = failure(WrapTransform(Net("assert"), "output", {"image": "x"}))
    assert "in Net.check): AssertionError" in error.what


def test_a_function_is_named_as_it_is_imported():
    step = WrapTransform(functools.partial(torch.argmax, dim=5), "prediction", {"image": "input"})
    assert failure(step, {"image": torch.zeros(3)}).what == (
        "torch.argmax failed: IndexError: Dimension out of range (expected to be in range of [-1, 0], but got 5)."
    )


def test_a_plain_callable_is_a_step_too():
    def broken(batch):
        return {"n": batch["image"].missing}

    error = failure(broken)
    assert error.what.startswith(f"{__name__}.test_a_plain_callable_is_a_step_too.<locals>.broken failed (")
    assert error.what.endswith("AttributeError: 'Tensor' object has no attribute 'missing'.")
    assert error.fix == "Keys at this point: image (float32 [64, 1, 28, 28]), label (int64 [64])."


def test_the_path_of_nested_steps_is_put_together():
    inner = ComposeTransform(first=WrapTransform(Net("fc1"), "output", {"image": "x"}))
    assert failure(ComposeTransform(block=inner)).where == "network.block.first"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_is_no_failure_goes_through(error: type[BaseException]):
    def stop(batch):
        raise error

    with pytest.raises(error):
        ComposeTransform(stop=stop)(BATCH)


def test_memory_that_runs_out_ends_with_code_70_and_names_a_smaller_batch():
    def grow(batch):
        return {"big": torch.empty(10**15)}

    error = failure(grow)
    assert type(error) is OutOfMemoryError
    assert error.exit_code == 70
    assert error.what.startswith("memory ran out with a batch of 64, after a peak of ")
    assert "you tried to allocate 4000000000000000 bytes" in error.what
    assert error.fix == (
        "Try data.batch_size=32 with trainer.accumulate_grad_batches=2, which trains the same, "
        "or trainer.precision=bf16-mixed, or a smaller model."
    )


def no_threes(x):
    if (x == 3).any():
        raise ValueError("no threes, please")
    return x


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_failure_in_a_worker_names_step_and_rows(num_workers: int):
    steps = [("data.transform", ComposeTransform(check=WrapTransform(no_threes, "y", {"x": "x"})))]
    data = BatchedDataset([{"x": i} for i in range(8)], steps, name="data, split train")
    loader = DataLoader(data, batch_size=4, collate_fn=identity, num_workers=num_workers)
    with pytest.raises(StepError) as caught:
        list(loader)
    line = no_threes.__code__.co_firstlineno + 2

    assert str(caught.value) == (
        f"data.transform.check: {__name__}.no_threes failed (test_step_errors.py:{line} in no_threes): "
        "no threes, please. Only these rows fail (data, split train): 3. "
        "The step got x: int64 [4] from 'x'. Keys at this point: x (int64 [4])."
    )
    if num_workers:
        assert "Original Traceback" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (torch.zeros(2, 3), "float32 [2, 3]"),
        (torch.zeros(2, device="meta"), "float32 [2] on meta"),
        (np.zeros((2, 3), dtype=np.uint8), "array uint8 [2, 3]"),
        (["a", "b"], "list of 2 x str"),
        ((torch.zeros(3), torch.zeros(4)), "tuple of 2 x float32 [3]"),
        ([], "list"),
        (1.5, "float"),
        (None, "null"),
    ],
)
def test_a_value_is_described_by_what_matters(value: Any, text: str):
    assert described(value) == text


def test_of_many_keys_the_first_are_told():
    assert keys_of({f"k{i}": i for i in range(22)}).endswith("k19 (int), 2 more")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("is bad."), "is bad."),
        (KeyError("x"), "KeyError: 'x'."),
        (RuntimeError(), "RuntimeError."),
        (RuntimeError("one\n  two"), "one two."),
    ],
)
def test_a_message_is_one_line(error: Exception, text: str):
    assert text_of(error) == text
