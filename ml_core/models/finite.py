"""Is a loss, or a weight, still a finite number?

On a CPU the total of every training step is looked at before its backward pass, which costs a microsecond, so the
weights never see a bad one. On an accelerator reading a value makes the host wait for the device. There the losses
are kept where they are and read together: every so many steps, at the end of an epoch, and before a checkpoint is
written. Optimizer steps may have followed the bad one by then; those weights are never saved.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from ml_core.errors import DataError, NumericsError, UserError, listed
from ml_core.models.position import Position
from ml_core.utils.pylogger import RankedLogger

log = RankedLogger(__name__)

TOTAL = "total"
MOST_SHOWN = 8
FOLD_AFTER = 1000
MEND = "Correct these rows, or leave them out."
ADVICE = (
    "Lower model.optimizer.lr, set trainer.gradient_clip_val=1.0, or use trainer.precision=32-true; "
    "trainer.detect_anomaly=true finds the operation."
)


@dataclass
class LossWatch:
    """The losses of an accelerator that were not read yet, and the totals of an evaluation that are not finite."""

    unread: list[tuple[Position, dict[str, Tensor]]] = field(default_factory=list)
    totals: list[Tensor] = field(default_factory=list)
    bad: int = 0
    seen: int = 0

    def keep(self, position: Position, losses: Mapping[str, Tensor]) -> int:
        """Keep the losses of a training step for later; return how many steps are kept."""
        self.unread.append((position, {name: loss.detach() for name, loss in losses.items()}))
        return len(self.unread)

    def read(self) -> None:
        """Read what was kept.

        Raises:
            NumericsError: For the first step whose total is not finite.
        """
        kept, self.unread = self.unread, []
        if not kept:
            return
        finite = torch.stack([losses[TOTAL] for _, losses in kept]).isfinite().tolist()
        if not all(finite):
            position, losses = kept[finite.index(False)]
            raise not_finite(losses, str(position))

    def start(self) -> None:
        """Start to count the batches of an evaluation."""
        self.totals, self.bad, self.seen = [], 0, 0

    def count(self, total: Tensor) -> None:
        """Count a batch of an evaluation; nothing is read back from an accelerator before `say`."""
        self.totals.append(total.detach())
        if len(self.totals) >= FOLD_AFTER:
            self._fold()

    def say(self, stage: str) -> None:
        """Warn of the batches whose total was not finite; on every rank of its own ones."""
        self._fold()
        if self.bad:
            text = "%s: %d of %d batches had a total loss that is not finite, so the means are not either."
            log.warning(text, stage, self.bad, self.seen)

    def _fold(self) -> None:
        if self.totals:
            self.bad += int(torch.stack(self.totals).isfinite().logical_not().sum())
            self.seen += len(self.totals)
            self.totals = []


def is_read_at_once(total: Tensor) -> bool:
    """Whether reading a value waits for nothing."""
    return total.device.type == "cpu"


def is_finite(total: Tensor) -> bool:
    """Whether one number is finite; an accelerator is waited for."""
    return math.isfinite(total.item())


def not_finite(
    losses: Mapping[str, Tensor], when: str, batch: Mapping[str, Any] | None = None, rows: Sequence[int] = ()
) -> UserError:
    """Word that the total is no finite number.

    Args:
        losses: The losses of the step, `total` among them.
        when: Step, epoch and batch.
        batch: The data of the step, where it is still there: what is not finite in it is the cause.
        rows: Which rows of the train split these were, if known; all of them go to the log.
    """
    values = {name: loss.item() for name, loss in losses.items() if name != TOTAL}
    bad = [f"'{name}' is {value}" for name, value in values.items() if not math.isfinite(value)]
    good = [f"'{name}' is {value:.4g}" for name, value in values.items() if math.isfinite(value)]
    what = f"the loss is not finite {when}: {listed([*bad, *good])}"
    error: UserError
    if culprits := list(_bad_values(batch or {}, rows)):
        error = DataError("data", f"{what}. The data holds nan or inf: {listed(culprits)}.", MEND)
    else:
        names = [name for name, value in values.items() if not math.isfinite(value)]
        where = f"model.criterions.criterions.{names[0]}" if names else "model.criterions.weights"
        which = f" Rows of the train split: {_shown(rows)}." if rows else ""
        error = NumericsError(where, f"{what}. Nothing after it is saved.{which}", ADVICE)
    if rows:
        error.add_note(f"Rows of the train split in this batch: {listed(rows)}")
    return error


def require_finite_weights(parameters: Iterable[tuple[str, nn.Parameter]], when: str) -> None:
    """Refuse weights that are not finite.

    Raises:
        NumericsError: Names them.
    """
    local = {name: _local(parameter) for name, parameter in parameters}
    weights = {
        name: value
        for name, value in local.items()
        if value.is_floating_point() and value.numel() and value.itemsize > 1
    }
    if not weights or math.isfinite(get_total_norm(list(weights.values()), math.inf)):
        return
    bad = [name for name, value in weights.items() if not value.isfinite().all()]
    raise NumericsError(
        "model.forward_fn" if bad[0].startswith("forward_fn.") else "model",
        f"weights hold nan or inf {when}: {_shown(bad, most=3)}. This state is not saved.",
        f"The checkpoints written before are untouched. {ADVICE}",
    )


def _local(parameter: nn.Parameter) -> Tensor:
    """Return the part of a parameter that is on this device."""
    value = parameter.detach()
    return value.to_local() if hasattr(value, "to_local") else value


def _bad_values(batch: Mapping[str, Any], rows: Sequence[int]) -> Iterator[str]:
    """Yield the keys of data that is not finite, with the rows of the split, or else of the batch."""
    for key, value in batch.items():
        if not isinstance(value, Tensor) or not value.is_floating_point() or value.isfinite().all():
            continue
        found = sorted(set(value.isfinite().logical_not().nonzero()[:, 0].tolist())) if value.ndim else []
        if found and len(rows) == value.shape[0]:
            yield f"'{key}' in row {_shown([rows[i] for i in found])} of the train split"
        else:
            yield f"'{key}' in row {_shown(found)} of this batch" if found else f"'{key}'"


def _shown(items: Sequence[Any], most: int = MOST_SHOWN) -> str:
    return listed([*items[:most], *([f"{len(items) - most} more"] if len(items) > most else [])])
