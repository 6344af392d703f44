"""Does every weight take part in the training, and is every gradient a number?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from torch import nn

from ml_core.errors import NumericsError, listed
from ml_core.models.utils import METRIC_ATTRIBUTES
from ml_core.wiring.findings import Note

MOST_SHOWN = 8


def idle_notes(module: nn.Module, ran: Collection[int], paths: Collection[str]) -> Iterator[Note]:
    """Yield the modules that never ran and the weights that got no gradient, after a backward pass.

    A module whose weights are used without calling it (attention does so) counts as one that ran.

    Args:
        module: The model.
        ran: Ids of the modules that were called.
        paths: YAML paths that notes may stand at.
    """
    idle, ungraded = [], []
    for name, part in module.named_modules():
        own = {key: weight for key, weight in part.named_parameters(name, recurse=False) if weight.requires_grad}
        without = [key for key, weight in own.items() if weight.grad is None]
        if name.split(".")[0] in METRIC_ATTRIBUTES or not without:
            continue
        if id(part) not in ran and len(without) == len(own):
            idle.append(f"{name} ({type(part).__name__})")
        else:
            ungraded.extend(without)
    for names, what in ((idle, "never run, in no stage"), (ungraded, "get no gradient")):
        if names:
            path = _path(names[0], paths)
            inner = [f"model.{name}".removeprefix(f"{path}.") for name in names]
            yield Note(path, f"has {'modules' if names is idle else 'weights'} that {what}: {_shown(inner)}.")


def not_finite_gradients(module: nn.Module, paths: Collection[str]) -> NumericsError | None:
    """Return the error for gradients that are no numbers."""
    bad = [name for name, p in module.named_parameters() if p.grad is not None and not bool(p.grad.isfinite().all())]
    if not bad:
        return None
    return NumericsError(
        _path(bad[0], paths),
        f"the gradients of {_shown(bad)} are not finite, though the loss is.",
        "trainer.detect_anomaly=true finds the operation.",
    )


def _path(name: str, paths: Collection[str]) -> str:
    """Return the longest YAML path that a name in the module begins with."""
    full = f"model.{name.split(' ')[0]}."
    return max((path for path in paths if full.startswith(f"{path}.")), key=len, default="model")


def _shown(names: Sequence[str]) -> str:
    more = [f"{len(names) - MOST_SHOWN} more"] if len(names) > MOST_SHOWN else []
    return listed([*names[:MOST_SHOWN], *more])
