"""How long does each step take, and how much memory does it keep?"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ml_core.wiring.dry_run.statistics import not_finite
from ml_core.wiring.dry_run.steps import Step
from ml_core.wiring.dry_run.trials import Run
from ml_core.wiring.dry_run.watching import HostReads, kept_for_backward
from ml_core.wiring.graph import Graph, Stage

BYTES_A_WEIGHT = 16
"""Weight, gradient and the two states of Adam, in float32."""

GIBIBYTE = 2**30


@dataclass(frozen=True)
class Cost:
    """What a step cost in one stage.

    Attributes:
        path: YAML path of the step; `backward` for the backward pass.
        stage: The stage.
        milliseconds: Time, its device waited for.
        kept: Bytes that it leaves behind: what autograd keeps for the backward pass, or an optimizer's state.
    """

    path: str
    stage: Stage
    milliseconds: float
    kept: int = 0


class Meter:
    """Measures steps.

    Args:
        module: The model, whose weights are no cost of a step.
        device: Is waited for.

    Attributes:
        costs: The last measurement of every step and stage.
    """

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        self.device = device
        self.costs: dict[tuple[str, Stage], Cost] = {}
        self._weights = {p.untyped_storage().data_ptr() for p in (*module.parameters(), *module.buffers())}

    @contextmanager
    def measure(self, path: str, stage: Stage) -> Iterator[None]:
        """Measure what is done inside."""
        self._wait()
        start = time.perf_counter()
        with kept_for_backward(self._weights) as kept:
            yield
        self._wait()
        self.costs[path, stage] = Cost(path, stage, 1e3 * (time.perf_counter() - start), sum(kept.values()))

    def measured(self, run: Run, stage: Stage, reads: HostReads | None = None) -> Run:
        """Return what runs a step, measures it, and refuses results that are not finite.

        Args:
            run: Runs a step.
            stage: The stage.
            reads: Watches the step too.
        """

        def call(step: Step, values: Mapping[str, Any]) -> Mapping[str, Any]:
            with self.measure(step.path, stage), reads or nullcontext():
                made = run(step, values)
            if error := not_finite(step, values, made):
                raise error
            return made

        return call

    def keep(self, path: str, stage: Stage, size: int) -> None:
        """Note how much a step leaves behind."""
        self.costs[path, stage] = replace(self.costs[path, stage], kept=size)

    def _wait(self) -> None:
        if self.device.type != "cpu":
            torch.accelerator.synchronize()


def size_of_state(optimizer: Optimizer) -> int:
    """Return the bytes of an optimizer's state."""
    values = [value for state in optimizer.state.values() for value in state.values()]
    return sum(value.nbytes for value in values if isinstance(value, Tensor))


def too_large(graph: Graph, device: torch.device) -> str | None:
    """Return why a step does not fit into the memory that is free; None where it may."""
    weights = sum(node.parameters or 0 for node in graph.nodes)
    needed, free = BYTES_A_WEIGHT * weights, _free(device)
    if free is None or needed <= free:
        return None
    return (
        f"no step is taken: {weights:,} weights with their gradients and Adam's state need "
        f"{needed / GIBIBYTE:.0f} GiB, and {free / GIBIBYTE:.0f} GiB are free on {device.type}."
    )


def _free(device: torch.device) -> int | None:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "cpu" and "SC_AVPHYS_PAGES" in getattr(os, "sysconf_names", {}):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None
