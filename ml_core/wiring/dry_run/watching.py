"""What does a step do beside its result: modules that run, waits for the device, values kept for the backward pass?"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

READS = frozenset({"item", "tolist", "numpy", "cpu", "__bool__", "__int__", "__float__", "__index__", "__array__"})
"""Methods of a tensor for which the host waits for its device."""

LIBRARIES = ("torch", "torchvision", "torchmetrics", "lightning", "ml_core.wiring", "ml_core.transforms.base")


class HostReads(TorchFunctionMode):
    """Counts where the host reads a tensor's values, or makes a tensor of its own data on another device.

    Attributes:
        places: `{".item() at nets.py:12": times}`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.places: Counter[str] = Counter()

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Count, then call."""
        result, name = func(*args, **(kwargs or {})), getattr(func, "__name__", "")
        given = args[0] if args else None
        is_moved = isinstance(given, Tensor) and isinstance(result, Tensor) and given.device != result.device
        if name in READS or is_moved:
            self.places[f"{_written(name)} at {_place(sys._getframe(1))}"] += 1
        return result


@contextmanager
def modules_that_run() -> Iterator[set[int]]:
    """Give the ids of all modules that are called inside."""
    ran: set[int] = set()
    hook = nn.modules.module.register_module_forward_hook(lambda module, args, output: ran.add(id(module)))
    try:
        yield ran
    finally:
        hook.remove()


@contextmanager
def kept_for_backward(weights: set[int]) -> Iterator[dict[int, int]]:
    """Give `{storage: bytes}` of what autograd keeps of the work inside, weights left out.

    Args:
        weights: Where the storages of the weights begin.
    """
    kept: dict[int, int] = {}

    def keep(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return value

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        yield kept


def _written(name: str) -> str:
    return {"__bool__": "a condition on a tensor", "__int__": "int()", "__float__": "float()"}.get(name, f".{name}()")


def _place(frame: FrameType | None) -> str:
    """Return file and line of the nearest code that is no library's."""
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith(LIBRARIES):
        frame = frame.f_back
    return "an unknown place" if frame is None else f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
