"""Values of the trainer that exclude each other, or that change nothing."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf
from setting import Compose

from ml_core.utils import origins
from ml_core.wiring.trainer_values import ignored_values, trainer_mistakes


@pytest.fixture(autouse=True)
def _nothing_composed() -> None:
    origins.start()


def told(trainer: dict) -> list[str]:
    return [str(error) for error in trainer_mistakes(OmegaConf.create({"trainer": trainer}))]


def noted(trainer: dict) -> list[str]:
    return [f"{note.where}: {note.what}" for note in ignored_values(OmegaConf.create({"trainer": trainer}))]


def test_a_fast_run_excludes_overfitting():
    assert told({"fast_dev_run": True, "overfit_batches": 2}) == [
        "trainer.fast_dev_run: and trainer.overfit_batches exclude each other. Switch one of them off."
    ]
    assert told({"fast_dev_run": False, "overfit_batches": 2}) == []
    assert told({"fast_dev_run": True, "overfit_batches": 0.0}) == []


def test_what_a_fast_run_passes_over_is_noted():
    assert noted({"fast_dev_run": 2, "max_epochs": 5, "limit_val_batches": 1, "max_steps": None}) == [
        "trainer.fast_dev_run: is on, so max_epochs, limit_val_batches are not looked at."
    ]
    assert noted({"max_epochs": 5}) == []


def test_a_shorter_run_than_the_file_says_is_noted_alone(compose_config: Compose):
    cfg = compose_config("experiment=example", "trainer.max_epochs=1")
    assert list(trainer_mistakes(cfg)) == []
    assert [note.what for note in ignored_values(cfg)] == ["is 5, but trainer.max_epochs is 1."]


@pytest.mark.parametrize(("least", "most"), [(5, -1), (5, None), (5, 5), (None, 5), (0, 0)])
def test_numbers_in_order_are_left_alone(least, most):
    trainer = {"min_epochs": least, "max_epochs": most, "min_steps": least, "max_steps": most}
    assert told(trainer) == noted(trainer) == []
