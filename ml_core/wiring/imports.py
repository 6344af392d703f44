"""Can the user's own modules be imported, and in a while? Tried in a process of its own, which may hang or print."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

import ml_core
from ml_core.errors import ConfigError, MissingPackageError
from ml_core.utils.origins import shown
from ml_core.utils.packages import imports, install_hint
from ml_core.wiring.findings import Findings, Note
from ml_core.wiring.static_signatures import Resolver, Unresolved

SECONDS = 60.0
"""Longest that the import of one target may take."""

IMPORT = "import json, pkgutil, sys; sys.path[:] = json.loads(sys.argv[2]); pkgutil.resolve_name(sys.argv[1])"
INSTALLED = tuple({str(Path(sysconfig.get_path(name)).resolve()) for name in ("purelib", "platlib", "stdlib")})


def try_imports(cfg: DictConfig, resolver: Resolver, findings: Findings, seconds: float = SECONDS) -> None:
    """Import every target that lies in no installed package, and tell those that fail, hang or print.

    Args:
        cfg: The composed configuration, whose names have been checked.
        resolver: Says in which file a target is.
        findings: Gets what was found.
        seconds: Longest that one import may take.
    """
    plain: Any = OmegaConf.to_container(cfg, resolve=False)
    tried: set[str] = set()
    for path, target in _targets(plain, ""):
        if target not in tried and _is_own(target, resolver):
            tried.add(target)
            _try(target, f"{path}._target_", findings, seconds)


def _try(target: str, path: str, findings: Findings, seconds: float) -> None:
    command = [sys.executable, "-c", IMPORT, target, json.dumps(sys.path)]
    try:
        done = subprocess.run(  # noqa: S603 # nosec B603 - our own interpreter and program
            command, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        findings.errors.append(
            ConfigError(
                path,
                f"importing {target} has not ended after {seconds:g} s.",
                "Move what takes so long out of the top level of its module, into a function or constructor.",
            )
        )
        return
    if done.returncode:
        findings.errors.append(_failure(target, path, done.stderr.strip() or f"exit code {done.returncode}"))
    elif done.stdout.strip():
        findings.notes.append(Note(path, f"importing {target} prints: {done.stdout.strip().splitlines()[0]}"))


def _failure(target: str, path: str, text: str) -> ConfigError:
    """Return what went wrong in a process that imported a target, by what it wrote to stderr."""
    last = text.splitlines()[-1]
    missing = re.match(r"ModuleNotFoundError: No module named '([\w.]+)'", last)
    files = re.findall(r'^ *File "([^<"][^"]*)", line (\d+)', text, flags=re.MULTILINE)
    if missing and files:
        module, place = missing.group(1), f"{shown(files[-1][0])}:{files[-1][1]}"
        return MissingPackageError(path, imports(target, place, module), install_hint(module.split(".")[0]))
    return ConfigError(path, f"importing {target} failed: {last}.", "Mend that module.")


def _is_own(target: str, resolver: Resolver) -> bool:
    try:
        file = str(Path(resolver.signature(target).file).resolve())
    except Unresolved:
        return False
    return not file.startswith((*INSTALLED, str(Path(ml_core.__file__).parent)))


def _targets(node: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the path and `_target_` of every node."""
    if isinstance(node, dict):
        target = node.get("_target_")
        if isinstance(target, str) and "${" not in target:
            yield path, target
        for key, child in node.items():
            yield from _targets(child, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _targets(child, f"{path}[{index}]")
