"""What happens to a batch on its way through the steps?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig
from torch import Tensor

from ml_core.errors import ConfigError, UserError
from ml_core.wiring.dry_run.faults import fault
from ml_core.wiring.dry_run.key_errors import fitting, missing_keys, turned_round, why_missing
from ml_core.wiring.dry_run.keys import UNKNOWN, Keys, Trails
from ml_core.wiring.dry_run.lenient import NotBuilt, NotRun, Unbuilt
from ml_core.wiring.dry_run.steps import Step, target_of
from ml_core.wiring.dry_run.trials import Run, at_full_size, trial
from ml_core.wiring.fake import NeedsValues, needs_values
from ml_core.wiring.findings import Findings, Note
from ml_core.wiring.graph import Graph, Stage


@dataclass
class Flow:
    """Follows a batch through steps, and tells what cannot work; each mistake once.

    A step that cannot run, or whose input is not known, makes keys that are not known.

    Attributes:
        cfg: The composed configuration.
        findings: Get the mistakes.
        graph: Gets the edges.
        makers: The steps of all stages that make keys.
        columns: Columns of the data in each stage.
        is_fake: Whether the tensors are fake now.
        gives_up: Whether a step that needs values is left out, rather than ending the attempt.
        failed: Paths of the steps that have a mistake.
        unbuilt: Paths of those that could not be built.
    """

    cfg: DictConfig
    findings: Findings
    graph: Graph
    makers: Sequence[Step] = ()
    columns: Mapping[Stage, Collection[str]] = field(default_factory=dict)
    is_fake: bool = False
    gives_up: bool = False
    failed: set[str] = field(default_factory=set)
    unbuilt: set[str] = field(default_factory=set)
    _results: dict[tuple[str, Any], dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.trails = Trails(self.graph)

    def follow(self, steps: Sequence[Step], keys: Keys, stage: Stage, run: Run) -> None:
        """Run the steps of a stage on a batch, in order.

        Args:
            steps: The steps; those of other stages are passed over.
            keys: The batch; gets what they make.
            stage: The stage.
            run: Runs a step on the values of a batch and returns its new keys.
        """
        for step in steps:
            if stage in step.stages:
                self._step(step, keys, stage, run)

    def fail(self, step: Step, error: UserError) -> None:
        """Note a mistake, unless there was one with this step before."""
        if step.path not in self.failed:
            self.failed.add(step.path)
            self.findings.errors.append(error)

    def _step(self, step: Step, keys: Keys, stage: Stage, run: Run) -> None:
        is_built = not isinstance(step.run, Unbuilt)
        reads = step.reads if step.reads is not None else list(keys.values) if is_built else []
        if step.reads is None and not is_built:
            self.trails.read_perhaps(keys)
        for key in reads:
            self.trails.read(step, keys, key)
        missing = [key for key in reads if key not in keys]
        new: Mapping[str, Any] | None = None
        if not is_built:
            self.unbuilt.add(step.path)
        elif missing and not keys.is_open:
            self._tell_missing(step, keys, missing, stage, run)
        elif keys.known(reads) and step.path not in self.failed:
            new = self._result(step, keys, run)
        if new is None and step.writes is None:
            keys.is_open = True
        made = dict.fromkeys(step.writes or (), UNKNOWN) if new is None else new
        self._note_replaced(step, keys, made)
        keys.make(made, step.path)
        for key in made:
            self.trails.wrote(step.path, key, keys)

    def _result(self, step: Step, keys: Keys, run: Run) -> dict[str, Any] | None:
        """Return what a step makes of the batch; what it made of the like before where there was such."""
        name = (step.path, keys.signature(step.reads))
        values = {key: value for key, value in keys.values.items() if value is not UNKNOWN}
        if name not in self._results:
            before = _versions(values)
            try:
                self._results[name] = _checked(run(step, values), step)
                self._note_changed(step, before, _versions(values))
            except NotBuilt:
                self.unbuilt.add(step.path)
                return None
            except NotRun as reason:
                self._leave_out(step, str(reason))
                return None
            except Exception as error:
                self._explain(error, step, values, keys, run)
                return None
        return self._results[name]

    def _explain(self, error: Exception, step: Step, values: dict[str, Any], keys: Keys, run: Run) -> None:
        if self.is_fake and needs_values(error):
            if not self.gives_up:
                raise NeedsValues(step.path, error) from error
            self._leave_out(step, "needs the values of tensors, and is too large to run for real.")
        else:
            if not self.is_fake:
                error, values = at_full_size(error, step, values, keys, run)
            self.fail(step, fault(error, step, values, keys, self.cfg))

    def _leave_out(self, step: Step, reason: str) -> None:
        self.failed.add(step.path)
        self.findings.unchecked.append(Note(step.path, reason))

    def _tell_missing(self, step: Step, keys: Keys, missing: Sequence[str], stage: Stage, run: Run) -> None:
        if step.path in self.failed:
            return
        turned = turned_round(step, keys)
        why = why_missing(step, missing, stage, self.makers, self.columns)
        fits = fitting(step, keys, missing, target_of(self.cfg, step.path), trial(step, keys, run))
        self.fail(step, turned or missing_keys(step, keys, missing, why, fits))

    def _note_replaced(self, step: Step, keys: Keys, made: Mapping[str, Any]) -> None:
        """Name the keys that a step replaces without reading them; in one composition that is a mistake anyhow."""
        for key in made:
            is_other = keys.makers.get(key, "").rpartition(".")[0] != step.path.rpartition(".")[0]
            if step.reads is not None and key in keys and key not in step.reads and is_other:
                self._note(step, f"replaces '{key}' ({keys.told(key)}), which it does not read.")

    def _note_changed(self, step: Step, before: Mapping[str, int], after: Mapping[str, int]) -> None:
        """Name the keys that a step changes in place, for whoever else reads them."""
        for key, version in before.items():
            if after[key] != version:
                self._note(step, f"changes '{key}' in place, for every other step that reads it too.")

    def _note(self, step: Step, what: str) -> None:
        note = Note(step.path, what)
        if note not in self.findings.notes:
            self.findings.notes.append(note)


def run_transform(step: Step, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Call a transform on a batch."""
    return step.run(dict(values))


def _versions(values: Mapping[str, Any]) -> dict[str, int]:
    """Return how often each tensor was changed in place."""
    return {key: value._version for key, value in values.items() if isinstance(value, Tensor)}


def _checked(new: Any, step: Step) -> dict[str, Any]:
    if not isinstance(new, Mapping):
        raise ConfigError(
            step.path, f"returned a {type(new).__name__}, but a transform must return a dict of its new keys."
        )
    return dict(new)
