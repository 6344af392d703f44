"""Which weights does the optimizer get, and do optimizer and scheduler take what YAML gives them?"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from torch.optim import Optimizer

from ml_core.errors import UserError
from ml_core.models.base_module import BaseLitModule
from ml_core.models.optimization import build_schedulers
from ml_core.wiring.graph import Group

SOME_STEPS, SOME_EPOCHS = 1000, 100_000
"""Stand for the length of the training where a scheduler asks for it; the run knows the true one."""


def optimizer_groups(module: BaseLitModule, mistakes: list[UserError]) -> list[Group]:
    """Make the optimizer and the scheduler, and return the groups of weights.

    Args:
        module: The model; its weights stay as they are.
        mistakes: Gets what they refuse.
    """
    try:
        optimizer = module.make_optimizer()
    except UserError as error:
        mistakes.append(error)
        return []
    groups = list(_groups(optimizer))  # before a scheduler changes the learning rate
    if module.scheduler is not None:
        try:
            build_schedulers(module.scheduler, optimizer, _trainer())
        except UserError as error:
            mistakes.append(error)
    return groups


def _groups(optimizer: Optimizer) -> Iterator[Group]:
    for index, group in enumerate(optimizer.param_groups):
        name = "all" if len(optimizer.param_groups) == 1 else str(group.get("name", index))
        options = {key: str(value) for key, value in group.items() if key not in ("params", "name") and _is_set(value)}
        yield Group(name, sum(parameter.numel() for parameter in group["params"]), options)


def _is_set(value: Any) -> bool:
    return value is not None and value is not False


def _trainer() -> Any:
    """Return what a scheduler asks the trainer for."""
    return SimpleNamespace(
        estimated_stepping_batches=SOME_STEPS * SOME_EPOCHS,
        num_training_batches=SOME_STEPS,
        accumulate_grad_batches=1,
        fit_loop=SimpleNamespace(setup_data=lambda: None),
    )
