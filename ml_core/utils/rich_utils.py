"""How is a configuration shown?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ml_core.utils.pylogger import current_rank

PRINT_ORDER = ("data", "model", "callbacks", "logger", "trainer", "paths", "extras")
SECRET = re.compile(r"(api_?key|token|secret|password|passwd|credential)s?$", re.IGNORECASE)
REFERENCE = re.compile(r"\$\{[^,{}]*(,\s*(null|''|\"\"))?\}")
"""An interpolation without a value of its own, such as `${oc.env:KEY}` or `${oc.env:KEY,null}`."""
MASK = "<masked>"


def print_config_tree(cfg: DictConfig, to_terminal: bool = True, folder: Path | None = None) -> None:
    """Print a configuration as a tree, and write it to `config_tree.log` in a folder.

    Values are shown as they were written, with interpolations unresolved; what looks like a secret is masked.
    """
    import rich
    from rich.console import Console
    from rich.syntax import Syntax
    from rich.text import Text
    from rich.tree import Tree

    if current_rank():
        return
    plain: Any = mask_secrets(OmegaConf.to_container(cfg, resolve=False))
    tree = Tree("CONFIG", style="dim", guide_style="dim")
    for key in [*(k for k in PRINT_ORDER if k in plain), *(k for k in plain if k not in PRINT_ORDER)]:
        is_tree = isinstance(plain[key], (dict, list)) and plain[key]
        tree.add(key).add(
            Syntax(OmegaConf.to_yaml(plain[key]), "yaml", word_wrap=True) if is_tree else Text(str(plain[key]))
        )
    if to_terminal:
        rich.print(tree)
    if folder is not None:
        with open(folder / "config_tree.log", "w", encoding="utf-8") as file:
            Console(file=file, width=120).print(tree)


def mask_secrets(value: Any) -> Any:
    """Return plain data with the values of keys that look like secrets masked; `${...}` holds none."""
    if isinstance(value, dict):
        return {k: MASK if _is_secret(k, v) else mask_secrets(v) for k, v in value.items()}
    return [mask_secrets(item) for item in value] if isinstance(value, list) else value


def _is_secret(key: Any, value: Any) -> bool:
    can_hold_one = isinstance(value, (str, list, dict)) and bool(value)
    return can_hold_one and bool(SECRET.search(str(key))) and not REFERENCE.fullmatch(str(value))
