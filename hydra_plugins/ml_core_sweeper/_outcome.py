"""What came out of a trial: values, or the reason why there are none?"""

from __future__ import annotations

import gc
import math
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hydra.core.utils import JobReturn, JobStatus

from ml_core.errors import ConfigError, DataError, UserError
from ml_core.utils.report import as_mistake

MISTAKES = (ConfigError.exit_code, DataError.exit_code)
TRAINING_LOOP = "training_epoch_loop.py"


@dataclass
class Outcome:
    """The end of one trial.

    Attributes:
        values: What is optimised; None where the trial failed.
        error: What the run raised; None where it only gave no number.
        reason: Why it failed, in one line.
        folder: Of the run; empty where it did not get that far.
    """

    values: list[float] | None = None
    error: Exception | None = None
    reason: str = ""
    folder: str = ""


def outcome_of(job: JobReturn, num_values: int) -> Outcome:
    """Return what came out of a job that Hydra ran."""
    folder = str(job.hydra_cfg.hydra.runtime.output_dir) if job.hydra_cfg is not None else ""
    result = job._return_value  # the property prints and raises
    if job.status != JobStatus.COMPLETED:
        return Outcome(error=result, reason=one_line(result), folder=folder)
    try:
        values = [float(v) for v in (result if isinstance(result, Sequence) else [result])]
    except (TypeError, ValueError):
        return Outcome(reason=f"the run returned {result!r}, which is no number", folder=folder)
    if len(values) != num_values:
        return Outcome(reason=f"the run returned {len(values)} values for {num_values} directions", folder=folder)
    if not all(math.isfinite(v) for v in values):
        return Outcome(reason=f"the value is {', '.join(map(str, values))}", folder=folder)
    return Outcome(values, folder=folder)


def one_line(error: Exception) -> str:
    """Return an error in one line."""
    mistake = as_mistake(error)
    text = " ".join(str(mistake or error).split())
    return text if mistake else f"{type(error).__name__}: {text}".rstrip(": ")


def is_of_every_trial(error: Exception | None, searched: Iterable[str]) -> bool:
    """Whether an error is a mistake in the configuration or the data that no value that is searched has a part in.

    What comes up in the training loop is not: there, values tell.
    """
    mistake = as_mistake(error) if error is not None else None
    if mistake is None or mistake.exit_code not in MISTAKES or _is_from_training(error):
        return False
    places = [_parts(e.where) for e in getattr(mistake, "errors", (mistake,))]
    names = [_parts(name) for name in searched]
    return not any(_are_nested(place, name) for place in places for name in names)


def _parts(path: str) -> list[str]:
    """Return a YAML path, or a config group with its package, in parts."""
    return path.partition("@")[0].replace("/", ".").split(".")


def _are_nested(one: list[str], other: list[str]) -> bool:
    """Whether one path lies in the other."""
    return all(a == b for a, b in zip(one, other, strict=False))


def _is_from_training(error: Exception | None) -> bool:
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    return any(frame.filename.endswith(TRAINING_LOOP) for frame in frames)


def release(error: Exception | None) -> None:
    """Let go of what a run still holds, by its error if it failed, so that the next one has the memory."""
    for cause in _causes(error):
        traceback.clear_frames(cause.__traceback__)
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all that led to it."""
    waiting, known = [error], set()
    while waiting:
        cause = waiting.pop()
        if cause is not None and id(cause) not in known:
            known.add(id(cause))
            yield cause
            waiting += [cause.__cause__, cause.__context__]


def nothing_came_out(outcomes: Sequence[Outcome]) -> UserError:
    """Return the error for trials that all ended without a number, and without an exception."""
    return DataError(
        "optimized_metric",
        f"no trial gave a number; {outcomes[0].reason}.",
        "Look at the first trial's log, and search smaller values",
    )
