"""Draw the learning rate of the options of model/scheduler, some with a warm-up, over a short training.

The rates are those that optimizer steps were made with, in a training of one weight.

Run: python scripts/draw_schedules.py docs/images/schedules.svg
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from hydra import compose, initialize_config_dir
from lightning.pytorch import Callback, Trainer
from omegaconf import DictConfig, OmegaConf
from torch.utils.data import DataLoader

from ml_core.utils import composition
from ml_core.utils.instantiators import Builder
from ml_core.utils.project_root import config_folder, find_project_root

EPOCHS, BATCHES, SAMPLES = 12, 20, 4
WIDTH, HEIGHT, GAP, COLUMNS = 200, 90, 44, 3
NAMES = (
    "constant", "linear_warmup", "step", "exponential", "cosine", "one_cycle", "plateau", "warmup_stable_decay",
)  # fmt: skip
OWN_VALUES: dict[str, dict[str, Any]] = {
    "linear_warmup": {"warmup_steps": 60},
    "cosine": {"warmup_epochs": 2},
    "step": {"step_size": 3, "gamma": 0.5},
    "exponential": {"gamma": 0.75, "warmup_epochs": 2},
    "plateau": {"patience": 2, "factor": 0.5, "warmup_epochs": 2, "monitor": "train/total"},
    "warmup_stable_decay": {"warmup_steps": 40, "decay": 0.4},
}

MODEL: dict[str, Any] = {
    "_target_": "ml_core.models.base_module.BaseLitModule",
    "forward_fn": {
        "_target_": "ml_core.transforms.base.WrapTransform",
        "transform": {"_target_": "torch.nn.Linear", "in_features": 1, "out_features": 1},
        "mapping": {"x": "input"},
        "new_key": "output",
    },
    "criterions": {
        "_target_": "ml_core.models.utils.CriterionsComposition",
        "criterions": {"mse": {"_target_": "torch.nn.MSELoss"}},
        "weights": {"mse": 0.0},  # learns nothing, so that the plateau is one
        "mapping": {"mse": {"output": "input", "y": "target"}},
    },
    "optimizer": {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 1.0},
}


class Rates(Callback):
    """Keeps the learning rate that every optimizer step is made with."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: Any, optimizer: Any) -> None:
        """Keep the rate of the first group."""
        self.seen.append(float(optimizer.param_groups[0]["lr"]))


def rates(scheduler: DictConfig) -> list[float]:
    """Return the learning rate of every optimizer step of a training with this scheduler node."""
    model = OmegaConf.create({"model": {**MODEL, "scheduler": scheduler}})
    samples: Any = [{"x": torch.ones(1), "y": torch.zeros(1)} for _ in range(BATCHES * SAMPLES)]
    seen = Rates()
    trainer = Trainer(
        max_epochs=EPOCHS, callbacks=[seen], logger=False, accelerator="cpu", enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(Builder(model).build("model"), DataLoader(samples, batch_size=SAMPLES))
    return seen.seen


def scheduler_node(name: str) -> DictConfig:
    """Return what the option composes to, with the values of this drawing."""
    own = [f"++model.scheduler.{key}={value}" for key, value in OWN_VALUES.get(name, {}).items()]
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        cfg = compose("train.yaml", [f"model/scheduler={name}", "model.optimizer.lr=1.0", *own])
    OmegaConf.resolve(cfg.model.scheduler)
    return cfg.model.scheduler


def svg(curves: dict[str, list[float]]) -> str:
    """Return a picture with one small panel a curve; each starts at 0 and ends at the highest rate."""
    rows = -(-len(curves) // COLUMNS)
    width, height = COLUMNS * (WIDTH + GAP) + GAP, rows * (HEIGHT + GAP) + GAP // 2
    panels = [panel(name, curve, index) for index, (name, curve) in enumerate(curves.items())]
    style = "text{font:12px sans-serif;fill:#333}polyline{fill:none;stroke:#2563eb;stroke-width:1.5}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
        f'<style>{style}</style><rect width="{width}" height="{height}" fill="#fff"/>\n'
        + "\n".join(panels)
        + "\n</svg>\n"
    )


def panel(name: str, curve: list[float], index: int) -> str:
    """Return one curve with its axes, title and highest rate."""
    left, top = GAP + index % COLUMNS * (WIDTH + GAP), GAP // 2 + 10 + index // COLUMNS * (HEIGHT + GAP)
    high = max(curve)
    across, up = WIDTH / (len(curve) - 1), HEIGHT / high
    points = " ".join(f"{left + k * across:.1f},{top + HEIGHT - rate * up:.1f}" for k, rate in enumerate(curve))
    axes = f"M{left},{top}V{top + HEIGHT}H{left + WIDTH}"
    return (
        f'<path d="{axes}" fill="none" stroke="#999"/><polyline points="{points}"/>'
        f'<text x="{left + WIDTH / 2:.0f}" y="{top - 6}" text-anchor="middle">{name}</text>'
        f'<text x="{left - 6}" y="{top + 5}" text-anchor="end">{high:.3g}</text>'
        f'<text x="{left - 6}" y="{top + HEIGHT + 4}" text-anchor="end">0</text>'
        f'<text x="{left + WIDTH}" y="{top + HEIGHT + 15}" text-anchor="end">{len(curve)} steps</text>'
    )


def draw() -> str:
    """Return the picture of all options."""
    find_project_root()
    composition.install()
    return svg({name: rates(scheduler_node(name)) for name in NAMES})


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw())
