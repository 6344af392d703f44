"""May this object be built from the configuration that a checkpoint carries?

YAML on disk is trusted. A checkpoint may come from anybody, so of its configuration only targets are built that
lie in the libraries this project wires together, in modules of the user's own project, or in packages that the
user vouches for with `trust=[package]`. Looked at is the object itself, not the name it is reached by.
"""

from __future__ import annotations

import inspect
import sys
import sysconfig
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ml_core.errors import PolicyError

LIBRARIES = (
    "ml_core.callbacks",
    "ml_core.data",
    "ml_core.models",
    "ml_core.transforms",
    "torch.nn",
    "torch.optim",
    "torch._VariableFunctionsClass",
    "torch.functional",
    "torchvision.models",
    "torchvision.ops",
    "torchvision.transforms",
    "torchmetrics",
    "lightning.pytorch.callbacks",
    "datasets.load.load_dataset",
    "datasets.load.load_from_disk",
    "datasets.arrow_dataset.Dataset.from_*",
    "datasets.dataset_dict.DatasetDict.from_*",
    "datasets.dataset_dict.DatasetDict.load_from_disk",
    "datasets.combine",
    "datasets.features",
    "sklearn.datasets._base.load_*",
    "sklearn.datasets._samples_generator.make_*",
    "torchvision.datasets.folder.ImageFolder",
)
"""Where the targets of this project's own configurations are defined; a test holds the two together."""

REFUSED = (
    "torch._VariableFunctionsClass.from_file",
    # These load models of any name with trust_remote_code
    "torchmetrics.multimodal.*",
    "torchmetrics.functional.multimodal.*",
)
CONSTRUCTORS = ("from_*", "load_from_disk")
"""Methods of classes that make objects; no other method of a class is a target."""

REFUSED_ARGUMENTS = frozenset({"trust_remote_code"})


class Trust:
    """The guard of a `Builder` for configurations out of a checkpoint.

    Args:
        packages: Packages that the user vouches for.
        folders: Folders whose modules are the user's own.
    """

    def __init__(self, packages: Iterable[str], folders: Iterable[Path]) -> None:
        self.packages = tuple(packages)
        self.folders = tuple(folder.resolve() for folder in folders)

    def __call__(self, name: str, target: Any, keys: Iterable[str], path: str) -> None:
        """Raise unless the target may be built with these arguments.

        Raises:
            PolicyError: Names the target, its YAML path and the way to vouch for it.
        """
        origin = origin_of(target)
        patterns = [p for package in (*LIBRARIES, *self.packages) for p in (package, f"{package}.*")]
        is_known = any(fnmatchcase(origin, pattern) for pattern in patterns)
        for key in REFUSED_ARGUMENTS.intersection(keys):
            raise PolicyError(f"{path}.{key}", "comes out of a checkpoint and would load foreign code.")
        is_refused = any(fnmatchcase(origin, pattern) for pattern in REFUSED) or _is_other_method(target)
        if not self._is_own(target) and (is_refused or not is_known):
            raise PolicyError(
                f"{path}._target_",
                f"{name} comes out of a checkpoint and is not among the libraries that are built from one.",
                f"If you trust where the file comes from: trust=[{origin.split('.')[0]}]",
            )

    def _is_own(self, target: Any) -> bool:
        module = sys.modules.get(getattr(inspect.unwrap(target), "__module__", None) or "")
        file = getattr(module, "__file__", None)
        if file is None or origin_of(target).startswith("ml_core.") or _is_installed(Path(file)):
            return False
        return any(Path(file).resolve().is_relative_to(folder) for folder in self.folders)


def _is_other_method(target: Any) -> bool:
    """Whether a target is a method of a class and no constructor; functions of torch's C library are none."""
    name = getattr(target, "__qualname__", "")
    is_method = "." in name and not inspect.isclass(target) and not name.startswith("_VariableFunctionsClass.")
    return is_method and not any(fnmatchcase(name.rpartition(".")[2], pattern) for pattern in CONSTRUCTORS)


def _is_installed(file: Path) -> bool:
    """Whether a file belongs to Python or an installed package, wherever that is."""
    homes = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return "site-packages" in file.parts or any(file.resolve().is_relative_to(home) for home in homes)


def origin_of(target: Any) -> str:
    """Return the dotted path under which an object was defined, whatever name it was reached by."""
    target = inspect.unwrap(target)
    owner = getattr(target, "__self__", None)
    if inspect.isclass(owner):
        return f"{owner.__module__}.{owner.__qualname__}.{target.__name__}"
    module = getattr(target, "__module__", None) or ""
    name = getattr(target, "__qualname__", type(target).__qualname__)
    return f"{module}.{name}" if module else f"torch.{name}" if name.startswith("_VariableFunctions") else name
