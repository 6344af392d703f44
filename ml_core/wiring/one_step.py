"""What does one real step of an experiment do? Level 3 of the wiring check.

A whole batch goes through train, validation and test, forward and backward, on the device that the run will use, with
objects of the check's own. It goes through twice where that is quick, so that what the first time costs is not counted.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor
from torchmetrics import Metric

from ml_core.errors import ConfigError, UserError, listed
from ml_core.models.base_module import BaseLitModule
from ml_core.models.finite import not_finite as not_finite_loss
from ml_core.step_errors import step_error
from ml_core.utils.instantiators import Guard
from ml_core.wiring.dry_run import costs
from ml_core.wiring.dry_run.costs import Cost, Meter
from ml_core.wiring.dry_run.experiment import Attempt, Experiment, built, copied
from ml_core.wiring.dry_run.following import Flow, run_transform
from ml_core.wiring.dry_run.gradients import idle_notes, not_finite_gradients
from ml_core.wiring.dry_run.keys import UNKNOWN, Keys
from ml_core.wiring.dry_run.losses import run_metric
from ml_core.wiring.dry_run.metric_change import constant_note
from ml_core.wiring.dry_run.offline import Offline
from ml_core.wiring.dry_run.outline import OPTIMIZER
from ml_core.wiring.dry_run.parts import CRITERIONS, LABELLED, steps_of_all_kinds
from ml_core.wiring.dry_run.precision import autocast, unify
from ml_core.wiring.dry_run.splits import Splits, load
from ml_core.wiring.dry_run.statistics import (
    InputStatistics,
    input_statistics,
    normalisation_notes,
    not_finite_columns,
)
from ml_core.wiring.dry_run.steps import Step, selected
from ml_core.wiring.dry_run.untouched import untouched
from ml_core.wiring.dry_run.watching import HostReads, modules_that_run
from ml_core.wiring.findings import Findings, Note
from ml_core.wiring.graph import Graph, Stage

QUICK = 5.0
"""Seconds that the first time may take for there to be a second one."""

UNTRAINED = (
    "depends on no weight that is trained, so nothing would be learnt.",
    "Look for detach(), no_grad() or argmax between the network and the loss.",
)

WHATEVER = Attempt(is_fake=False, elements=2**62, seconds=float("inf"))


@dataclass
class StepReport:
    """What one step of each stage did.

    Attributes:
        device: Where it ran.
        costs: Time and memory of each named step, in order; `backward` and the optimizer among them.
        inputs: What the network gets of the data in training.
        host_reads: Where a training step's model makes the host wait for the device: `{place: times}`.
        losses: The losses of the training step.
    """

    device: str = "cpu"
    costs: list[Cost] = field(default_factory=list)
    inputs: list[InputStatistics] = field(default_factory=list)
    host_reads: dict[str, int] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=dict)


def check_step(
    cfg: DictConfig,
    findings: Findings,
    graph: Graph,
    objects: Mapping[str, Any] | None = None,
    guard: Guard | None = None,
) -> StepReport:
    """Take one step in each stage, and find what only real numbers show.

    Args:
        cfg: The composed configuration.
        findings: Get what is wrong, what is worth knowing, and what could not be looked at. Where they hold mistakes
            already, no step is taken.
        graph: The wiring, which tells how many weights there are.
        objects: As for `check_flow`.
        guard: As for `check_flow`.
    """
    if findings.errors:
        findings.unchecked.append(Note("model", "no step is taken while there are mistakes."))
        return StepReport()
    with untouched():
        device = _device(cfg)
        if reason := costs.too_large(graph, device):
            findings.unchecked.append(Note("model", reason))
            return StepReport(device.type)
        splits = load(cfg, Findings(), objects["datamodule"] if objects else None, guard, is_whole_batch=True)
        if not splits.rows:
            findings.unchecked.append(Note("model", "no step is taken, because there is no data."))
            return StepReport(device.type)
        with Offline() as offline:
            experiment = copied(objects, cfg, WHATEVER) if objects else built(cfg, WHATEVER, guard, offline)
            if experiment.mistakes or experiment.unreachable:
                findings.unchecked.append(Note("model", "no step is taken, because the model cannot be built here."))
                return StepReport(device.type)
            return _Rehearsal(cfg, findings, experiment, splits, device).report(graph)


def _device(cfg: DictConfig) -> torch.device:
    """Return the device that the trainer would use."""
    wanted = selected(cfg, "trainer.accelerator") or "auto"
    if wanted == "cpu" or not torch.accelerator.is_available():
        return torch.device("cpu")
    return torch.accelerator.current_accelerator() or torch.device("cpu")


class _Rehearsal:
    """The steps of all stages on one batch each."""

    def __init__(
        self, cfg: DictConfig, findings: Findings, experiment: Experiment, splits: Splits, device: torch.device
    ) -> None:
        self.cfg, self.findings, self.splits, self.device = cfg, findings, splits, device
        self.module: BaseLitModule = experiment.module.to(device)
        self.experiment = experiment
        self.model, _, metrics = steps_of_all_kinds(cfg, experiment)
        self.metrics = [step for step in metrics if isinstance(step.run, Metric)]
        self.losses: dict[str, Tensor] = {}
        self.meter = Meter(self.module, device)
        self.reads = HostReads()
        self.failed: set[str] = set()
        self.inputs: list[InputStatistics] = []
        for step in self.metrics:
            step.run.to(device)

    def report(self, graph: Graph) -> StepReport:
        """Take the steps and say what they did."""
        start = time.perf_counter()
        with modules_that_run() as ran:
            self._all_stages(is_first=True)
            if not self.findings.errors and time.perf_counter() - start < QUICK:
                self._all_stages(is_first=False)
        if not self.findings.errors:
            paths = [node.path for node in graph.nodes]
            self.findings.notes.extend(idle_notes(self.module, ran, paths))
            self._note(not_finite_gradients(self.module, paths))
            self._optimizer_step()
            self.findings.notes.extend(normalisation_notes(self.inputs))
        if self.reads.places:
            places = listed(f"{place}, {times} a step" for place, times in self.reads.places.items())
            self.findings.notes.append(Note("model.forward_fn", f"makes the host wait for its accelerator: {places}."))
        values = {name: float(loss) for name, loss in self.losses.items()}
        return StepReport(self.device.type, list(self.meter.costs.values()), self.inputs, self.reads.places, values)

    def _all_stages(self, is_first: bool) -> None:
        self.module.zero_grad(set_to_none=True)
        for stage, keys, _ in self.splits.batches():
            if is_first and (error := not_finite_columns(keys, stage)):
                self.findings.errors.append(error)
                return
            is_train = stage == "train"
            self.module.train(is_train)
            with torch.set_grad_enabled(is_train):
                self._stage(stage, keys, is_first)

    def _stage(self, stage: Stage, keys: Keys, is_first: bool) -> None:
        flow = Flow(self.cfg, self.findings, Graph(), failed=self.failed)
        flow.follow(self.splits.steps, keys, stage, self.meter.measured(run_transform, stage))
        keys.convert(lambda value: value.to(self.device) if isinstance(value, Tensor) else value)
        unify(self.cfg, self.experiment, keys)
        if is_first and stage == "train":
            self.inputs = list(input_statistics(self.model, keys))
        with autocast(self.cfg, self.device.type):
            reads = self.reads if is_first and stage == "train" else None
            flow.follow(self.model, keys, stage, self.meter.measured(run_transform, stage, reads))
            flow.follow([self._criterions()], keys, stage, self.meter.measured(self._run_criterions, stage))
        if stage == "train" and self.losses and not self.findings.errors:
            self._backward(keys)
        with torch.no_grad():
            flow.follow(self.metrics, keys, stage, self.meter.measured(run_metric, stage))
            if is_first and not self.findings.errors:
                self._constant_metrics(keys, stage)

    def _criterions(self) -> Step:
        return Step(CRITERIONS, CRITERIONS, self.module.criterions, "criterion", LABELLED, None, None, ())

    def _run_criterions(self, step: Step, values: Mapping[str, Any]) -> Mapping[str, Any]:
        losses = step.run(dict(values))
        if not bool(losses["total"].isfinite()):
            raise not_finite_loss(losses, "in this step", values)
        if torch.is_grad_enabled():
            self.losses = losses
        return {}

    def _backward(self, keys: Keys) -> None:
        if not self.losses["total"].requires_grad:
            self.findings.errors.append(ConfigError(CRITERIONS, *UNTRAINED))
            return
        values = {key: value for key, value in keys.values.items() if value is not UNKNOWN}
        try:
            with self.meter.measure("backward", "train"):
                self.losses["total"].backward()
        except Exception as error:
            self._note(step_error(error, CRITERIONS, self.module.criterions, values))

    def _constant_metrics(self, keys: Keys, stage: Stage) -> None:
        for step in self.metrics:
            if stage == step.stages[0] and step.reads and keys.known(step.reads):
                note = constant_note(step, keys.values)
                self.findings.notes.extend([note] if note else [])

    def _optimizer_step(self) -> None:
        try:
            optimizer = self.module.make_optimizer()
        except UserError as error:
            self._note(error)
            return
        with self.meter.measure(OPTIMIZER, "train"):
            optimizer.step()
        self.meter.keep(OPTIMIZER, "train", costs.size_of_state(optimizer))

    def _note(self, error: UserError | None) -> None:
        if error is not None and str(error) not in map(str, self.findings.errors):
            self.findings.errors.append(error)
