"""Which object does a `_target_` name?"""

from __future__ import annotations

import functools
import re
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from ml_core.errors import ConfigError, MissingPackageError, PolicyError, UserError
from ml_core.utils.origins import shown
from ml_core.utils.packages import imports, install_hint, needs


@functools.cache
def resolve_target(name: str, where: str = "_target_") -> Callable[..., Any]:
    """Return the object that a dotted path names, by Hydra's rules and under its policy.

    Raises:
        MissingPackageError: If its package is not installed; names the extra that installs it.
        PolicyError: If Hydra refuses the target as dangerous.
        ConfigError: If there is no such module or name, or it cannot be called.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", category=SyntaxWarning)
            return instantiate({"_target_": name, "_partial_": True}).func
    except InstantiationException as error:
        raise _resolution_error(name, where, error) from error


def _resolution_error(name: str, where: str, error: InstantiationException) -> UserError:
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ModuleNotFoundError) and cause.name:
            package = cause.name.split(".")[0]
            if not f"{name}.".startswith(f"{cause.name}."):  # what the target's module imports
                return MissingPackageError(where, imports(name, _place(cause), cause.name), install_hint(package))
            if package == cause.name:
                return MissingPackageError(where, needs(name, package), install_hint(package))
    first = causes[-1]
    text = str(first).splitlines()[0] if str(first) else type(first).__name__
    if not isinstance(first, (ImportError, AttributeError, InstantiationException)):
        return ConfigError(where, f"importing {name} failed: {type(first).__name__}: {text}.", "Mend that module.")
    if kind := re.search(r"Expected a callable target, got '.*' of type '(\w+)'", text):
        what = f"{name} is of type {kind.group(1)}, which cannot be called."
        return ConfigError(where, what, "A `_target_` names a class or a function.")
    if len(causes) == 1 and "locating" not in text and "callable" not in text:
        return PolicyError(where, f"{name} is refused: {' '.join(str(first).partition('full_key')[0].split())}")
    return ConfigError(where, f"there is no {name}: {text}", "Check the spelling, module by module.")


def _place(error: BaseException) -> str:
    """Return file and line of the import that failed."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    return f"{shown(frames[-1].filename)}:{frames[-1].lineno}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
