"""How do the optimizer and scheduler nodes of a configuration become what Lightning wants?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from lightning.pytorch import Trainer
from torch import nn
from torch.nn.parameter import UninitializedParameter
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from ml_core.errors import ConfigError, listed
from ml_core.utils.signatures import accepted

OptimizerFactory = Callable[..., Optimizer]
SchedulerFactory = Callable[..., LRScheduler]

LENGTH_PARAMETERS = ("total_steps", "num_training_steps", "T_max")
"""Names under which schedulers ask for the length of the training; given by the trainer unless YAML gives them."""


def require_sizes(module: nn.Module) -> None:
    """Refuse weights whose size is not known yet: the optimizer and the checkpoint need it before the first batch.

    Raises:
        ConfigError: Names the weights and the way out.
    """
    lazy = [name for name, weight in module.named_parameters() if isinstance(weight, UninitializedParameter)]
    if lazy:
        raise ConfigError(
            ".".join(lazy[0].split(".")[:2]),
            f"has weights without a size ({listed(lazy[:3])}): lazy modules take theirs from a first batch, "
            "which comes after the optimizer is made.",
            "Use the module that is told its sizes, such as torch.nn.Linear instead of LazyLinear.",
        )


@dataclass(frozen=True)
class SchedulerSpec:
    """A scheduler and when it is stepped; the fields after `factory` stand beside its arguments in YAML.

    Attributes:
        factory: Partial that takes `optimizer`.
        monitor: Logged value that a plateau scheduler looks at.
        interval: Step after every `epoch` or every optimizer `step`.
        frequency: Step only every so many intervals.
    """

    factory: SchedulerFactory
    monitor: str = "val/total"
    interval: Literal["epoch", "step"] = "epoch"
    frequency: int = 1

    def __post_init__(self) -> None:
        if self.interval not in ("epoch", "step"):
            raise ConfigError("interval", f"is {self.interval!r}.", "Choices: epoch, step.")
        if isinstance(self.frequency, bool) or not isinstance(self.frequency, int) or self.frequency < 1:
            raise ConfigError("frequency", f"is {self.frequency!r}, but must be a whole number from 1.")


def build_optimizer(factory: OptimizerFactory, parameters: Iterable[nn.Parameter]) -> Optimizer:
    """Make the optimizer for the trainable ones of `parameters`.

    Raises:
        ConfigError: If nothing is trainable, or the optimizer refuses its values.
    """
    trainable = [parameter for parameter in parameters if parameter.requires_grad]
    if not trainable:
        raise ConfigError("model.optimizer", "has nothing to train: no step of model.forward_fn holds weights.")
    try:
        return factory(params=trainable)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError("model.optimizer", f"could not be built: {type(error).__name__}: {error}") from error


def build_scheduler(spec: SchedulerSpec, optimizer: Optimizer, trainer: Trainer) -> dict[str, Any]:
    """Make the scheduler in the form that Lightning's `configure_optimizers` returns.

    Raises:
        ConfigError: If the scheduler refuses its values, or needs the length of a training without an end.
    """
    length = _length(spec, trainer)
    try:
        scheduler = spec.factory(optimizer=optimizer, **length)
    except (TypeError, ValueError) as error:
        raise ConfigError("model.scheduler", f"could not be built: {type(error).__name__}: {error}") from error
    return {
        "scheduler": scheduler,
        "monitor": spec.monitor,
        "interval": spec.interval,
        "frequency": spec.frequency,
        "reduce_on_plateau": isinstance(scheduler, ReduceLROnPlateau),
    }


def _length(spec: SchedulerSpec, trainer: Trainer) -> dict[str, int]:
    """Return the arguments that tell the scheduler how often it will be stepped."""
    takes = accepted(spec.factory)
    given = getattr(spec.factory, "keywords", {})
    names = [name for name in LENGTH_PARAMETERS if takes and name in takes.names and given.get(name) is None]
    if not names or {"epochs", "steps_per_epoch"} <= set(given):
        return {}
    steps = trainer.estimated_stepping_batches
    if math.isinf(steps):
        raise ConfigError(
            "model.scheduler",
            f"needs '{names[0]}', but the training has no end.",
            "Set trainer.max_epochs or max_steps.",
        )
    if spec.interval == "epoch":
        trainer.fit_loop.setup_data()  # so that the number of batches is known
        if math.isinf(trainer.num_training_batches):
            raise ConfigError(
                "model.scheduler.interval", "is epoch, but the data has no length, so no epoch has.", "Set it to step."
            )
        steps = math.ceil(steps / math.ceil(trainer.num_training_batches / trainer.accumulate_grad_batches))
    return {names[0]: max(1, int(steps) // spec.frequency)}
