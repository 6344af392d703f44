"""Train a model as a configuration describes it: `python ml_core/train.py experiment=example`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if not __package__:  # run as a script: the project in place of this folder, whose modules must shadow no others
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ml_core.utils.entry_point import entry_point
from ml_core.utils.extras import show_config
from ml_core.utils.task import optimized_metric, task_wrapper

if TYPE_CHECKING:
    from omegaconf import DictConfig


@task_wrapper
def train(cfg: DictConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fit, then test the best checkpoint.

    Args:
        cfg: Composed from `configs/train.yaml`.

    Returns:
        What was logged last, by name, and the objects of the run by kind.
    """
    from ml_core.utils import lifecycle as run  # imports lightning, which --help and --cfg do without

    run.prepare(cfg.seed)
    objects = run.build(cfg)
    run.check(cfg, objects)
    show_config(cfg)
    metrics: dict[str, Any] = {}
    tested = None
    if cfg.train:
        metrics |= run.fit(objects, run.checkpoint_to_resume(cfg))
    if cfg.test and run.has_test_split(objects):
        tested = run.checkpoint_to_test(cfg, objects)
        metrics |= run.test(objects, tested)
    run.say_result(metrics, objects, tested)
    return metrics, objects


@entry_point("train.yaml")
def main(cfg: DictConfig) -> float | None:
    """Run `train` and return the value that a search optimises."""
    metrics, _ = train(cfg)
    return optimized_metric(metrics, cfg.get("optimized_metric"))


if __name__ == "__main__":
    main()
