"""Does every key come to where it is read, in a shape that fits? Level 2 of the wiring check.

The parts are built and a batch of two samples goes through them. A network that is small runs for real; a large one
on fake tensors, which know shapes and types and hold no memory, and where it cannot, for real if that is possible at
all. Data is looked at, not prepared: see `some_rows.py`. Nothing is left behind.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from ml_core.errors import ConfigError, UserError
from ml_core.models.base_module import BaseLitModule
from ml_core.utils.instantiators import Guard
from ml_core.utils.signatures import name_of
from ml_core.utils.targets import resolve_target
from ml_core.wiring.dry_run.budget import Budget, TooMuch
from ml_core.wiring.dry_run.experiment import Attempt, Experiment, built, copied, weights_of
from ml_core.wiring.dry_run.following import Flow, run_transform
from ml_core.wiring.dry_run.keys import DATA, Keys
from ml_core.wiring.dry_run.losses import run_criterion, run_metric, too_few_classes
from ml_core.wiring.dry_run.monitors import monitor_mistakes
from ml_core.wiring.dry_run.offline import Offline
from ml_core.wiring.dry_run.outline import looked_at, outline, put_faults, sums, unread_notes
from ml_core.wiring.dry_run.parts import steps_of_all_kinds
from ml_core.wiring.dry_run.precision import autocast, unify
from ml_core.wiring.dry_run.splits import Splits, load
from ml_core.wiring.dry_run.steps import Step
from ml_core.wiring.dry_run.untouched import untouched
from ml_core.wiring.dry_run.weights import optimizer_groups
from ml_core.wiring.fake import NeedsValues, on_fake_tensors
from ml_core.wiring.findings import Findings, Note
from ml_core.wiring.graph import Graph
from ml_core.wiring.mappings import LOSS_KEY

SMALL, LARGE = 50_000_000, 500_000_000
"""Elements of the weights up to which a network runs for real: at once, and where it cannot on fake tensors."""

ATTEMPTS = (
    Attempt(is_fake=False, elements=SMALL, seconds=5.0),
    Attempt(is_fake=True),
    Attempt(is_fake=False, elements=LARGE, seconds=60.0),
    Attempt(is_fake=True, gives_up=True),
)
"""What is tried, until one comes to an end."""

RAN_FOR_REAL = (
    "looks at the values of tensors (.item(), a condition on a tensor), which fake tensors do not have; "
    "so it ran for real, on two samples."
)


def check_flow(
    cfg: DictConfig, findings: Findings, objects: Mapping[str, Any] | None = None, guard: Guard | None = None
) -> Graph | None:
    """Follow a batch through an experiment, and find all that does not fit on its way.

    Args:
        cfg: The composed configuration.
        findings: Get what is wrong, what is worth knowing, and what could not be looked at.
        objects: Those that a run has built, by kind. They are copied; only the data module is used itself, because
            the run loads its data in any case.
        guard: As for `Builder`, where there are no objects.

    Returns:
        The wiring; None where the configuration has no model whose flow is known.
    """
    if not _has_flow(cfg, findings):
        return None
    with untouched():
        splits = load(cfg, findings, objects["datamodule"] if objects else None, guard)
        with Offline() as offline:
            graph = _tried(_Check(cfg, splits, objects, guard, offline), findings)
    put_faults(graph, findings.errors)
    return graph


@dataclass(frozen=True)
class _Check:
    """What a check is about."""

    cfg: DictConfig
    splits: Splits
    objects: Mapping[str, Any] | None
    guard: Guard | None
    offline: Offline

    def experiment(self, attempt: Attempt) -> Experiment:
        """Return objects of the check's own."""
        if self.objects is not None:
            return copied(self.objects, self.cfg, attempt)
        return built(self.cfg, attempt, self.guard, self.offline)


def _has_flow(cfg: DictConfig, findings: Findings) -> bool:
    for section in ("data", "model"):
        if not isinstance(cfg.get(section), DictConfig) or "_target_" not in cfg[section]:
            findings.unchecked.append(Note(section, "has no `_target_`, so the flow of keys is not followed."))
            return False
    try:
        target = resolve_target(str(cfg.model._target_), "model._target_")
    except UserError as mistake:
        findings.errors.append(mistake)
        return False
    if not (inspect.isclass(target) and issubclass(target, BaseLitModule)):
        findings.unchecked.append(
            Note("model", f"{name_of(target)} is no BaseLitModule, so its keys are not followed.")
        )
        return False
    return True


def _tried(check: _Check, findings: Findings) -> Graph:
    """Return the wiring from the first attempt that comes to an end."""
    needing: NeedsValues | None = None
    for attempt in ATTEMPTS:
        found = Findings()
        if needing is not None and not attempt.is_fake and needing.weights > attempt.elements:
            continue
        try:
            graph = _followed(check, attempt, found)
        except TooMuch:
            continue
        except NeedsValues as error:
            needing = error
            continue
        if needing is not None and not attempt.is_fake:
            found.notes.append(Note(needing.path, RAN_FOR_REAL))
        break
    for kind in ("errors", "notes", "unchecked"):
        getattr(findings, kind).extend(new for new in getattr(found, kind) if str(new) not in _texts(findings, kind))
    return graph


def _texts(findings: Findings, kind: str) -> list[str]:
    return [str(item) for item in getattr(findings, kind)]


def _followed(check: _Check, attempt: Attempt, found: Findings) -> Graph:
    """Follow the batches of all stages through one attempt's objects."""
    cfg, splits, experiment = check.cfg, check.splits, check.experiment(attempt)
    model, losses, metrics = steps_of_all_kinds(cfg, experiment)
    graph = outline(cfg, [*splits.steps, *model], losses, metrics)
    columns = {stage: [key for part in parts for key in part.batch] for stage, parts in splits.rows.items()}
    flow = Flow(cfg, found, graph, [*splits.steps, *model], columns, gives_up=attempt.gives_up)
    flow.failed.update(step.path for step in flow.makers if _is_mistaken(step, experiment.mistakes))
    for stage, keys, classes in splits.batches():
        flow.trails.start(keys)
        flow.follow(splits.steps, keys, stage, run_transform)
        _require_small(keys, attempt)
        try:
            with _on_tensors_of(experiment, attempt, keys) as flow.is_fake, autocast(cfg):
                unify(cfg, experiment, keys)
                flow.follow(model, keys, stage, run_transform)
                flow.follow(losses, keys, stage, run_criterion)
        except NeedsValues as error:
            error.weights = weights_of(experiment.module) or 0
            raise
        flow.is_fake = False
        if (taken := _taken(keys)) and str(taken) not in _texts(found, "errors"):
            found.errors.append(taken)
        flow.follow(metrics, keys, stage, run_metric)
        for step in (*losses, *metrics):
            if mistake := too_few_classes(step, keys, classes):
                flow.fail(step, mistake)
    _finish(check, experiment, flow, losses)
    return graph


def _taken(keys: Keys) -> ConfigError | None:
    """Return the error for a batch that has a key of the name under which a step returns its total loss."""
    if LOSS_KEY not in keys:
        return None
    maker = keys.makers[LOSS_KEY]
    who = "the data has a column" if maker == DATA else "this step makes a key"
    return ConfigError(
        maker, f"{who} '{LOSS_KEY}', the name under which a step returns its total loss.", "Give it another name."
    )


def _is_mistaken(step: Step, mistakes: Sequence[UserError]) -> bool:
    """Whether a step has a mistake that came up when it was built."""
    return any(mistake.where.startswith(f"{step.path}.") for mistake in mistakes)


def _finish(check: _Check, experiment: Experiment, flow: Flow, losses: Sequence[Step]) -> None:
    """Add what is known when all stages are followed: keys that nobody read, the optimizer, what is monitored."""
    cfg, found, graph = check.cfg, flow.findings, flow.graph
    found.errors.extend(experiment.mistakes)
    found.unchecked.extend(Note(path, reason) for path, reason in experiment.unreachable.items())
    found.notes.extend(unread_notes(flow.trails, flow.failed | flow.unbuilt))
    if isinstance(experiment.module, BaseLitModule) and not (experiment.mistakes or experiment.unreachable):
        with on_fake_tensors(experiment.fake) if experiment.fake else nullcontext():
            graph.groups = optimizer_groups(experiment.module, found.errors)
    for edge in (*sums(experiment, losses), *looked_at(cfg, experiment, graph)):
        graph.edges.append(edge)
    found.errors.extend(monitor_mistakes(cfg, experiment, check.splits.has_validation))


def _require_small(keys: Keys, attempt: Attempt) -> None:
    """Leave large samples to fake tensors.

    Raises:
        TooMuch: If they are large and would go through the model for real.
    """
    elements = sum(value.numel() for value in keys.values.values() if isinstance(value, Tensor))
    if not attempt.is_fake and elements > (attempt.elements // 10):
        raise TooMuch


@contextmanager
def _on_tensors_of(experiment: Experiment, attempt: Attempt, keys: Keys) -> Iterator[bool]:
    """Run a model as the attempt does: without gradients, for real or on fake tensors; give whether these are fake."""
    for part in experiment.parts.values():
        if isinstance(part, nn.Module):
            part.eval()
    with torch.no_grad():
        if experiment.fake is None:
            with Budget(attempt.elements, attempt.seconds):
                yield False
        else:
            keys.to_fake(experiment.fake)
            with on_fake_tensors(experiment.fake):
                yield True
