"""Do the values of the trainer go together?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig

from ml_core.errors import ConfigError, listed
from ml_core.utils import origins
from ml_core.wiring.findings import Note
from ml_core.wiring.nodes import known, written

NOT_FOR_DEV_RUN = (
    "max_epochs",
    "max_steps",
    "limit_train_batches",
    "limit_val_batches",
    "limit_test_batches",
    "val_check_interval",
    "check_val_every_n_epoch",
)


def trainer_mistakes(cfg: DictConfig) -> Iterator[ConfigError]:
    """Yield values that exclude each other."""
    trainer = written(cfg, "trainer")
    if not isinstance(trainer, DictConfig):
        return
    for unit, what in _turned_round(trainer):
        if _is_of_one_file(unit):
            yield ConfigError(f"trainer.min_{unit}", what, "Lower one or raise the other.")
    if known(trainer, "fast_dev_run") and (_number(trainer, "overfit_batches") or 0) > 0:
        yield ConfigError(
            "trainer.fast_dev_run", "and trainer.overfit_batches exclude each other.", "Switch one of them off."
        )


def ignored_values(cfg: DictConfig) -> Iterator[Note]:
    """Yield notes of values that change nothing: a least number of epochs above the most, those of a full run."""
    trainer = written(cfg, "trainer")
    if not isinstance(trainer, DictConfig):
        return
    for unit, what in _turned_round(trainer):
        if not _is_of_one_file(unit):
            yield Note(f"trainer.min_{unit}", what)
    if known(trainer, "fast_dev_run"):
        passed = [key for key in NOT_FOR_DEV_RUN if key in trainer and known(trainer, key) is not None]
        if passed:
            yield Note("trainer.fast_dev_run", f"is on, so {listed(passed)} {_are(passed)} not looked at.")


def _turned_round(trainer: DictConfig) -> Iterator[tuple[str, str]]:
    """Yield units whose least number is above the most, and a sentence that says so; training ends at the most."""
    for unit in ("epochs", "steps"):
        least, most = (_number(trainer, f"{bound}_{unit}") for bound in ("min", "max"))
        if least is not None and most is not None and 0 <= most < least:
            yield unit, f"is {least}, but trainer.max_{unit} is {most}."


def _is_of_one_file(unit: str) -> bool:
    """Whether least and most were written together, and not one of them changed for a shorter run."""
    least, most = (origins.current().of(f"trainer.{bound}_{unit}") for bound in ("min", "max"))
    return least is not None and most is not None and least.place == most.place


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _number(trainer: DictConfig, key: str) -> int | float | None:
    found: Any = known(trainer, key)
    return found if isinstance(found, (int, float)) and not isinstance(found, bool) else None
