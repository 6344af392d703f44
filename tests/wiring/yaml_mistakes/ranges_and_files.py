"""Which mistakes can stand in values that have a range, and in the names of files that are written?"""

from __future__ import annotations

from typing import get_args

from lightning.fabric.plugins.precision.precision import (
    _PRECISION_INPUT_INT,
    _PRECISION_INPUT_STR,
    _PRECISION_INPUT_STR_ALIAS,
)
from lightning.pytorch.strategies import StrategyRegistry
from wiring.yaml_mistakes.planting import Planted

NULL, NODE = "null", "an object (a node with `_target_`)"
STRATEGIES = sorted(["auto", "hpu_parallel", "hpu_single", *StrategyRegistry.available_strategies()])
ACCELERATORS = ("auto", "cpu", "cuda", "gpu", "hpu", "mps", "tpu")
NAMES = sorted(set(get_args(_PRECISION_INPUT_STR)) - {"transformer-engine", "transformer-engine-float16"})
PRECISIONS = [
    *NAMES,
    "transformer-engine",
    "transformer-engine-float16",
    *sorted(get_args(_PRECISION_INPUT_STR_ALIAS)),
]
"""Numbers are told once, as the text that they are too."""
assert {str(number) for number in get_args(_PRECISION_INPUT_INT)} <= set(PRECISIONS)
BATCHES = "must be a whole number from 0 or a share from 0 to 1 or null."

SECTIONS: dict[str, tuple[Planted, ...]] = {
    "Values outside a range": (
        Planted(
            "true for a number",
            """\
data:
  batch_size: true  # <-
""",
            1,
            "data.batch_size",
            "is true, but must be a whole number from 1 or a mapping.",
        ),
        Planted(
            "a smoothing of more than all",
            """\
model:
  criterions:
    criterions:
      ce:
        label_smoothing: 1.5  # <-
""",
            1,
            "model.criterions.criterions.ce.label_smoothing",
            "is 1.5, but must be a share from 0 to 1.",
        ),
        Planted(
            "an accelerator that does not exist",
            """\
trainer:
  accelerator: gpuu  # <-
""",
            1,
            "trainer.accelerator",
            "is 'gpuu' (text), which is none of its choices. Did you mean 'gpu'?",
            f"Choices: {', '.join([*ACCELERATORS, NODE])}.",
        ),
        Planted(
            "a strategy that does not exist",
            """\
trainer:
  strategy: dpp  # <-
""",
            1,
            "trainer.strategy",
            "is 'dpp' (text), which is none of its choices. Did you mean 'ddp'?",
            f"Choices: {', '.join([*STRATEGIES, NODE])}.",
        ),
        Planted(
            "a precision that does not exist",
            """\
trainer:
  precision: bf61-mixed  # <-
""",
            1,
            "trainer.precision",
            "is 'bf61-mixed' (text), which is none of its choices. Did you mean 'bf16-mixed'?",
            f"Choices: {', '.join([*PRECISIONS, NULL])}.",
        ),
        Planted(
            "a share of more than all batches",
            """\
trainer:
  limit_train_batches: 1.5  # <-
""",
            1,
            "trainer.limit_train_batches",
            f"is 1.5, but {BATCHES}",
        ),
        Planted(
            "a negative number of epochs",
            """\
trainer:
  max_epochs: -5  # <-
""",
            1,
            "trainer.max_epochs",
            "is -5, but must be a whole number from -1 or null.",
        ),
        Planted(
            "more epochs at least than at most",
            """\
trainer:
  min_epochs: 20  # <-
  max_epochs: 10
""",
            1,
            "trainer.min_epochs",
            "is 20, but trainer.max_epochs is 10.",
            "Lower one or raise the other.",
        ),
        Planted(
            "two ways of a short run",
            """\
trainer:
  fast_dev_run: true  # <-
  overfit_batches: 2
""",
            1,
            "trainer.fast_dev_run",
            "and trainer.overfit_batches exclude each other.",
            "Switch one of them off.",
        ),
    ),
    "Files that two parts write": (
        Planted(
            "two checkpoints of one name",
            """\
callbacks:
  every_epoch:
    _target_: lightning.pytorch.callbacks.ModelCheckpoint
    dirpath: ${callbacks.model_checkpoint.dirpath}  # <-
    filename: epoch_{epoch:03d}
""",
            1,
            "callbacks.every_epoch.dirpath",
            "is {folder}/checkpoints, and callbacks.model_checkpoint writes files of the same names there.",
            "Give callbacks.every_epoch a dirpath or a filename of its own.",
        ),
        Planted(
            "two loggers in one folder",
            """\
logger:
  second:
    _target_: lightning.pytorch.loggers.CSVLogger
    save_dir: ${paths.output_dir}  # <-
    name: ""
    version: ""
""",
            1,
            "logger.second.save_dir",
            "is {folder}, and logger.csv writes files of the same names there.",
            "Give logger.second a save_dir or a name or a version of its own.",
        ),
    ),
}
