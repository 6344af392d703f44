"""The sweeper as Hydra sees it; everything that needs Optuna is imported when a sweep begins."""

from __future__ import annotations

from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


class OptunaSweeper(Sweeper):
    """Hydra's sweeper for `hydra/sweeper: optuna`; takes the fields of `OptunaOptions`."""

    def __init__(self, **options: Any) -> None:
        self.options = {k: OmegaConf.to_container(v) if OmegaConf.is_config(v) else v for k, v in options.items()}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra gives before a sweep."""
        self.config, self.hydra_context = config, hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            config=config, hydra_context=hydra_context, task_function=task_function
        )

    def sweep(self, arguments: list[str]) -> None:
        """Run the trials that the study lacks, and tell what came out.

        Raises:
            ConfigError: If the search itself is wrong, or a mistake that no searched value makes ends the first trial.
            Exception: What ended the first trial that failed, if all failed or too many.
        """
        from hydra_plugins.ml_core_sweeper._search import begin  # imports optuna

        assert self.config is not None
        assert self.hydra_context is not None
        assert self.launcher is not None
        begin(self.options, self.config, self.hydra_context.config_loader, self.launcher, arguments).run()
