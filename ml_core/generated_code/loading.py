"""How does checked code become a function? Nothing is imported by name, and no file is read twice."""

from __future__ import annotations

import builtins
import linecache
import math
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

from ml_core.generated_code.allowed_names import BUILTINS, ERRORS, MODULES


def function_of(code: str, name: str, module_name: str, file: str) -> Callable[..., Any]:
    """Compile code in a module of its own and return its function; the module has few built-in functions.

    Args:
        code: Has passed the policy.
        name: Of the function.
        module_name: Unique to the code, so that no other module is ever found in its place.
        file: Shown in tracebacks, with the lines of the code.
    """
    module = ModuleType(module_name)
    module.__dict__.update(
        {"torch": torch, "F": torch.nn.functional, "math": math, "Tensor": torch.Tensor, "__file__": file},
        __builtins__=_builtins(),
    )
    place = f"<{module_name}>"  # no path, under which `linecache` would read the file again
    linecache.cache[place] = (len(code), None, code.splitlines(keepends=True), place)
    exec(compile(code, place, "exec", dont_inherit=True), module.__dict__)  # noqa: S102  # nosec B102, it is checked
    sys.modules[module_name] = module
    return module.__dict__[name]


def _builtins() -> dict[str, Any]:
    """Return what generated code finds as built-in: the accepted functions, errors to raise, and three imports."""

    def import_known(name: str, *args: Any) -> Any:
        is_of_torch = name.split(".")[0] in ("torch", "numpy") and isinstance(args[2], list)
        if name in MODULES or is_of_torch:
            return __import__(name, *args)  # torch's C code imports at the first call of some functions
        raise ImportError(f"generated code may not import {name}")

    return {name: getattr(builtins, name) for name in BUILTINS | ERRORS} | {"__import__": import_known}
