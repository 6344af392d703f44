"""Search with Optuna, in place of hydra-optuna-sweeper 1.3, whose options and search space language it keeps."""

from __future__ import annotations

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins

REPLACED = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"


def install() -> None:
    """Let `hydra/sweeper: optuna`, and files that name hydra-optuna-sweeper's class, mean the sweeper of this package.

    For this process alone: other Hydra programs in the same environment keep theirs. It comes after Hydra's search
    for plugins, in which hydra-optuna-sweeper registers its own options under the same names.
    """
    plugins = Plugins.instance()
    from hydra_plugins.ml_core_sweeper._options import SAMPLERS, OptunaOptions
    from hydra_plugins.ml_core_sweeper.sweeper import OptunaSweeper

    plugins.register(OptunaSweeper)
    plugins.class_name_to_class[REPLACED] = OptunaSweeper
    store = ConfigStore.instance()
    store.store(group="hydra/sweeper", name="optuna", node=OptunaOptions, provider="ml_core")
    for name, node in SAMPLERS.items():
        store.store(group="hydra/sweeper/sampler", name=name, node=node, provider="ml_core")
