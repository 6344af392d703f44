"""How is a mistake planted into the example's configuration, and what does a check say of it?"""

from __future__ import annotations

import copy
import re
from typing import Any

from omegaconf import DictConfig, OmegaConf
from setting import Compose

from ml_core.wiring.findings import Findings
from ml_core.wiring.flow import check_flow
from ml_core.wiring.graph import Graph

FLAT_DATA = "{_target_: ml_core.data.base_datamodule.BaseDataModule, hf_dict_dataset: %s, batch_size: 64}"
WRAP = "_target_: ml_core.transforms.base.WrapTransform"

_EXAMPLE: list[DictConfig] = []


def example_config(compose: Compose) -> DictConfig:
    """Return a copy of the example's configuration, which is composed once."""
    if not _EXAMPLE:
        _EXAMPLE.append(compose("experiment=example"))
    return copy.deepcopy(_EXAMPLE[0])


def plant(cfg: DictConfig, changes: dict[str, str]) -> DictConfig:
    """Return a configuration with other values, given as YAML by their path; a node is replaced as a whole."""
    changed = copy.deepcopy(cfg)
    OmegaConf.set_struct(changed, False)
    for path, text in changes.items():
        OmegaConf.update(changed, path, OmegaConf.create(f"value: {text}")._get_node("value"), merge=False)
    return changed


def look(cfg: DictConfig, objects: dict[str, Any] | None = None) -> tuple[Findings, Graph]:
    """Return what the check of the flow finds, and the wiring."""
    findings = Findings()
    graph = check_flow(cfg, findings, objects)
    assert graph is not None
    return findings, graph


def told(findings: Findings) -> list[str]:
    """Return the mistakes as text, without the numbers of lines in Python files."""
    return [re.sub(r"\.py:\d+", ".py", str(error)) for error in findings.errors]


def noted(findings: Findings) -> list[str]:
    """Return the notes as text."""
    return [f"{note.where}: {note.what}" for note in findings.notes]


def unchecked(findings: Findings) -> list[str]:
    """Return what could not be looked at as text."""
    return [f"{note.where}: {note.what}" for note in findings.unchecked]
