"""Names that tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from omegaconf import DictConfig

ROOT = Path(__file__).resolve().parents[1]

Compose = Callable[..., DictConfig]
