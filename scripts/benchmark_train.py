"""How much more CPU time does a YAML run take than the loop that one would write by hand?

One thread, the MNIST MLP (784-256-256-256-10 with batch norm), generated images, batches of 64. The run has everything
at its default: metrics, losses, checkpoints, CSV log and progress bar; the hand-written loops have none of these and
take their batches from tensors in memory. All run in turns in this process; the CPU time of the training steps is
compared, without validation and without the first epoch.

Run: python scripts/benchmark_train.py [--rounds 5] [--steps 300]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from lightning.pytorch import Callback
from torch import Tensor, nn

from ml_core.models.components.simple_dense_net import SimpleDenseNet
from ml_core.utils import composition
from ml_core.utils.lifecycle import build
from ml_core.utils.project_root import config_folder, find_project_root

BATCH, LIMITS = 64, {"torch's default Adam": 1.0, "the fused Adam": 1.25}


class Images:
    """Generated images in memory, in the form of a data set that hands out columns."""

    column_names = ("image", "label")

    def __init__(self, size: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.label = torch.randint(0, 10, (size,), generator=generator)
        noise = torch.randn(size, 1, 28, 28, generator=generator)
        self.image = noise + self.label.view(-1, 1, 1, 1) / 10

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.label)

    def __getitem__(self, rows: Any) -> dict[str, Tensor]:
        """Return the columns of these rows."""
        return {"image": self.image[rows], "label": self.label[rows]}


def images(steps: int) -> dict[str, Images]:
    """Return the splits of a training of so many steps an epoch."""
    return {"train": Images(steps * BATCH, 0), "validation": Images(10 * BATCH, 1), "test": Images(BATCH, 2)}


class Clock(Callback):
    """Adds up the CPU time of training epochs, without the first one and without validation."""

    def __init__(self) -> None:
        self.seconds = self._start = 0.0
        self.steps = 0

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Start."""
        self._start = time.process_time()

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        """Stop after the last batch of an epoch, before validation."""
        if trainer.is_last_batch and trainer.current_epoch > 0:
            self.seconds += time.process_time() - self._start
            self.steps += trainer.num_training_batches


def by_hand(data: Images, fused: bool | None) -> float:
    """Return the seconds a step of a loop on tensors in memory, as one would write it."""
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"  # as where Lightning was never imported
    network, loss_function = SimpleDenseNet(784, 256, 256, 256, 10), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=fused)

    def epoch() -> float:
        start = time.process_time()
        for rows in torch.randperm(len(data)).split(BATCH):
            loss = loss_function(network(data.image[rows]), data.label[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return time.process_time() - start

    epoch()
    return epoch() / (len(data) / BATCH)


def by_yaml(steps: int, *overrides: str) -> float:
    """Return the seconds a step of a run with everything at its default."""
    with tempfile.TemporaryDirectory() as folder, quiet():
        values = [
            "experiment=example", "~data.transform", "data.hf_dict_dataset._target_=__main__.images",
            f"+data.hf_dict_dataset.steps={steps}", f"data.batch_size={BATCH}", "data.stratify_by=null",
            "trainer.min_epochs=1", "trainer.max_epochs=2", f"hydra.run.dir={folder}", f"paths.output_dir={folder}",
            "trainer.accelerator=cpu", *overrides,
        ]  # fmt: skip
        with initialize_config_dir(str(config_folder()), version_base="1.3"):
            cfg = compose("train.yaml", values, return_hydra_config=False)
        objects = build(cfg)
        clock = Clock()
        objects["trainer"].callbacks.append(clock)
        objects["trainer"].fit(objects["model"], objects["datamodule"])
    GlobalHydra.instance().clear()
    return clock.seconds / clock.steps


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Let nothing be printed."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def compared(first: Callable[[], float], second: Callable[[], float], rounds: int) -> tuple[float, float, float]:
    """Return the median seconds of both, in turns, and the median of their ratios."""
    pairs = [(first(), second()) for _ in range(rounds)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("overrides", nargs="*", help="further overrides of the run")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    find_project_root()
    composition.install()
    data = images(arguments.steps)["train"]
    by_yaml(20)  # imports
    print("CPU microseconds a step")
    print(f"{'compared with a loop by hand and':<36}{'YAML':>9}{'by hand':>9}{'ratio':>7}{'limit':>7}")
    for name, fused in (("torch's default Adam", None), ("the fused Adam", True)):
        yaml = partial(by_yaml, arguments.steps, *arguments.overrides)
        ours, theirs, ratio = compared(yaml, partial(by_hand, data, fused), arguments.rounds)
        print(f"{name:<36}{ours * 1e6:>9.0f}{theirs * 1e6:>9.0f}{ratio:>7.2f}{LIMITS[name]:>7.2f}")


if __name__ == "__main__":
    main()
