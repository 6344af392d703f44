"""In which floating type does a run compute?"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from ml_core.wiring.dry_run.experiment import Experiment
from ml_core.wiring.dry_run.keys import Keys
from ml_core.wiring.dry_run.steps import selected


def autocast(cfg: DictConfig, device: str = "cpu") -> AbstractContextManager[Any]:
    """Return what casts as the trainer does where it mixes types; bfloat16 on a CPU, which knows little of float16."""
    precision = _precision(cfg)
    if not precision.endswith("mixed"):
        return nullcontext()
    return torch.autocast(device, torch.float16 if precision.startswith("16") and device != "cpu" else torch.bfloat16)


def unify(cfg: DictConfig, experiment: Experiment, keys: Keys) -> None:
    """Make weights and floating values of one type where the trainer converts both to one."""
    if not _precision(cfg).endswith("true"):
        return
    for part in experiment.parts.values():
        if isinstance(part, nn.Module):
            part.float()
    keys.convert(lambda value: value.float() if isinstance(value, Tensor) and value.is_floating_point() else value)


def _precision(cfg: DictConfig) -> str:
    given = str(selected(cfg, "trainer.precision") or "32-true")
    return "32" if given in ("32", "32-true") else given
