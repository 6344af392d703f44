"""Would two parts of a run, or two runs of one command, write to the same file?"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from ml_core.errors import ConfigError
from ml_core.utils.last_checkpoint import LAST
from ml_core.wiring.findings import Note
from ml_core.wiring.nodes import entries, known, written

PLACES = {"dirpath": ("dirpath", "filename"), "save_dir": ("save_dir", "name", "version")}
"""Keys that name a folder, with all that tell one node's files from another's."""
SAME_IN_ALL_RUNS = re.compile(r"\$\{(paths\.(root_dir|data_dir|log_dir|work_dir)|oc\.env:[^}]*)\}")


@dataclass(frozen=True)
class _Writer:
    """A node that writes.

    Attributes:
        path: YAML path of the node.
        key: The key that names its folder.
        raw: The folder as it is written.
        folder: The folder.
        files: What tells its files from those of others.
    """

    path: str
    key: str
    raw: str
    folder: str
    files: tuple[str, ...]

    @property
    def where(self) -> str:
        return f"{self.path}.{self.key}"


def same_files(cfg: DictConfig) -> Iterator[ConfigError]:
    """Yield nodes that write where another does, and folders that all runs of a multirun would share."""
    writers = list(_writers(cfg))
    for one, other in itertools.combinations(writers, 2):
        if one.files == other.files:
            yield ConfigError(
                other.where,
                f"is {other.folder}, and {one.path} writes files of the same names there.",
                f"Give {other.path} a {' or a '.join(PLACES[other.key])} of its own.",
            )
    if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
        yield from _shared_by_runs(writers)


def written_again(cfg: DictConfig) -> Iterator[Note]:
    """Yield a note of a checkpoint that the run reads first and may then write."""
    path = known(cfg, "ckpt_path") if "ckpt_path" in cfg else None
    if not isinstance(path, str) or path == LAST or not known(cfg, "train"):
        return
    for writer in _writers(cfg):
        if writer.key == "dirpath" and Path(path).resolve().parent == Path(writer.folder).resolve():
            yield Note("ckpt_path", f"lies in the folder that {writer.path} writes to, which may replace it.")


def _shared_by_runs(writers: list[_Writer]) -> Iterator[ConfigError]:
    what = "the same for all runs of this command, so that each would write over the one before."
    for writer in writers:
        if "${" not in SAME_IN_ALL_RUNS.sub("", writer.raw):
            yield ConfigError(writer.where, f"is {writer.folder}, {what}", "Put it below ${paths.output_dir}.")
    hydra: Any = HydraConfig.get()
    subdir = written(hydra.sweep, "subdir")
    if isinstance(subdir, str) and "${" not in subdir:
        yield ConfigError("hydra.sweep.subdir", f"is {subdir}, {what}", "For example ${hydra.job.num}")


def _writers(cfg: DictConfig) -> Iterator[_Writer]:
    for section in ("callbacks", "logger"):
        for path, node in entries(cfg, section):
            for key, names in PLACES.items():
                folder, raw = known(node, key) if key in node else None, written(node, key)
                if isinstance(folder, str) and "_target_" in node:
                    values = [str(known(node, name)) if name in node else "" for name in names]
                    kind = str(known(node, "_target_")) if section == "logger" else key
                    yield _Writer(path, key, str(raw), folder, (kind, *values))
