"""Which override does what an option of another program does?"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import NamedTuple

from ml_core.utils.extras import TOP_LEVEL_KEYS

GROUPS = frozenset({"debug", "experiment", "hparams_search", "hydra", "local"})
SWITCHED_ON = frozenset({"1", "on", "true", "yes"})
UNKNOWN_VALUE = "<value>"


class Hint(NamedTuple):
    """An override: its key, after whatever else belongs to it, and its value where none is typed."""

    key: str
    value: str = UNKNOWN_VALUE


TRAINER = (
    "accelerator accumulate_grad_batches check_val_every_n_epoch deterministic devices gradient_clip_val "
    "limit_test_batches limit_train_batches limit_val_batches log_every_n_steps max_epochs max_steps max_time "
    "min_epochs num_nodes overfit_batches precision strategy val_check_interval"
)
DATA = "batch_size num_workers persistent_workers pin_memory shuffle val_ratio"
OPTIMIZER = "betas eps lr momentum nesterov weight_decay"

HINTS = {
    **{name: Hint(f"trainer.{name}") for name in TRAINER.split()},
    **{name: Hint(f"data.{name}") for name in DATA.split()},
    **{name: Hint(f"model.optimizer.{name}") for name in OPTIMIZER.split()},
    "amp": Hint("trainer.precision", "16-mixed"),
    "batch": Hint("data.batch_size"),
    "bf16": Hint("trainer.precision", "bf16-mixed"),
    "checkpoint": Hint("ckpt_path", "last"),
    "ckpt": Hint("ckpt_path", "last"),
    "compile": Hint("model.compile", "true"),
    "config": Hint("experiment"),
    "cpu": Hint("trainer", "cpu"),
    "data_dir": Hint("paths.data_dir"),
    "data_path": Hint("paths.data_dir"),
    "dataset": Hint("data"),
    "ddp": Hint("trainer", "ddp"),
    "debug": Hint("debug", "limit"),
    "deterministic": Hint("trainer.deterministic", "true"),
    "dropout": Hint("model.forward_fn.network.transform.dropout"),
    "early_stopping": Hint("callbacks", "default"),
    "epochs": Hint("trainer.max_epochs"),
    "experiment_name": Hint("task_name"),
    "fast_dev_run": Hint("debug", "fdr"),
    "fp16": Hint("trainer.precision", "16-mixed"),
    "gpus": Hint("trainer=gpu trainer.devices"),
    "grad_clip": Hint("trainer.gradient_clip_val"),
    "learning_rate": Hint("model.optimizer.lr"),
    "log_dir": Hint("paths.log_dir"),
    "mixed_precision": Hint("trainer.precision", "bf16-mixed"),
    "name": Hint("task_name"),
    "network": Hint("model/network"),
    "num_epochs": Hint("trainer.max_epochs"),
    "optimizer": Hint("model/optimizer"),
    "output_dir": Hint("paths.log_dir"),
    "patience": Hint("callbacks.early_stopping.patience"),
    "profile": Hint("debug", "profiler"),
    "resume": Hint("ckpt_path", "last"),
    "run_name": Hint("task_name"),
    "save_best": Hint("callbacks", "default"),
    "scheduler": Hint("model/scheduler"),
    "use_multigpu": Hint("trainer", "ddp"),
    "use_tensorboard": Hint("logger", "tensorboard"),
    "use_wandb": Hint("logger", "wandb"),
    "verbose": Hint("hydra.verbose", "true"),
    "wandb": Hint("logger", "wandb"),
    "wandb_project": Hint("logger=wandb logger.wandb.project"),
    "warmup_epochs": Hint("model.scheduler.warmup_epochs"),
    "weights": Hint("ckpt_path", "last"),
    "workers": Hint("data.num_workers"),
}
"""By the name of the option, without dashes in front and with `_` inside."""


def meant(word: str, value: str | None, options: Iterable[str]) -> str | None:
    """Return what to type in place of an option that does not exist; None where nothing comes near.

    Args:
        word: The option as it was typed, without its value.
        value: What was typed with it, if anything.
        options: The options that exist.
    """
    name = word.lstrip("-").replace("-", "_")
    if name not in HINTS and re.split(r"[./]", name)[0] in TOP_LEVEL_KEYS | GROUPS:
        return f"{name}={value or UNKNOWN_VALUE}"
    existing = {option.lstrip("-").replace("-", "_"): option for option in options if option.startswith("--")}
    close = difflib.get_close_matches(name.lower(), [*HINTS, *existing], n=1, cutoff=0.7)
    if not close:
        return None
    if close[0] in existing:
        return existing[close[0]] if value is None else f"{existing[close[0]]} {value}"
    found = HINTS[close[0]]
    is_switch = found.value != UNKNOWN_VALUE and (value or "").lower() in SWITCHED_ON
    return f"{found.key}={found.value if value is None or is_switch else value}"
