"""Which command installs a package that a configuration asks for?"""

from __future__ import annotations

import difflib
import pkgutil
import re
import sys
from pathlib import Path

EXTRAS = {
    "aim": "loggers",
    "comet_ml": "loggers",
    "hydra_plugins": "slurm",
    "mamba_ssm": "mamba",
    "mlflow": "loggers",
    "sklearn": "tables",
    "submitit": "slurm",
    "tensorboard": "loggers",
    "tensorboardX": "loggers",
    "tokenizers": "text",
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


def needs(name: str, package: str) -> str:
    """Word that a target's package is not there, with the name of one that is and is spelt nearly so."""
    return f"{name} needs the package '{package}'.{'' if package in EXTRAS else _nearest(package)}"


def imports(name: str, place: str, module: str) -> str:
    """Word that a target's module imports another that is not there.

    Args:
        name: The target.
        place: File and line of the import.
        module: What is imported there.
    """
    return f"{name} cannot be imported: {place} imports '{module}', which is not there.{_nearest(module)}"


def _nearest(package: str) -> str:
    """Return a hint at a package that can be imported, or that an extra holds, and whose name is nearly the same."""
    known = {module.name for module in pkgutil.iter_modules()} - sys.stdlib_module_names | set(EXTRAS)
    close = difflib.get_close_matches(package, known, n=1, cutoff=0.8)
    return f" Did you mean '{close[0]}'?" if close else ""


def missing_package(error: ImportError) -> str | None:
    """Return the package that an import error is about: of Python's own, or of a library's words for it."""
    if error.name:
        return error.name.split(".")[0]
    found = re.search(r"(?:Requirement '|No module named '|install )([A-Za-z][\w-]*)", str(error))
    return found.group(1).replace("-", "_") if found else None
