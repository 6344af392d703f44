"""Evaluate a checkpoint on the test split; nothing else is needed: `python ml_core/eval.py ckpt_path=<file>`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if not __package__:  # run as a script: the project in place of this folder, whose modules must shadow no others
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ml_core.utils.entry_point import entry_point
from ml_core.utils.extras import show_config
from ml_core.utils.stored_config import existing_checkpoint
from ml_core.utils.task import optimized_metric, task_wrapper

if TYPE_CHECKING:
    from omegaconf import DictConfig


@task_wrapper
def evaluate(cfg: DictConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    """Test the checkpoint `ckpt_path`, built from the configuration that it carries.

    Args:
        cfg: Composed from `configs/eval.yaml`; data, model, callbacks and params come from the checkpoint unless the
            command line says otherwise.

    Returns:
        What was logged, by name, and the objects of the run by kind.
    """
    checkpoint = existing_checkpoint(cfg)
    from ml_core.utils import lifecycle as run  # imports lightning, which --help and --cfg do without

    run.prepare(cfg.seed)
    objects = run.build(cfg, run.guard_of_stored(cfg))
    show_config(cfg)
    metrics = run.test(objects, checkpoint)
    run.say_result(metrics)
    return metrics, objects


@entry_point("eval.yaml")
def main(cfg: DictConfig) -> float | None:
    """Run `evaluate` and return the value of `optimized_metric`, if one is named."""
    metrics, _ = evaluate(cfg)
    return optimized_metric(metrics, cfg.get("optimized_metric"))


if __name__ == "__main__":
    main()
