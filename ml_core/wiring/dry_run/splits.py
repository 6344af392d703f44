"""Which data does an experiment begin with, as far as it can be reached?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig

from ml_core.data.base_datamodule import BaseDataModule
from ml_core.data.splitting import TooFewRowsError
from ml_core.errors import DataError, UserError, listed
from ml_core.step_errors import text_of
from ml_core.utils.instantiators import Guard
from ml_core.wiring.dry_run.keys import Keys
from ml_core.wiring.dry_run.lenient import OUT_OF_REACH, LenientBuilder, out_of_reach
from ml_core.wiring.dry_run.offline import Offline, OutOfTime, time_limit
from ml_core.wiring.dry_run.parts import LABELLED
from ml_core.wiring.dry_run.some_rows import PEEKED_ROWS, ROWS, SomeRows, some_rows
from ml_core.wiring.dry_run.steps import Step, selected, transform_steps
from ml_core.wiring.findings import Findings, Note
from ml_core.wiring.graph import ALL_STAGES, Stage

SECONDS = 20.0
"""Time that opening the data may take in a check that does not belong to a run."""

SOURCE = "data.hf_dict_dataset"

STAGES_OF_PART: dict[str, tuple[Stage, ...]] = {
    "transform": ALL_STAGES,
    "augment": ("train",),
    "device_transform": ALL_STAGES,
    "device_augment": ("train",),
}
"""The parts of a data module that change batches, in order."""


@dataclass
class Splits:
    """The data of an experiment.

    Attributes:
        rows: Rows of each data set of each stage that has some; empty where the data could not be reached.
        steps: The transforms of the data.
        size: Samples in a batch of the run.
        count: Samples in those of the check.
    """

    rows: dict[Stage, list[SomeRows]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    size: int = ROWS
    count: int = ROWS

    def batches(self) -> Iterator[tuple[Stage, Keys, dict[str, int]]]:
        """Yield (stage, batch, number of classes of its columns) to follow; without data for every labelled stage."""
        for stage in LABELLED:
            if not self.rows:
                yield stage, Keys(None, self.count, self.size), {}
            for rows in self.rows.get(stage, ()):
                yield stage, Keys(rows.batch, self.count, self.size), rows.classes
        if set(self.rows) == {"train"}:  # so that what runs in no other stage is looked at too
            yield "predict", Keys(self.rows["train"][0].batch, self.count, self.size), {}

    @property
    def has_validation(self) -> bool:
        """Whether there is a validation split, or may be."""
        return not self.rows or "val" in self.rows


def load(
    cfg: DictConfig,
    findings: Findings,
    datamodule: Any = None,
    guard: Guard | None = None,
    is_whole_batch: bool = False,
) -> Splits:
    """Open the data and take some rows.

    Args:
        cfg: The composed configuration.
        findings: Get what is wrong with the data, or that it cannot be reached.
        datamodule: That of a run, which will load its data in any case: it may take its time and the network.
        guard: As for `Builder`.
        is_whole_batch: Whether as many rows as the run has in a batch, rather than two.
    """
    if datamodule is not None:
        return _splits(cfg, findings, datamodule, None, is_whole_batch)
    with Offline() as offline:
        builder = LenientBuilder(cfg, guard, offline)
        try:
            with time_limit(SECONDS):
                splits = _splits(cfg, findings, builder.build("data"), builder, is_whole_batch)
        except OutOfTime:
            findings.unchecked.append(Note(SOURCE, f"takes more than {SECONDS:g} s, so shapes are not checked."))
            splits = Splits(steps=_data_steps(builder.build("data"), builder))
    return splits


def _splits(
    cfg: DictConfig, findings: Findings, datamodule: Any, builder: LenientBuilder | None, is_whole_batch: bool
) -> Splits:
    size = _size(cfg, datamodule)
    splits = Splits({}, _data_steps(datamodule, builder), size, size if is_whole_batch else ROWS)
    if isinstance(datamodule, BaseDataModule):
        try:
            splits.rows = _rows(datamodule, splits.count) if builder is None else _peeked(datamodule, splits.count)
            _note_differences(splits.rows, findings)
        except Exception as error:
            if not builder or not (builder.mistakes or builder.unreachable):
                _tell(error, findings)
    elif builder is None or not builder.mistakes:
        findings.unchecked.append(Note("data", "is no BaseDataModule, so its batches are not known."))
    if builder:
        findings.errors.extend(builder.mistakes)
        findings.unchecked.extend(Note(path, reason) for path, reason in builder.unreachable.items())
    return splits


def _peeked(datamodule: BaseDataModule, count: int) -> dict[Stage, list[SomeRows]]:
    """Return rows of data of which there may be the first rows alone: too few groups, times or rows for its folds."""
    try:
        return _rows(datamodule, count)
    except TooFewRowsError as error:
        if error.num_rows > PEEKED_ROWS:
            raise
        datamodule.split_rule = datamodule.split_rule.by_chance()
        return _rows(datamodule, count)


def _rows(datamodule: BaseDataModule, count: int) -> dict[Stage, list[SomeRows]]:
    found = {stage: some_rows(datamodule, stage, count) for stage in LABELLED}
    return {stage: rows for stage, rows in found.items() if rows}


def _tell(error: Exception, findings: Findings) -> None:
    reason = out_of_reach(error, of_files=True)
    if reason is not None:
        findings.unchecked.append(Note(SOURCE, f"{OUT_OF_REACH} {reason}"))
    elif isinstance(error, UserError):
        findings.errors.append(error)
    else:
        findings.errors.append(DataError(SOURCE, f"has rows that cannot be read: {text_of(error)}"))


def _data_steps(datamodule: Any, builder: LenientBuilder | None) -> list[Step]:
    """Return the steps of a data module in order, or else as they were built for it."""
    steps: list[Step] = []
    for name, stages in STAGES_OF_PART.items():
        part = getattr(datamodule, name, None)
        part = builder.built(f"data.{name}") if part is None and builder else part
        steps.extend(transform_steps(part, f"data.{name}", stages))
    return steps


def _size(cfg: DictConfig, datamodule: Any) -> int:
    size = getattr(datamodule, "batch_size", None) or selected(cfg, "data.batch_size")
    return size if isinstance(size, int) else ROWS


def _note_differences(rows: Mapping[Stage, list[SomeRows]], findings: Findings) -> None:
    """Note the columns that some splits have and others have not."""
    columns = {stage: [set(part.batch) for part in parts] for stage, parts in rows.items()}
    everything = set[str]().union(*(keys for parts in columns.values() for keys in parts))
    for stage, parts in columns.items():
        missing = everything.difference(set[str].intersection(*parts))
        if missing:
            names = listed(repr(key) for key in sorted(missing))
            findings.notes.append(Note("data", f"the split for {stage} has no {names}, which another split has."))
