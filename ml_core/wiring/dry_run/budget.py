"""Is something small enough to be done for real in a check?

Torch's functions are watched as they are called from Python; unlike its dispatch modes this imports nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

FACTORIES = frozenset({"empty", "zeros", "ones", "full", "rand", "randn", "normal", "eye", "tensor"})
COPIES = frozenset({"clone", "empty_like", "zeros_like", "ones_like", "rand_like", "randn_like", "full_like"})


class TooMuch(BaseException):
    """More elements or seconds than a check spends; no `Exception`, so that nobody takes it for their own failure."""


class Budget(TorchFunctionMode):
    """Raises once what is done inside grows too large, before it takes the memory where its size is asked for.

    Args:
        elements: Elements that tensors may have that are made, together; those of one result of an operation.
        seconds: Time that it may take.

    Raises:
        TooMuch: From the call that goes past a limit.
    """

    def __init__(self, elements: int, seconds: float = math.inf) -> None:
        super().__init__()
        self.elements, self.end = elements, time.monotonic() + seconds
        self.made = 0

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Count, then call."""
        kwargs, name = kwargs or {}, getattr(func, "__name__", "")
        if name in FACTORIES:
            self._count(_asked(args, kwargs))
        result = func(*args, **kwargs)
        if isinstance(result, Tensor):
            if name in COPIES:
                self._count(result.numel())
            if result.numel() > self.elements or time.monotonic() > self.end:
                raise TooMuch
        return result

    def _count(self, elements: int) -> None:
        self.made += elements
        if self.made > self.elements:
            raise TooMuch


def _asked(args: Sequence[Any], kwargs: Mapping[str, Any]) -> int:
    """Return the number of elements that a factory is asked for, where it is told by sizes."""
    sizes = kwargs.get("size", args[0] if args and isinstance(args[0], (tuple, list)) else args)
    whole = [size for size in sizes if isinstance(size, int)] if isinstance(sizes, (tuple, list)) else []
    return math.prod(whole) if whole else 0
