"""How does a network of any size run where only shapes and dtypes matter?

On fake tensors of torch, which know shape, dtype and device and hold no memory. What they do not see is looked at
beside them: a weight of another dtype than its input raises only with real tensors.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeCopyMode,
    FakeTensor,
    FakeTensorMode,
    UnsupportedFakeTensorException,
    UnsupportedOperatorException,
)

T = TypeVar("T")

VALUES_NEEDED = (
    DataDependentOutputException,
    DynamicOutputShapeException,
    UnsupportedFakeTensorException,
    UnsupportedOperatorException,
)
VALUES_NEEDED_TEXTS = ("not supported for tensor subclasses", "data pointer of", "FakeTensor", "fake mode")
STRICT_DTYPES = (nn.Linear, nn.Bilinear, nn.RNNBase, nn.RNNCellBase, nn.modules.conv._ConvNd)
"""Modules that take no input of another floating type than their weight's."""


class NeedsValues(BaseException):
    """A step asks fake tensors for what they hold; no `Exception`, so that nobody takes it for their own failure.

    Attributes:
        path: YAML path of the step.
        weights: Number of weights of the model, as far as it was built.
    """

    def __init__(self, path: str, error: BaseException) -> None:
        super().__init__(path, error)
        self.path = path
        self.weights = 0


class ShapeMode(FakeTensorMode):
    """Torch's fake mode, which copies of modules share: `nn.TransformerEncoder` copies the layer that it is given."""

    def __init__(self) -> None:
        super().__init__(allow_non_fake_inputs=True)

    def __deepcopy__(self, memo: dict[int, Any]) -> ShapeMode:
        return self


@contextmanager
def on_fake_tensors(mode: ShapeMode) -> Iterator[None]:
    """Let everything inside make and take fake tensors; weights are not initialised."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")  # logs a traceback for every operation that fails
    was_disabled, logger.disabled = logger.disabled, True
    try:
        with ExitStack() as stack:
            stack.enter_context(_no_init())
            stack.enter_context(_strict_dtypes())
            stack.enter_context(mode)
            yield
    finally:
        logger.disabled = was_disabled


def to_fake(batch: Mapping[str, Any], mode: ShapeMode, rows: int, size: int) -> dict[str, Any]:
    """Return a batch of `rows` samples as a fake one of `size`; values that are no tensors stay as they are."""
    return {
        key: _grown(value, mode, rows, size) if isinstance(value, Tensor) else value for key, value in batch.items()
    }


def fake_copy(objects: T, mode: ShapeMode) -> T:
    """Return a deep copy whose tensors are fake, so that it takes no memory."""
    with FakeCopyMode(mode):
        return copy.deepcopy(objects)


def zeros_like_fake(value: Any) -> Any:
    """Return real zeros of a fake tensor's shape that take the memory of one number; anything else as it is."""
    if not isinstance(value, FakeTensor):
        return value
    return torch.zeros((), dtype=value.dtype).expand(value.shape)


def needs_values(error: BaseException | None) -> bool:
    """Whether an error comes from asking a fake tensor for what it holds, and not from a mistake."""
    while error is not None:
        if isinstance(error, VALUES_NEEDED) or any(text in str(error) for text in VALUES_NEEDED_TEXTS):
            return True
        error = error.__cause__ or error.__context__
    return False


def _grown(value: Tensor, mode: ShapeMode, rows: int, size: int) -> Tensor:
    value = value.detach()
    if value.ndim and value.shape[0] == rows:
        value = value[:1].expand(size, *value.shape[1:])
    with mode:
        return torch.empty(value.shape, dtype=value.dtype)


@contextmanager
def _no_init() -> Iterator[None]:
    """Switch `torch.nn.init` off: some of it looks at values, and all of it is for nothing here."""
    names = [n for n in vars(nn.init) if n.endswith("_") and not n.startswith("__") and callable(getattr(nn.init, n))]
    names += [name for name in vars(nn.init) if name.startswith("_no_grad_")]
    originals = {name: getattr(nn.init, name) for name in names}
    for name in originals:
        setattr(nn.init, name, _same)
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(nn.init, name, original)


def _same(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return tensor


@contextmanager
def _strict_dtypes() -> Iterator[None]:
    hook = nn.modules.module.register_module_forward_pre_hook(_check_dtype)
    try:
        yield
    finally:
        hook.remove()


def _check_dtype(module: nn.Module, args: tuple[Any, ...]) -> None:
    """Raise what real tensors raise; under autocast only for the double precision that it leaves alone."""
    given = args[0] if args and isinstance(args[0], Tensor) else None
    if given is None or not isinstance(module, STRICT_DTYPES):
        return
    weight = next(module.parameters()).dtype
    is_cast = torch.is_autocast_enabled("cpu") and given.dtype != torch.float64
    if given.dtype != weight and not is_cast:
        raise RuntimeError(f"expected {weight}, got {given.dtype}")
