"""Does a metric change with what it is fed?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from ml_core.batch import select
from ml_core.wiring.dry_run.steps import Step
from ml_core.wiring.findings import Note

TRIALS = 5
SAMPLES = 64
"""Least number of random samples, so that no two values are equal by chance."""


def constant_note(step: Step, values: Mapping[str, Any]) -> Note | None:
    """Return a note where a metric has one value, for a batch and for random numbers in the place of each key.

    Args:
        step: The metric.
        values: The batch.
    """
    found = list(_results(step, values))
    if len(found) <= TRIALS or any(not _equal(result, found[0]) for result in found[1:]):
        return None
    return Note(step.path, f"is {_shown(found[0])} whatever it is fed, so it tells nothing.")


def _results(step: Step, values: Mapping[str, Any]) -> Iterator[Tensor]:
    """Yield its value on the batch, then on random batches; nothing where it refuses them."""
    generator = torch.Generator().manual_seed(0)
    for trial in range(TRIALS + 1):
        pairs = step.pairs or ()
        batch = {key: values[key] if not trial else _random(values[key], generator) for key, _ in pairs}
        try:
            step.run.reset()
            step.run.update(**select(batch, pairs))
            yield torch.as_tensor(step.run.compute()).detach().float().cpu()
        except Exception:  # random numbers may be out of what a metric takes
            return
        finally:
            step.run.reset()


def _random(value: Any, generator: torch.Generator) -> Any:
    if not isinstance(value, Tensor) or not value.numel():
        return value
    shape = (max(SAMPLES, value.shape[0]), *value.shape[1:]) if value.ndim else ()
    if value.is_floating_point():
        low, high = float(value.min()), float(value.max())
        made = torch.rand(shape, generator=generator) * ((high - low) or 1.0) + low
    else:
        made = torch.randint(min(0, int(value.min())), max(1, int(value.max())) + 1, shape, generator=generator)
    return made.to(value.dtype).to(value.device)


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, equal_nan=True)


def _shown(value: Tensor) -> str:
    return f"{value.item():.4g}" if value.numel() == 1 else "the same"
