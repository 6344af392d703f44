"""How do the optimizer and scheduler nodes of a configuration become what Lightning wants?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lightning.pytorch import Trainer
from torch import nn
from torch.nn.parameter import UninitializedParameter
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from ml_core.errors import ConfigError, listed
from ml_core.models.parameter_groups import GroupRule, parameter_groups
from ml_core.models.warmup import LinearWarmup
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
        warmup_steps: Optimizer steps over which the rate rises linearly first; the scheduler starts after them.
        warmup_epochs: The same in epochs, which may be a fraction.
        warmup_start: Share of the rate that the first step is made with.
    """

    factory: SchedulerFactory
    monitor: str = "val/total"
    interval: Literal["epoch", "step"] = "epoch"
    frequency: int = 1
    warmup_steps: int = 0
    warmup_epochs: float = 0
    warmup_start: float = 0.0

    def __post_init__(self) -> None:
        if self.interval not in ("epoch", "step"):
            raise ConfigError("interval", f"is {self.interval!r}.", "Choices: epoch, step.")
        if isinstance(self.frequency, bool) or not isinstance(self.frequency, int) or self.frequency < 1:
            raise ConfigError("frequency", f"is {self.frequency!r}, but must be a whole number from 1.")
        if not _is_number(self.warmup_steps, int) or self.warmup_steps < 0:
            raise ConfigError("warmup_steps", f"is {self.warmup_steps!r}, but must be a whole number from 0.")
        if not _is_number(self.warmup_epochs, int, float) or self.warmup_epochs < 0:
            raise ConfigError("warmup_epochs", f"is {self.warmup_epochs!r}, but must be a number from 0.")
        if self.warmup_steps and self.warmup_epochs:
            raise ConfigError("warmup_steps", "and warmup_epochs exclude each other.", "Keep one.")
        if not _is_number(self.warmup_start, int, float) or not 0 <= self.warmup_start < 1:
            raise ConfigError("warmup_start", f"is {self.warmup_start!r}, but must be a share from 0 to below 1.")


def build_optimizer(
    factory: OptimizerFactory, named: Mapping[str, nn.Parameter], rules: Sequence[GroupRule] = ()
) -> Optimizer:
    """Make the optimizer for the trainable ones of some weights.

    Args:
        factory: Partial that takes `params`.
        named: Full name to weight.
        rules: See `ml_core.models.parameter_groups`.

    Raises:
        ConfigError: If nothing is trainable, a rule does not fit, or the optimizer refuses its values.
    """
    trainable = {name: weight for name, weight in named.items() if weight.requires_grad}
    if not trainable:
        why = "all weights are frozen (model.freeze)." if named else "no step of model.forward_fn holds weights."
        raise ConfigError("model.optimizer", f"has nothing to train: {why}")
    params = parameter_groups(rules, trainable, factory) if rules else list(trainable.values())
    try:
        return factory(params=params)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError("model.optimizer", f"could not be built: {type(error).__name__}: {error}") from error


def build_schedulers(spec: SchedulerSpec, optimizer: Optimizer, trainer: Trainer) -> list[dict[str, Any]]:
    """Make the scheduler, and its warm-up before it, in the form that Lightning's `configure_optimizers` returns.

    Raises:
        ConfigError: If the scheduler refuses its values, needs the length of a training without an end, or the
            warm-up is not shorter than the training.
    """
    warmup_steps = _warmup_steps(spec, trainer)
    given = _length(spec, trainer, warmup_steps) | _peaks(spec, optimizer)
    try:
        scheduler = spec.factory(optimizer=optimizer, **given)
    except (TypeError, ValueError) as error:
        raise ConfigError("model.scheduler", f"could not be built: {type(error).__name__}: {error}") from error
    main = {
        "scheduler": scheduler,
        "monitor": spec.monitor,
        "interval": spec.interval,
        "frequency": spec.frequency,
        "reduce_on_plateau": isinstance(scheduler, ReduceLROnPlateau),
    }
    if not warmup_steps:
        return [main]
    warmup = LinearWarmup(optimizer, warmup_steps, spec.warmup_start)
    return [{"scheduler": warmup, "interval": "step", "name": "warmup"}, main]


def _warmup_steps(spec: SchedulerSpec, trainer: Trainer) -> int:
    """Return the length of the warm-up in optimizer steps."""
    steps = spec.warmup_steps
    if spec.warmup_epochs:
        steps = math.ceil(
            spec.warmup_epochs * _steps_of_epoch(trainer, "warmup_epochs", "is set", "Give warmup_steps.")
        )
    total = trainer.estimated_stepping_batches if steps else math.inf
    if steps >= total:
        key = "warmup_epochs" if spec.warmup_epochs else "warmup_steps"
        raise ConfigError(
            f"model.scheduler.{key}",
            f"asks for {steps} steps of warm-up, but the whole training has {int(total)}.",
            "Warm up for less, or train for longer.",
        )
    return steps


def _length(spec: SchedulerSpec, trainer: Trainer, warmup_steps: int) -> dict[str, int]:
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
    if spec.interval == "step":
        count = int(steps) - warmup_steps
    else:
        each = _steps_of_epoch(trainer, "interval", "is epoch", "Set it to step.")
        count = math.ceil(steps / each) - warmup_steps // each
    return {names[0]: max(1, count // spec.frequency)}


def _peaks(spec: SchedulerSpec, optimizer: Optimizer) -> dict[str, list[float]]:
    """Return one `max_lr` a group, where YAML gives one for all: groups keep the ratio of their rates."""
    peak, own = getattr(spec.factory, "keywords", {}).get("max_lr"), optimizer.defaults.get("lr")
    if not _is_number(peak, int, float) or not own or len(optimizer.param_groups) == 1:
        return {}
    return {"max_lr": [peak * group["lr"] / own for group in optimizer.param_groups]}


def _steps_of_epoch(trainer: Trainer, key: str, what: str, fix: str) -> int:
    """Return the number of optimizer steps in an epoch; `what` says which value of the key needs it."""
    trainer.fit_loop.setup_data()  # so that the number of batches is known
    if math.isinf(trainer.num_training_batches):
        raise ConfigError(f"model.scheduler.{key}", f"{what}, but the data has no length, so no epoch has.", fix)
    return math.ceil(trainer.num_training_batches / trainer.accumulate_grad_batches)


def _is_number(value: Any, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)
