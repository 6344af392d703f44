"""Run both searches in an environment that is resolved without this project's overrides, so with Optuna 2.

Run:
    python scripts/plain_resolution.py

It installs some 6 GB into a temporary folder and removes them again.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("optuna", "sqlalchemy", "alembic", "hydra-core", "hydra-optuna-sweeper", "lightning", "torch")
VERSIONS = f"from importlib.metadata import version; print({{name: version(name) for name in {PACKAGES}}})"
SHORT = (
    "experiment=example",
    "trainer.max_epochs=1",
    "trainer.min_epochs=1",
    "logger=none",
    "extras.print_config=false",
)


def run(*words: str | Path, cwd: Path) -> None:
    """Run a program, shown on the terminal; an exit code other than 0 ends this one."""
    print("$", *words, flush=True)
    subprocess.run([str(word) for word in words], cwd=cwd, check=True)


def install(folder: Path) -> Path:
    """Install the project as uv does that is not told of its overrides; return the Python of the environment."""
    python = folder / "env" / "bin" / "python"
    run("uv", "venv", "--no-config", "--python", sys.executable, folder / "env", cwd=folder)
    run("uv", "pip", "install", "--no-config", "--python", python, ROOT, cwd=folder)
    run(python, "-c", VERSIONS, cwd=folder)
    return python


def main() -> None:
    """Install, and run every search, the second one in two commands over one study."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train = install(folder).with_name("ml-core-train")
        study = ("hydra.sweeper.storage=sqlite:///study.db", "hydra.sweeper.study_name=digits")
        rate = "model.optimizer.lr=tag(log, interval(0.0001, 0.1))"
        run(train, "-m", "hparams_search=optuna", *SHORT, "hydra.sweeper.n_trials=5", cwd=folder)
        for n_trials in (2, 4):
            words = ("hparams_search=mnist_optuna", rate, *SHORT, *study, f"hydra.sweeper.n_trials={n_trials}")
            run(train, "-m", *words, cwd=folder)


if __name__ == "__main__":
    main()
