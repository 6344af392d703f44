"""Which steps does a run consist of? The entry points put them in order."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from lightning.pytorch.callbacks import Checkpoint
from omegaconf import DictConfig, OmegaConf

from ml_core.callbacks.direction import known_directions
from ml_core.callbacks.run_state import RunState
from ml_core.errors import ConfigError, StorageError
from ml_core.utils.checkpoint_io import require_state
from ml_core.utils.data_sets import sets_of
from ml_core.utils.eval_command import eval_command, packages_to_trust
from ml_core.utils.instantiators import Builder, Guard
from ml_core.utils.last_checkpoint import LAST, stored_runs
from ml_core.utils.logged_values import require_logged
from ml_core.utils.logging_utils import log_hyperparameters
from ml_core.utils.no_profiler import NoProfiler
from ml_core.utils.pylogger import RankedLogger, current_rank
from ml_core.utils.run_errors import explaining
from ml_core.utils.stored_config import describe_run, epochs_of, existing_checkpoint
from ml_core.utils.trust import Trust
from ml_core.wiring.check import require_flow

log = RankedLogger(__name__, rank_zero_only=True)

Objects = dict[str, Any]

ADVERTS = ("litlogger", "litmodels", "already configured with model summary")


def prepare(value: int | None) -> None:
    """Seed Python, NumPy and torch, in workers too; null leaves the run unseeded."""
    _quieten_lightning()
    if value is not None:
        pl.seed_everything(value, workers=True, verbose=False)


def build(cfg: DictConfig, guard: Guard | None = None) -> Objects:
    """Build `datamodule`, `model`, `callbacks`, `logger` and `trainer`, and tell the loggers what runs.

    Args:
        cfg: The composed configuration.
        guard: Asked about every target under data, model and callbacks; see `Builder`.

    Raises:
        ConfigError: If a section is missing, or a node does not fit its target.
    """
    for section in ("data", "model", "trainer"):
        if not OmegaConf.select(cfg, f"{section}._target_"):
            raise ConfigError(section, "is missing: it must be a node with a `_target_`.", _how_to_give(section))
    builder = Builder(cfg, guard)
    objects: Objects = {"cfg": cfg, "datamodule": builder.build("data"), "model": builder.build("model")}
    objects["callbacks"] = builder.build_each("callbacks")
    own = Builder(cfg)  # logger and trainer never come out of a checkpoint
    objects["logger"] = own.build_each("logger")
    callbacks = [*objects["callbacks"], RunState(describe_run(cfg))]
    given = {"callbacks": callbacks, "logger": objects["logger"] or False}
    if "enable_checkpointing" not in cfg.trainer and not any(isinstance(c, Checkpoint) for c in callbacks):
        given["enable_checkpointing"] = False  # Lightning would write checkpoints of its own
    if cfg.trainer.get("profiler") is None:
        given["profiler"] = NoProfiler()
    objects["trainer"] = own.build("trainer", **given)
    # Lightning lets torch ask NVML whether there is a GPU, which Adam asks at every step: 40 microseconds on a CPU
    is_cpu = objects["trainer"].strategy.root_device.type == "cpu"
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0" if is_cpu else "1"
    log_hyperparameters(cfg, objects["model"], objects["trainer"])
    return objects


def check(cfg: DictConfig, objects: Objects) -> None:
    """Refuse what would go wrong later: a key or shape that does not fit, a value that nothing will log.

    Raises:
        UserError: What was found.
    """
    if cfg.train and cfg.get("check", True) and current_rank() == 0:  # the other ranks run what this one has checked
        require_flow(cfg, objects)
    check_optimized_metric(cfg, objects)
    check_search_direction(cfg, objects)


def guard_of_stored(cfg: DictConfig) -> Guard:
    """Return the guard for a configuration out of a checkpoint: libraries, the user's own modules, `trust`."""
    folders = [Path(cfg.paths.root_dir)]
    if HydraConfig.initialized():
        sources = HydraConfig.get().runtime.config_sources
        folders += [Path(source.path).parent for source in sources if source.schema == "file"]
    return Trust(cfg.get("trust") or [], folders)


def fit(objects: Objects, ckpt_path: str | None) -> dict[str, Any]:
    """Train, from a checkpoint if one is given, and return what was logged last.

    Raises:
        UserError: If training cannot go on from the checkpoint, or ends in a failure that can be explained.
    """
    trainer: pl.Trainer = objects["trainer"]
    with explaining(objects["cfg"], trainer, ckpt_path):
        if ckpt_path is not None:
            require_state(ckpt_path, is_resumed=True)
        trainer.fit(objects["model"], datamodule=objects["datamodule"], ckpt_path=ckpt_path, weights_only=True)
    return dict(trainer.callback_metrics)


def test(objects: Objects, ckpt_path: str | None) -> dict[str, Any]:
    """Evaluate on the test split, with the weights of a checkpoint or the present ones, and return what was logged.

    Raises:
        UserError: If the checkpoint does not fit, or evaluation ends in a failure that can be explained.
    """
    trainer: pl.Trainer = objects["trainer"]
    with explaining(objects["cfg"], trainer, ckpt_path):
        if ckpt_path is not None:
            require_state(ckpt_path, is_resumed=False)
        trainer.test(objects["model"], datamodule=objects["datamodule"], ckpt_path=ckpt_path, weights_only=True)
    return dict(trainer.callback_metrics)


def check_optimized_metric(cfg: DictConfig, objects: Objects) -> None:
    """Refuse a search for a value that nothing in this run will log, before it trains.

    Raises:
        ConfigError: Names the nearest value and all that there are.
    """
    name, where = cfg.optimized_metric, "optimized_metric"
    if name is None:
        return
    sources, sets = (objects["model"], *objects["trainer"].callbacks), sets_of(objects["datamodule"])
    require_logged(name, sources, where, in_training=False, sets=sets)
    for stage, key in (("train", "train"), ("val", "train"), ("test", "test")):
        if name.startswith(f"{stage}/") and not cfg[key]:
            raise ConfigError(where, f"'{name}' comes from the stage {stage}, but {key}=false.", f"Set {key}=true.")


def check_search_direction(cfg: DictConfig, objects: Objects) -> None:
    """Refuse a search for nothing, or for the worst value of a metric that knows which way is better.

    Raises:
        ConfigError: Names the direction that the metric has.
    """
    is_search = HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN
    direction = HydraConfig.get().sweeper.get("direction") if is_search else None
    if direction not in ("minimize", "maximize"):
        return
    if cfg.optimized_metric is None:
        raise ConfigError("optimized_metric", "is null, so there is nothing to search for.", "For example val/best")
    sources = (objects["model"], *objects["callbacks"])
    better = known_directions(sources, sets_of(objects["datamodule"])).get(cfg.optimized_metric)
    if better is not None and not direction.startswith(better):
        raise ConfigError(
            "hydra.sweeper.direction",
            f"is {direction}, but '{cfg.optimized_metric}' is better when {'lower' if better == 'min' else 'higher'}.",
            f"Set hydra.sweeper.direction={better}imize",
        )


def has_test_split(objects: Objects) -> bool:
    """Whether there is something to test on; says so where there is not.

    Data that is not loaded yet is not loaded for this: its test loader tells.
    """
    if not _lacks_test_split(objects):
        return True
    log.warning("The data set has no test split: nothing is tested. test=false switches this message off.")
    return False


def _lacks_test_split(objects: Objects) -> bool:
    sets = getattr(objects["datamodule"], "sets", None)
    return sets is not None and len(sets) > 0 and "test" not in sets


def checkpoint_to_resume(cfg: DictConfig) -> str | None:
    """Return the checkpoint that training starts from: a file, or for `last` the newest one of the same experiment.

    Raises:
        StorageError: If the file does not exist.
    """
    if cfg.ckpt_path is None:
        return None
    path = existing_checkpoint(cfg) if cfg.ckpt_path != LAST else next(_checkpoints_like(cfg), None)
    if path is None:
        none = "no earlier run of this data and network has a last.ckpt"
        if not cfg.train:
            raise StorageError("ckpt_path", f"is last, but {none}.", "Name a file: ckpt_path=<file>")
        log.warning("ckpt_path=last: %s: training starts afresh.", none)
        return None
    log.info("Going on from %s" if cfg.train else "Testing %s", path)
    if cfg.train:
        _check_epochs(cfg, str(path))
    return str(path)


def _check_epochs(cfg: DictConfig, path: str) -> None:
    done, wanted = epochs_of(path), cfg.trainer.get("max_epochs")
    if done is None or wanted is None or wanted < 0 or done < wanted:
        return
    if done > wanted:
        raise ConfigError(
            "trainer.max_epochs", f"is {wanted}, but {path} has {done} epochs behind it.", "Set it higher."
        )
    log.warning("%s has all %d epochs behind it, so nothing is trained. Set trainer.max_epochs higher.", path, done)


def checkpoint_to_test(cfg: DictConfig, objects: Objects) -> str | None:
    """Return the checkpoint that is tested: the best one after training, `ckpt_path` without training."""
    if not cfg.train:
        return None if cfg.ckpt_path is None else checkpoint_to_resume(cfg)
    callback = objects["trainer"].checkpoint_callback
    best = getattr(callback, "best_model_path", "")
    if best:
        return str(best)
    log.warning("No checkpoint was written, so the weights at the end of training are tested.")
    return None


def say_result(metrics: dict[str, Any], objects: Objects | None = None, tested: str | None = None) -> None:
    """Say in a few lines what came out: values, the best checkpoint, and how to evaluate it again.

    Where a test was asked for that the data has no split for, the result says so: no later reader takes `val/best`
    for more than it is.

    Args:
        metrics: What was logged.
        objects: Those of a training; evaluation has no checkpoint of its own.
        tested: The checkpoint that was tested.
    """
    shown = {k: v for k, v in sorted(metrics.items()) if k.startswith("test/") or k == "val/best"}
    values = ", ".join(f"{k} {float(v):.4f}" for k, v in shown.items()) or "nothing was measured"
    is_untested = objects is not None and objects["cfg"].test and _lacks_test_split(objects)
    log.info("Result: %s%s", values, "; not tested: the data has no test split" if is_untested else "")
    if objects is None:
        return
    best = _say_best(objects["trainer"].checkpoint_callback)
    if checkpoint := tested or best:
        trust = packages_to_trust(objects["cfg"], guard_of_stored(objects["cfg"]))
        log.info("Evaluate it again: %s", eval_command(checkpoint, trust))


def _say_best(callback: Any) -> str | None:
    """Say which checkpoint is the best, with the value that makes it so, and return it; None where none was kept."""
    path, score = getattr(callback, "best_model_path", ""), getattr(callback, "best_model_score", None)
    if not path:
        return None
    value = f" ({callback.monitor} {float(score):.4f})" if score is not None else ""
    log.info("Best checkpoint: %s%s", path, value)
    return str(path)


def _checkpoints_like(cfg: DictConfig) -> Iterator[Path]:
    """Yield the `last.ckpt` of earlier runs with the same data set and forward pass, newest first."""
    wanted = _as_written(cfg)
    for path, stored in stored_runs(cfg.paths.log_dir, cfg.task_name):
        if _as_written(stored) == wanted:
            yield path


def _quieten_lightning() -> None:
    """Let Lightning's messages come once, through the run's own log, without adverts and known noise."""
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logging.getLogger(f"{name}.utilities.rank_zero").addFilter(_is_no_advert)
    warnings.filterwarnings("ignore", message=r".*isinstance\(treespec, LeafSpec\).*")
    # Our values are those of all ranks already; with sync_dist the progress bar of rank 0 would wait for the others.
    warnings.filterwarnings("ignore", message=r".*recommended to use `self.log\('(train|val|test)/.*sync_dist=True.*")
    warnings.filterwarnings("ignore", message=r".*Experiment logs directory .* exists and is not empty.*")
    warnings.filterwarnings("ignore", message=r"Be aware that when using `ckpt_path`, callbacks used to create.*")
    warnings.filterwarnings("ignore", message=r".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=r"Your `IterableDataset` has `__len__` defined.*")  # ours shares its rows
    warnings.filterwarnings("ignore", message=r"You have overridden `transfer_batch_to_device` in `LightningModule`.*")


def _is_no_advert(record: logging.LogRecord) -> bool:
    return not any(word in record.getMessage().lower() for word in ADVERTS)


def _as_written(cfg: DictConfig) -> list[Any]:
    """Return what makes two runs ones of the same thing."""
    plain: Any = OmegaConf.to_container(cfg, resolve=False)
    pairs = (("data", "hf_dict_dataset"), ("model", "forward_fn"))
    return [(plain.get(section) or {}).get(key) for section, key in pairs]


def _how_to_give(section: str) -> str:
    is_job = HydraConfig.initialized() and HydraConfig.get().job.config_name == "eval.yaml"
    return (
        "This checkpoint carries no configuration: add experiment=<name>."
        if is_job
        else f"Choose one: {section}=<name>."
    )
