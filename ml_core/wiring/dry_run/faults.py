"""What went wrong in a step of the check, and where do the values come from that it got?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from ml_core.errors import DataError, UserError
from ml_core.step_errors import StepError, step_error
from ml_core.wiring.dry_run.keys import DATA, Keys
from ml_core.wiring.dry_run.steps import Step, selected

SECTIONS = ("data", "model", "callbacks", "params")
"""What a path begins with that is a whole one."""

TYPE_NAMES = {
    torch.bool: "Bool", torch.uint8: "Byte", torch.int8: "Char", torch.int16: "Short", torch.int32: "Int",
    torch.int64: "Long", torch.float16: "Half", torch.float32: "Float", torch.float64: "Double",
}  # fmt: skip
"""How torch's messages name its types."""


def fault(error: Exception, step: Step, values: Mapping[str, Any], keys: Keys, cfg: DictConfig) -> UserError:
    """Return the error that explains a step's failure, with the origin of what it read.

    Args:
        error: What it raised.
        step: The step.
        values: The batch that it was called on.
        keys: Who made what.
        cfg: Is looked through for a number that should be another.
    """
    if isinstance(error, UserError):
        if error.where.split(".")[0] not in SECTIONS:
            error.within(step.path)
        explained = error
    else:
        plain = error if not isinstance(error, IndexError) else _without_ranges(error)
        explained = step_error(plain, step.path, step.run, values, step.pairs)
    if isinstance(explained, StepError):
        explained.fix = " ".join(part for part in (origins(step, keys), _misfit(error, step, cfg)) if part)
        if _is_of_data(error, step, keys):
            return DataError(explained.where, explained.what, f"{explained.fix} Convert it in data.transform.")
    return explained


def origins(step: Step, keys: Keys) -> str:
    """Return where the values come from that a step reads."""
    reads = [key for key in step.reads or () if key in keys]
    if step.pairs is None:
        return " ".join(f"It reads '{key}' ({keys.told(key)})." for key in reads)
    return " ".join(
        f"{parameter} comes from '{key}' ({keys.told(key)})." for key, parameter in step.pairs if key in reads
    )


def _is_of_data(error: Exception, step: Step, keys: Keys) -> bool:
    """Whether a step complains of a type which a column has as it comes from the data."""
    columns = [keys.values[key] for key in step.reads or () if keys.makers.get(key) == DATA]
    types = {TYPE_NAMES.get(column.dtype, "-") for column in columns if isinstance(column, Tensor)}
    return "type" in str(error) and any(re.search(rf"\b{name}\b", str(error)) for name in types)


def _without_ranges(error: IndexError) -> Exception:
    """Return the same error as one whose words need no values: fake tensors have none."""
    return RuntimeError(str(error)).with_traceback(error.__traceback__)


def _misfit(error: Exception, step: Step, cfg: DictConfig) -> str:
    """Return which number in the step's YAML is the size that a layer has and its input has not."""
    wanted, got = next(iter(_sizes(error)), (None, None))
    if wanted is None:
        return ""
    found = [path for path, number in _numbers(selected(cfg, step.path), step.path) if number == wanted]
    return f"{found[0]} is {wanted}; {got} would fit." if len(found) == 1 else ""


def _sizes(error: BaseException) -> Iterator[tuple[int, int]]:
    """Yield (size that the innermost layer takes, size that it got)."""
    module, args = _innermost(error.__traceback__)
    given = args[0] if args and isinstance(args[0], Tensor) and args[0].ndim else None
    if given is None:
        return
    if isinstance(module, nn.Linear) and given.shape[-1] != module.in_features:
        yield module.in_features, given.shape[-1]
    if isinstance(module, nn.modules.conv._ConvNd):
        axis = -len(module.kernel_size) - 1
        if given.ndim >= -axis and given.shape[axis] != module.in_channels:
            yield module.in_channels, given.shape[axis]


def _innermost(trace: TracebackType | None) -> tuple[Any, tuple[Any, ...]]:
    found: tuple[Any, tuple[Any, ...]] = (None, ())
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_code.co_name == "_call_impl" and "args" in frame.f_locals:
            found = frame.f_locals["self"], (*frame.f_locals["args"], *frame.f_locals["kwargs"].values())
        trace = trace.tb_next
    return found


def _numbers(node: Any, path: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, DictConfig):
        for key in node:
            child = selected(node, str(key))
            if isinstance(child, int) and not isinstance(child, bool):
                yield f"{path}.{key!s}", child
            else:
                yield from _numbers(child, f"{path}.{key!s}")
