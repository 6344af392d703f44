"""The profiler of a run that asks for none."""

import pytest
from lightning.pytorch import Trainer

from ml_core.utils.no_profiler import NoProfiler


def test_it_lets_things_run_and_measures_nothing():
    profiler, seen = NoProfiler(), []
    with profiler.profile("outer"), profiler.profile("inner"):
        seen.append("ran")

    assert (seen, profiler.summary()) == (["ran"], "")


def test_an_error_inside_is_not_swallowed():
    with pytest.raises(KeyError, match="lost"), NoProfiler().profile("step"):
        raise KeyError("lost")


def test_a_trainer_takes_it():
    profiler = NoProfiler()

    assert Trainer(profiler=profiler, logger=False, accelerator="cpu", enable_checkpointing=False).profiler is profiler
