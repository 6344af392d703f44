"""Is every label one of the classes? Said by the host, because on an accelerator a wrong one ends the process.

On a CPU the loss itself refuses such a label, and costs nothing to ask; only then is the label looked for. A CUDA
kernel instead asserts, which nothing in the process survives. So there the labels are looked at before the loss is
computed, in the copy that the host still holds from before the transfer: one pass over the labels of a batch, a few
microseconds, without waiting for the device. Labels that a step on the device makes are not looked at.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ml_core.batch import Pairs
from ml_core.errors import DataError, listed

MOST_SHOWN = 8
BY_CLASS_INDEX = (nn.CrossEntropyLoss, nn.NLLLoss)
FUNCTIONS_BY_CLASS_INDEX = (functional.cross_entropy, functional.nll_loss)
IGNORE_INDEX = -100
"""What the losses of torch leave out unless `ignore_index` says otherwise."""


@dataclass(frozen=True)
class ClassLoss:
    """A loss that takes the number of a class for each sample.

    Attributes:
        where: Its path, for messages.
        scores: Batch key of what has one number a class.
        labels: Batch key of the class numbers.
        ignored: Label that the loss leaves out.
    """

    where: str
    scores: str
    labels: str
    ignored: int

    @classmethod
    def of(cls, where: str, criterion: Any, pairs: Pairs) -> ClassLoss | None:
        """Return the loss where it is one of torch's by class number, and reads both from the batch."""
        keys = {parameter: key for key, parameter in pairs}
        if not _is_by_class_index(criterion) or not {"input", "target"} <= set(keys):
            return None
        return cls(where, keys["input"], keys["target"], ignored_by(criterion))

    def check(self, batch: Mapping[str, Any], host_labels: Tensor) -> None:
        """Compare the host's copy of the labels with the number of classes.

        Raises:
            DataError: If one of them is no class; names the values and their rows in the batch.
        """
        scores = batch.get(self.scores)
        if not isinstance(scores, Tensor) or scores.ndim == 0 or not _are_class_numbers(host_labels):
            return
        classes = _count(scores)
        low, high = torch.aminmax(host_labels)
        if (low < 0 or high >= classes) and (error := wrong_labels(self, host_labels, classes)):
            raise error


class HostLabels:
    """The class labels of the batch that is on the device now, as the host still holds them.

    Args:
        losses: Those whose labels are looked at.
    """

    def __init__(self, losses: Sequence[ClassLoss]) -> None:
        self.losses = losses
        self._kept: dict[str, tuple[Any, Any]] = {}

    def keep(self, host: Mapping[str, Any], moved: Mapping[str, Any]) -> None:
        """Keep the labels of a batch that was moved, if it was, and forget those before."""
        kept = {loss.labels: (host.get(loss.labels), moved.get(loss.labels)) for loss in self.losses}
        self._kept = {key: pair for key, pair in kept.items() if _was_moved(*pair)}

    def check(self, batch: Mapping[str, Any]) -> None:
        """Check the labels that are still those which came from the host.

        Raises:
            DataError: See `ClassLoss.check`.
        """
        if not self._kept:
            return
        for loss in self.losses:
            host, moved = self._kept.get(loss.labels, (None, None))
            if host is not None and batch.get(loss.labels) is moved:
                loss.check(batch, host)


def wrong_labels(loss: ClassLoss, labels: Tensor, classes: int) -> DataError | None:
    """Return an error that names the labels which are no classes, and their rows; None where there are none."""
    wrong = ((labels < 0) | (labels >= classes)) & (labels != loss.ignored)
    if not wrong.any():
        return None
    values = _shown(sorted(set(labels[wrong].tolist())))
    rows = _shown(sorted(set(wrong.nonzero()[:, 0].tolist()))) if labels.ndim else "0"
    return DataError(
        loss.where,
        f"'{loss.labels}' holds {values}, but '{loss.scores}' has {classes} classes, 0 to {classes - 1}. "
        f"Rows in this batch: {rows}.",
        f"Correct the data, give the network as many outputs as there are classes, or let the loss leave the value "
        f"out: ignore_index (now {loss.ignored}).",
    )


def wrong_labels_of(
    where: str, criterion: Any, arguments: Mapping[str, Any], pairs: Pairs, error: Exception
) -> DataError | None:
    """Return the labels that made any loss fail on a CPU, where they were the reason."""
    if not isinstance(error, IndexError) and "out of range" not in str(error):
        return None
    keys = {parameter: key for key, parameter in pairs}
    labels = [name for name, value in arguments.items() if isinstance(value, Tensor) and _are_class_numbers(value)]
    scores = [n for n, v in arguments.items() if isinstance(v, Tensor) and v.is_floating_point() and v.ndim]
    if not labels or not scores or arguments[labels[0]].device.type != "cpu":
        return None
    loss = ClassLoss(where, keys[scores[0]], keys[labels[0]], ignored_by(criterion))
    return wrong_labels(loss, arguments[labels[0]], _count(arguments[scores[0]]))


def ignored_by(criterion: Any) -> int:
    """Return the label that a loss leaves out."""
    given = getattr(criterion, "keywords", {})  # of a functools.partial
    return int(given.get("ignore_index", getattr(criterion, "ignore_index", IGNORE_INDEX)))


def _was_moved(host: Any, moved: Any) -> bool:
    return isinstance(host, Tensor) and host.device.type == "cpu" and host is not moved


def _is_by_class_index(criterion: Any) -> bool:
    function = criterion.func if isinstance(criterion, functools.partial) else criterion
    return isinstance(criterion, BY_CLASS_INDEX) or function in FUNCTIONS_BY_CLASS_INDEX


def _are_class_numbers(labels: Tensor) -> bool:
    return labels.dtype in (torch.int64, torch.int32, torch.uint8) and labels.numel() > 0


def _count(scores: Tensor) -> int:
    """Return the number of classes: the second size, as torch counts it, or the only one."""
    return scores.shape[1] if scores.ndim > 1 else scores.shape[0]


def _shown(values: list[int]) -> str:
    more = [f"{len(values) - MOST_SHOWN} more"] if len(values) > MOST_SHOWN else []
    return listed([*values[:MOST_SHOWN], *more])
