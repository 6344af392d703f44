"""Which command installs a package that a configuration asks for?"""

from __future__ import annotations

import re
from pathlib import Path

EXTRAS = {
    "aim": "loggers",
    "comet_ml": "loggers",
    "hydra_plugins": "slurm",
    "mamba_ssm": "mamba",
    "mlflow": "loggers",
    "submitit": "slurm",
    "tensorboard": "loggers",
    "tensorboardX": "loggers",
}


def install_hint(package: str) -> str:
    """Return the sentence that tells how to install a package: by the extra that holds it, or by its name."""
    extra = EXTRAS.get(package)
    if extra:
        project = "." if (Path(__file__).parents[2] / "pyproject.toml").exists() else "ml-core"
        return f"Install the extra that holds it: uv pip install '{project}[{extra}]'"
    return (
        "If it is a module of your own, put it beside your configurations or into the working folder; "
        f"else: uv pip install {package.replace('_', '-')}"
    )


def missing_package(error: ImportError) -> str | None:
    """Return the package that an import error is about: of Python's own, or of a library's words for it."""
    if error.name:
        return error.name.split(".")[0]
    found = re.search(r"(?:Requirement '|No module named '|install )([A-Za-z][\w-]*)", str(error))
    return found.group(1).replace("-", "_") if found else None
