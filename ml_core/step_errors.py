"""What went wrong inside a named step? The only place that words an exception which a step did not foresee.

Everything is read from the exception's traceback, so a step that succeeds pays nothing: no hooks, no wrappers.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ml_core.batch import Pairs
from ml_core.errors import ConfigError, UserError, listed
from ml_core.machine_errors import machine_error
from ml_core.utils.signatures import name_of

LONGEST_TEXT, MOST_KEYS = 400, 20
LIBRARIES = frozenset({"torch", "torchvision", "torchmetrics", "lightning", "numpy", "PIL", "datasets", "ml_core"})
INDEX_TYPES = (torch.int64, torch.int32)
OWN_NETWORKS = "ml_core.models.components"
SIZES = (
    ("in_features", "out_features"),
    ("in_channels", "out_channels"),
    ("input_size", "hidden_size"),
    ("num_embeddings", "embedding_dim"),
)


class StepError(ConfigError):
    """A step of the data, the model, the losses or the metrics failed; its cause is the exception itself."""


def step_error(
    error: Exception, where: str, step: Any, batch: Mapping[str, Any], pairs: Pairs | None = None
) -> UserError:
    """Return the error that explains why a step failed; raise it `from error`, so that the log has the traceback.

    Args:
        error: What the step raised, with its traceback.
        where: Path of the step, as far as it is known here.
        step: The transform, loss or metric.
        batch: What it was called on.
        pairs: `(batch key, parameter)` that it reads; those of a transform that has them need not be given.

    Returns:
        A `StepError`, or another class where the machine is the cause: memory, a worker of the data loader.
    """
    if (known := machine_error(error, where, batch)) is not None:
        return known
    trail = _Trail.of(error, step)
    pairs = _own_pairs(step) if pairs is None else pairs
    who = _who(trail) if trail.modules else f"{_name(step)} failed"
    values = _ranges(trail.inputs or ()) if isinstance(error, IndexError) else ""
    return StepError(where, f"{who}{values}{trail.place}: {text_of(error)}", _seen(batch, pairs))


def text_of(error: BaseException) -> str:
    """Return an exception's own message in one line, with its type where the message alone says little."""
    words = " ".join(str(error).split())
    says_enough = words and type(error) in (RuntimeError, ValueError)
    text = words if says_enough else f"{type(error).__name__}: {words}".removesuffix(": ")
    return f"{textwrap.shorten(text, LONGEST_TEXT, placeholder=' ...').removesuffix('.')}."


def described(value: Any) -> str:
    """Return what a value is: `float32 [64, 10]`, with its device unless that is the CPU; else its type."""
    if isinstance(value, Tensor):
        device = "" if value.device.type == "cpu" else f" on {value.device}"
        return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}{device}"
    if isinstance(value, np.ndarray):
        return f"array {value.dtype} {list(value.shape)}"
    if isinstance(value, (list, tuple)) and value:
        return f"{type(value).__name__} of {len(value)} x {described(value[0])}"
    return "null" if value is None else type(value).__name__


def keys_of(batch: Mapping[str, Any]) -> str:
    """Return the keys of a batch with what they hold."""
    shown = [f"{key} ({described(value)})" for key, value in list(batch.items())[:MOST_KEYS]]
    return listed([*shown, f"{len(batch) - MOST_KEYS} more"] if len(batch) > MOST_KEYS else shown)


@dataclass(frozen=True)
class _Trail:
    """What a traceback tells: the modules that were running, outermost first, and the user's own line.

    Attributes:
        modules: Modules below the step.
        inputs: What the innermost one was called with; None where it was not called but a method of it.
        place: ` (nets.py:18 in MyNet.forward)`, or nothing.
    """

    modules: tuple[nn.Module, ...]
    inputs: tuple[Any, ...] | None
    place: str

    @classmethod
    def of(cls, error: BaseException, step: Any) -> _Trail:
        frames = list(_frames(error))[1:]  # the first is the one that caught it
        modules, calls = [], {}
        for frame, _ in frames:
            module = _first_argument(frame)
            if isinstance(module, nn.Module) and module is not step:
                modules.append(module)
                if frame.f_code.co_name == "_call_impl":
                    calls[id(module)] = (*frame.f_locals["args"], *frame.f_locals["kwargs"].values())
        return cls(tuple(modules), calls.get(id(modules[-1])) if modules else None, _place(frames))


def _who(trail: _Trail) -> str:
    root, module = trail.modules[0], trail.modules[-1]
    path = next((name for name, child in root.named_modules() if child is module), None)
    if path is None:  # not a part of the outermost one: called by a function on the way
        root, path = module, ""
    name = ".".join(part for part in (type(root).__name__, path) if part)
    kind = _kind(module, is_named=module is root)
    verb = "cannot take" if type(module).__module__.startswith("torch.") else "failed on"
    return f"{name}{kind} {verb} {listed(map(described, trail.inputs))}" if trail.inputs else f"{name}{kind} failed"


def _kind(module: nn.Module, is_named: bool) -> str:
    """Return ` (Linear 783 -> 64)`: class, unless the name says it, and sizes where it has them."""
    words = [] if is_named else [type(module).__name__]
    for taken, given in SIZES:
        sizes = getattr(module, taken, None), getattr(module, given, None)
        if all(isinstance(size, int) for size in sizes):
            words.append(f"{sizes[0]} -> {sizes[1]}")
            break
    return f" ({' '.join(words)})" if words else ""


def _name(step: Any) -> str:
    """Return the name of what a step calls, as users write it."""
    return name_of(getattr(step, "transform", step)).replace("torch._VariableFunctionsClass.", "torch.")


def _ranges(values: tuple[Any, ...]) -> str:
    """Return ` with values 0 to 12` for whole numbers that may be indices out of range."""
    found = [v for v in values if type(v) is Tensor and v.device.type == "cpu" and v.dtype in INDEX_TYPES]
    return "".join(f" with values {v.min().item()} to {v.max().item()}" for v in found if v.numel())


def _own_pairs(step: Any) -> Pairs:
    """Return what a transform of this package reads; other steps may mean something else by that name."""
    pairs = getattr(step, "pairs", None)
    return pairs if isinstance(pairs, tuple) and type(step).__module__.startswith("ml_core.") else ()


def _seen(batch: Mapping[str, Any], pairs: Pairs) -> str:
    got = [f"{parameter}: {described(batch[key])} from '{key}'" for key, parameter in pairs if key in batch]
    return (
        f"{f'The step got {listed(got)}. ' if got else ''}{f'Keys at this point: {keys_of(batch)}.' if batch else ''}"
    )


def _frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _first_argument(frame: FrameType) -> Any:
    code = frame.f_code
    return frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None


def _place(frames: list[tuple[FrameType, int]]) -> str:
    """Return the last line of the user's own code; of an installed package where there is none; else nothing."""
    candidates = [(frame, line) for frame, line in frames if not _is_library(frame)]
    own = [found for found in candidates if "site-packages" not in found[0].f_code.co_filename]
    if not candidates:
        return ""
    frame, line = (own or candidates)[-1]
    return f" ({Path(frame.f_code.co_filename).name}:{line} in {frame.f_code.co_qualname})"


def _is_library(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    package = name.partition(".")[0]
    return (package in LIBRARIES or package in sys.stdlib_module_names) and not name.startswith(OWN_NETWORKS)
