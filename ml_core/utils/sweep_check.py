"""Is there a mistake in one of the jobs of a sweep? Told before the first of them runs."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from hydra_plugins.ml_core_sweeper._job import as_job


def install() -> None:
    """Let Hydra's sweepers look at names, signatures and plain values where they only compose every job."""
    Sweeper.validate_batch_is_legal = _require_names  # type: ignore[method-assign]


def _require_names(self: Sweeper, batch: Sequence[Sequence[str]]) -> None:
    """Compose the jobs of a batch, and check each.

    Raises:
        UserError: What is wrong with the first job that has a mistake.
    """
    assert self.hydra_context is not None
    assert self.config is not None
    for number, overrides in enumerate(batch):
        cfg = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
        require_names_of_job(cfg, number)


def require_names_of_job(cfg: DictConfig, number: int = 0) -> None:
    """Check the configuration of a job that has not begun, where the job itself would check it.

    Raises:
        UserError: What is wrong with it.
    """
    if not cfg.get("check") or "level" in cfg:  # the command `check` looks at its jobs itself
        return
    from ml_core.wiring.check import require_names  # what --help does without

    with read_write(cfg.hydra.job), open_dict(cfg.hydra.job):
        cfg.hydra.job.num, cfg.hydra.job.id = number, str(number)
    with as_job(cfg):
        require_names(OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"]))
