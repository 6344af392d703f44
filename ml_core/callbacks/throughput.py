"""How fast does the training go, and what does it wait for?"""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from ml_core.batch import batch_size

SAMPLES, STEPS, WAIT, MEMORY = (
    "throughput/samples_per_second",
    "throughput/steps_per_second",
    "throughput/data_wait",
    "throughput/peak_memory_mib",
)
KIB, MIB = 2**10, 2**20


class Throughput(Callback):
    """Log the speed of every epoch of training, without its validation.

    Logs, as sums over all devices where that makes sense:

    - `throughput/samples_per_second` and `throughput/steps_per_second` (batches of one device);
    - `throughput/data_wait`: share of the time from the end of a batch to the start of the next one, in which the
      loader is waited for; near 0 where the data keeps up, near 1 where it does not;
    - `throughput/peak_memory_mib`: the most memory held on the device since the epoch began, in MiB; of the process
      since its start where there is no device.

    The device is waited for once an epoch, never in a step.
    """

    def __init__(self) -> None:
        self._samples = self._batches = 0
        self._waited = self._validated = 0.0
        self._began = self._free_since = self._validation_began = 0.0

    def logged_values(self) -> list[str]:
        """Return the names of all values that are logged here."""
        return [SAMPLES, STEPS, WAIT, MEMORY]

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._samples = self._batches = 0
        self._waited = self._validated = 0.0
        if pl_module.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(pl_module.device)
        self._began = self._free_since = time.perf_counter()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Count what comes, and how long it was waited for."""
        self._waited += time.perf_counter() - self._free_since
        self._samples += batch_size(batch)
        self._batches += 1

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Wait from now on."""
        self._free_since = time.perf_counter()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock."""
        self._validation_began = time.perf_counter()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let the clock go on."""
        self._free_since = time.perf_counter()
        self._validated += self._free_since - self._validation_began

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the epoch's figures."""
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize(pl_module.device)
        seconds = time.perf_counter() - self._began - self._validated
        samples = trainer.strategy.reduce(torch.tensor(float(self._samples), device=pl_module.device), reduce_op="sum")
        values = {
            SAMPLES: float(samples) / seconds,
            STEPS: self._batches / seconds,
            WAIT: self._waited / seconds,
            MEMORY: _peak_memory(pl_module.device),
        }
        pl_module.log_dict(values)


def _peak_memory(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / MIB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (MIB if sys.platform == "darwin" else KIB)
