"""How are named callables kept in a module, so that those with weights are registered under their own names?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from ml_core.errors import ConfigError


class NamedCallables(nn.Module):
    """An ordered set of named callables; modules among them are children under their own name.

    Unlike `nn.ModuleDict` it takes plain functions too, and names that `nn.Module` has itself (`type`, `train`).

    Raises:
        ConfigError: If one cannot be called, or a name holds a dot.
    """

    def __init__(self, callables: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__()
        self.names = tuple(callables)
        self.functions: dict[str, Callable[..., Any]] = {}
        for name, function in callables.items():
            if not callable(function):
                raise ConfigError(name, f"is {function!r}, but must be something that can be called.")
            if "." in name:
                raise ConfigError(name, "is no usable name: it holds a dot.")
            if isinstance(function, nn.Module):
                self._modules[name] = function
            else:
                self.functions[name] = function

    def __getitem__(self, name: str) -> Callable[..., Any]:
        """Return the callable of that name."""
        return self.functions[name] if name in self.functions else self._modules[name]  # type: ignore[return-value]
