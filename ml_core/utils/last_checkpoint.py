"""Which file does `ckpt_path=last` mean?

Training takes the newest run of the same data and network, evaluation the newest run of all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from omegaconf import DictConfig

from ml_core.errors import StorageError
from ml_core.utils.pylogger import RankedLogger
from ml_core.utils.stored_config import read_config

log = RankedLogger(__name__, rank_zero_only=True)

LAST = "last"


def stored_runs(log_dir: str, task_name: str = "*") -> Iterator[tuple[Path, DictConfig]]:
    """Yield every whole `last.ckpt` below a log folder with the configuration that it carries, newest first."""
    runs = Path(log_dir).glob(f"{task_name}/runs/*/checkpoints/last.ckpt")
    for path in sorted(runs, key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            stored = read_config(path)
        except StorageError as error:
            log.warning("ckpt_path=last: passed over %s", error)
            continue
        if stored is not None:
            yield path, stored


def newest_run(log_dir: str) -> Path:
    """Return the `last.ckpt` of the newest run below a log folder.

    Raises:
        StorageError: If there is none.
    """
    for path, _ in stored_runs(log_dir):
        return path
    raise StorageError(
        "ckpt_path",
        f"is last, but no run below {log_dir} has a checkpoints/last.ckpt.",
        "Name a file: ckpt_path=<file>",
    )
