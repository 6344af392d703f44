"""A training that keeps what it sees, to compare an unbroken one with a resumed one.

On several processes: python tests/resumed_run.py <folder> <checkpoint, or nothing> <number of workers>
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, DatasetDict
from lightning.pytorch import LightningModule, Trainer

from ml_core.callbacks.model_checkpoint import ModelCheckpoint
from ml_core.callbacks.run_state import RunState
from ml_core.data.base_datamodule import BaseDataModule

NUM_ROWS = 22
NUM_HELD_OUT = 7


def noise(batch: dict[str, Any]) -> dict[str, Any]:
    """Random steps that draw from all three libraries."""
    size = len(batch["id"])
    drawn = [torch.rand(size), torch.from_numpy(np.random.rand(size)).float()]  # noqa: NPY002, as augmentations do
    return {"noise": torch.stack([*drawn, torch.tensor([random.random() for _ in range(size)])], dim=1)}


def data() -> DatasetDict:
    ids = list(range(NUM_ROWS))
    columns = {"id": ids, "label": [int(i % 5 == 0) for i in ids], "length": [1 + i % 7 for i in ids]}
    held_out = {"id": list(range(NUM_HELD_OUT)), "noise": [[0.0] * 3] * NUM_HELD_OUT}
    return DatasetDict(train=Dataset.from_dict(columns), validation=Dataset.from_dict(held_out))


def shards(folder: Path) -> Path:
    """Write the train split as five Parquet files."""
    folder.mkdir()
    for shard in range(5):
        data()["train"].shard(5, shard).to_parquet(folder / f"{shard}.parquet")
    return folder


class Recorder(LightningModule):
    """Trains on the noise, with dropout from the process's own random numbers, and keeps what it saw."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.dropout = torch.nn.Linear(3, 1), torch.nn.Dropout(0.5)
        self.seen: list[tuple[Any, ...]] = []
        self.validated: list[int] = []

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> torch.Tensor:
        mask = self.dropout(torch.ones(3))
        self.seen.append((batch["id"].tolist(), batch["noise"].tolist(), mask.tolist()))
        return self.layer(batch["noise"] * mask).square().mean()

    def on_validation_epoch_start(self) -> None:
        self.validated.clear()

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        self.validated += batch["id"].tolist()
        random.random()  # validation may draw what it likes
        self.layer(batch["noise"])

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters(), lr=0.01)


class RecorderWithSchedule(Recorder):
    """Its scheduler asks for the number of steps before Lightning restores anything."""

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, self.trainer.estimated_stepping_batches)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def run(
    folder: Path, resumed_from: Path | None = None, model: type[Recorder] = Recorder, saving: Any = None, **options: Any
) -> Recorder:
    keep = ModelCheckpoint(dirpath=folder, filename="{step}", save_top_k=-1, **(saving or {"every_n_train_steps": 1}))
    given = {"batch_size": 4, "augment": noise, **options.pop("data", {})}
    trainer = Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        callbacks=[keep, RunState({})], **{"max_epochs": 3, "devices": 1, **options},
    )  # fmt: skip
    recorder = model()
    datamodule = BaseDataModule(given.pop("source", data)(), **given)
    trainer.fit(recorder, datamodule=datamodule, ckpt_path=resumed_from, weights_only=True)
    return recorder


def main() -> None:
    """Train on two processes and write down what this one saw."""
    folder, checkpoint, workers = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    options = {"devices": 2, "strategy": "ddp", "max_epochs": 2, "data": {"num_workers": workers}}
    recorder = run(folder, Path(checkpoint) if checkpoint else None, **options)
    weights = {name: weight.tolist() for name, weight in recorder.state_dict().items()}
    path = folder / f"rank{os.environ.get('LOCAL_RANK', 0)}.json"
    path.write_text(json.dumps({"seen": recorder.seen, "validated": recorder.validated, "weights": weights}))


if __name__ == "__main__":
    main()
