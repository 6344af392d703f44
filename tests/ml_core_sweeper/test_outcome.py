"""Which errors are those of one trial, and which of every trial."""

from __future__ import annotations

import pytest

from hydra_plugins.ml_core_sweeper._outcome import is_of_every_trial, one_line
from ml_core.errors import ConfigError, DataError, Mistakes, NumericsError, OutOfMemoryError

SEARCHED = ("model.optimizer.lr", "data.batch_size", "model/network")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConfigError("optimized_metric", "is none."), True),
        (ConfigError("hydra.sweeper.direction", "is wrong."), True),
        (ConfigError("trainer.max_epoch", "is no argument."), True),
        (DataError("data.hf_dict_dataset", "is empty."), True),
        (ConfigError("model.optimizer.lr", "is negative."), False),
        (ConfigError("model.optimizer", "refuses lr."), False),
        (ConfigError("model.network.width", "is 0."), False),
        (ConfigError("data.batch_size", "is 0."), False),
        (Mistakes([ConfigError("trainer.x", "is no argument."), ConfigError("data.batch_size", "is 0.")]), False),
        (Mistakes([ConfigError("trainer.x", "is no argument."), ConfigError("trainer.y", "is none.")]), True),
        (NumericsError("model.criterions", "is nan."), False),
        (OutOfMemoryError("model", "ran out."), False),
        (RuntimeError("boom"), False),
        (None, False),
    ],
)
def test_a_mistake_outside_of_what_is_searched_is_of_every_trial(error, expected):
    assert is_of_every_trial(error, SEARCHED) is expected


def test_what_comes_up_in_the_training_loop_is_of_one_trial():
    names: dict = {}
    code = "def advance():\n    raise error\n"
    error = ConfigError("model.criterions", "cannot take this.")
    exec(compile(code, "lightning/pytorch/loops/training_epoch_loop.py", "exec"), {"error": error}, names)
    with pytest.raises(ConfigError):
        names["advance"].__class__(names["advance"].__code__, {"error": error})()
    assert not is_of_every_trial(error, SEARCHED)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("a\nb"), "RuntimeError: a b"),
        (MemoryError(), "MemoryError"),
        (ConfigError("a.b", "is no c.", "Take d"), "a.b: is no c. Take d"),
    ],
)
def test_an_error_in_one_line(error, line):
    assert one_line(error) == line
