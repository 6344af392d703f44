"""What is the value of a key, or why has it none?"""

from __future__ import annotations

import re
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ml_core.errors import ConfigError, nearest


def value(parent: DictConfig | ListConfig, key: Any, path: str) -> Any:
    """Return the value of a key, its interpolation resolved.

    Args:
        parent: Container that holds the key.
        key: Name or index.
        path: Its YAML path.

    Raises:
        ConfigError: If it is required and not given, or points at something that does not exist.
    """
    try:
        return parent[key]
    except OmegaConfBaseException as error:
        raise _no_value(str(error), parent, key, path) from error
    except RecursionError:
        raise ConfigError(path, "points at itself, through other keys.", "Break the circle.") from None


def _no_value(text: str, parent: DictConfig | ListConfig, key: Any, path: str) -> ConfigError:
    raw = OmegaConf.to_container(parent, resolve=False)[key]  # type: ignore[index]
    if raw == "???":
        return ConfigError(path, "is required and not given.", f"Give it in a file, or type {path}=<value>.")
    variable = re.search(r"Environment variable '([^']+)' not found", text)
    if variable:
        name = variable.group(1)
        return ConfigError(
            path,
            f"needs the environment variable {name}, which is not set.",
            f"Set it, in the shell or in .env, or give a default: ${{oc.env:{name},null}}",
        )
    missing = re.search(r"Interpolation key '([^']+)' not found", text)
    if missing:
        what = f"is {raw}, but there is no key '{missing.group(1)}'.{_nearest(parent, missing.group(1))}"
        return ConfigError(path, what, "Point it at a key that exists.")
    if "Recursive interpolation" in text or "recursion" in text:
        return ConfigError(path, f"is {raw}, which points back at itself.", "Break the circle.")
    resolver = re.search(r"Unsupported interpolation type (\w+)", text)
    if resolver:
        return ConfigError(
            path,
            f"is {raw}, but there is no resolver '{resolver.group(1)}'.",
            "YAML holds no arithmetic: write the value, or point at another key, ${params.name}.",
        )
    quoted = re.search(r'raised while resolving interpolation: "(.*)"', text)
    reason = quoted.group(1) if quoted else text.splitlines()[0]
    return ConfigError(path, f"has no value: {reason}.", "Give it in a file or on the command line.")


def _nearest(parent: DictConfig | ListConfig, missing: str) -> str:
    """Return a hint at the key beside the missing one whose name is nearly the same."""
    head, _, last = missing.rpartition(".")
    root: Any = parent._get_root()
    beside = OmegaConf.select(root, head, throw_on_missing=False) if head else root
    found = nearest(last, map(str, beside)) if isinstance(beside, DictConfig) else ""
    return found.replace("'", f"'{head}.", 1) if found and head else found
