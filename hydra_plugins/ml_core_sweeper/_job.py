"""How is something done as in a job of Hydra's, outside of one?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import setup_globals
from omegaconf import DictConfig, open_dict, read_write


@contextmanager
def as_job(cfg: DictConfig) -> Iterator[None]:
    """Let `${hydra:...}`, and whoever asks for Hydra's configuration, have that of `cfg`; its folder is the sweep's."""
    singleton = HydraConfig.instance()
    before = singleton.cfg
    setup_globals()
    with read_write(cfg.hydra.runtime), open_dict(cfg.hydra.runtime):
        cfg.hydra.runtime.output_dir = cfg.hydra.sweep.dir
    singleton.set_config(cfg)
    try:
        yield
    finally:
        singleton.cfg = before
