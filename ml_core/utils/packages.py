"""Which command installs a package that a configuration asks for?"""

from __future__ import annotations

EXTRAS = {
    "aim": "loggers",
    "comet_ml": "loggers",
    "hydra_plugins": "slurm",
    "mamba_ssm": "mamba",
    "mlflow": "loggers",
    "neptune": "loggers",
    "submitit": "slurm",
    "tensorboard": "loggers",
    "tensorboardX": "loggers",
}


def install_hint(package: str) -> str:
    """Return the sentence that tells how to install a package: by the extra that holds it, or by its name."""
    extra = EXTRAS.get(package)
    if extra:
        return f"Install the extra that holds it: uv pip install 'ml-core[{extra}]'"
    return f"Install it: uv pip install {package.replace('_', '-')}"
