"""Which command evaluates a checkpoint, typed in the folder in which this run was started?"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from ml_core.errors import PolicyError, UserError
from ml_core.utils.composition import STORED_SECTIONS
from ml_core.utils.instantiators import DIRECTIVES, Guard
from ml_core.utils.project_root import PACKAGE, config_folder
from ml_core.utils.targets import resolve_target
from ml_core.utils.trust import origin_of


def eval_command(checkpoint: str, trust: Iterable[str] = ()) -> str:
    """Return the command of the form that this run was started in, with the same folder of configurations.

    Args:
        checkpoint: The file.
        trust: Packages that have to be vouched for.
    """
    folder = _named_folder()
    words = [f"--config-dir {shlex.quote(shown(folder))}"] if folder else []
    packages = ",".join(trust)
    words += [as_override("ckpt_path", shown(checkpoint)), *([f"'trust=[{packages}]'"] if packages else [])]
    return " ".join([_program(), *words])


def shown(path: str | Path) -> str:
    """Return a path as seen from the folder in which the run was started; as it is where it lies outside."""
    start = HydraConfig.get().runtime.cwd if HydraConfig.initialized() else Path.cwd()
    return str(Path(path).relative_to(start) if Path(path).is_relative_to(start) else path)


def as_override(key: str, value: str) -> str:
    """Return an override as it must be typed, quoted for Hydra and the shell where it holds special characters."""
    return f"{key}={value}" if re.fullmatch(r"[\w./-]+", value) else shlex.quote(f'{key}="{value}"')


def packages_to_trust(cfg: DictConfig, guard: Guard) -> list[str]:
    """Return the packages whose targets evaluation would refuse to build from a checkpoint of this configuration."""
    refused = set()
    for path, node in _nodes(OmegaConf.to_container(cfg, resolve=False)):
        try:
            target = resolve_target(str(node["_target_"]), path)
        except UserError:
            continue  # a node that this run did not build either
        try:
            guard(str(node["_target_"]), target, set(node) - DIRECTIVES, path)
        except PolicyError:
            refused.add(origin_of(target).split(".")[0])
    return sorted(refused)


def _nodes(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the nodes with a `_target_` in the sections that a checkpoint stores."""
    if isinstance(node, dict) and "_target_" in node:
        yield path, node
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in items:
        if path or key in STORED_SECTIONS:
            yield from _nodes(child, f"{path}.{key}" if path else str(key))


def _named_folder() -> str | None:
    """Return the folder that `--config-dir` named, unless it is this package's own."""
    if not HydraConfig.initialized():
        return None
    sources = HydraConfig.get().runtime.config_sources
    named = next((source.path for source in sources if source.provider == "command-line"), None)
    return None if named is None or Path(named).resolve() == config_folder().resolve() else named


def _program() -> str:
    """Return the evaluation command as this program's name was typed."""
    typed = Path(sys.argv[0])
    if typed.name.startswith("ml-core-"):
        beside = str(typed.with_name("ml-core-eval"))
        return "ml-core-eval" if shutil.which("ml-core-eval") == beside else shlex.quote(shown(beside))
    python, spec = shlex.quote(sys.orig_argv[0]), getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None and spec.name == "ml_core.train":
        return f"{python} -m ml_core.eval"
    return f"{python} {shlex.quote(shown(PACKAGE / 'eval.py'))}"
