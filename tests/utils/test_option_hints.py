"""What to type in place of options of other programs; every hint that can be composed is."""

from __future__ import annotations

import pytest
from setting import Compose

from ml_core.utils.option_hints import HINTS, meant

# Groups that are to come: an option of its own is tried with them.
STAND_IN = {
    "model/scheduler": "plateau",
    "model/network": "simple_dense_net",
    "model/optimizer": "sgd",
    "data": "mnist",
}
TYPED = {"experiment": "example", **STAND_IN}


def override(word: str, value: str | None = None) -> str | None:
    return meant(word, value, ["--config-dir", "--help", "-h"])


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--epochs", "100", "trainer.max_epochs=100"),
        ("--batch_size", "32", "data.batch_size=32"),
        ("--batch-size", "32", "data.batch_size=32"),
        ("--lr", "1e-4", "model.optimizer.lr=1e-4"),
        ("--seed", "42", "seed=42"),
        ("--deterministic", None, "trainer.deterministic=true"),
        ("--resume", "checkpoint.pt", "ckpt_path=checkpoint.pt"),
        ("--resume", None, "ckpt_path=last"),
        ("--weights", "best.pth", "ckpt_path=best.pth"),
        ("--use_wandb", None, "logger=wandb"),
        ("--use_wandb", "true", "logger=wandb"),
        ("--wandb_project", "mine", "logger=wandb logger.wandb.project=mine"),
        ("--experiment_name", "exp1", "task_name=exp1"),
        ("--use_tensorboard", None, "logger=tensorboard"),
        ("--mixed_precision", None, "trainer.precision=bf16-mixed"),
        ("--use_multigpu", None, "trainer=ddp"),
        ("--scheduler", "cosine", "model/scheduler=cosine"),
        ("--patience", "15", "callbacks.early_stopping.patience=15"),
        ("--compile", None, "model.compile=true"),
        ("--debug", None, "debug=limit"),
        ("--debug", "fdr", "debug=fdr"),
        ("--fast_dev_run", None, "debug=fdr"),
        ("--grad_clip", "1.0", "trainer.gradient_clip_val=1.0"),
        ("--profile", None, "debug=profiler"),
        ("--weight_decay", "1e-4", "model.optimizer.weight_decay=1e-4"),
        ("--num_workers", "8", "data.num_workers=8"),
        ("--data_path", "./dataset", "paths.data_dir=./dataset"),
        ("--epochs", None, "trainer.max_epochs=<value>"),
        ("--trainer.max_epochs", "5", "trainer.max_epochs=5"),
        ("--experiment", "example", "experiment=example"),
        ("--epoch", "3", "trainer.max_epochs=3"),
        ("--confg-dir", "mine", "--config-dir mine"),
        ("--help-me", None, "--help"),
        ("--frobnicate", None, None),
    ],
)
def test_an_option_is_answered_with_what_does_the_same(option: str, value: str | None, expected: str | None):
    assert override(option, value) == expected


@pytest.mark.parametrize("option", sorted(HINTS))
def test_a_hint_composes(option: str, compose_config: Compose):
    words = override(f"--{option}", None if HINTS[option].value != "<value>" else TYPED.get(HINTS[option].key, "1"))
    assert words is not None
    if "warmup_epochs" in words:
        words = f"model/scheduler=plateau {words}"
    assert "trainer" in compose_config(*words.split())
