"""How long does the wiring check take?

Prints, for every shipped experiment, the seconds of level 1 from source and from its cache, and of level 2 on a first
and a second call (libraries imported); then level 1 for configurations of 1,000 and 10,000 nodes, and their ratio.

Run: python scripts/bench_check.py
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from ml_core.utils import composition
from ml_core.utils.project_root import config_folder, find_project_root
from ml_core.wiring.findings import Findings
from ml_core.wiring.names import check_names
from ml_core.wiring.static_signatures import Resolver

COUNTS = (1_000, 10_000)


def main() -> None:
    """Print the two tables."""
    find_project_root()
    composition.install()
    folder_of_experiments = config_folder() / "experiment"
    files = sorted(folder_of_experiments.rglob("*.yaml"))
    experiments = [path.relative_to(folder_of_experiments).with_suffix("").as_posix() for path in files]
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "signatures.json"
        print(f"{'experiment':<28}{'level 1':>10}{'cached':>10}{'level 2':>10}{'again':>10}{'findings':>10}")
        for name in experiments:
            _print_experiment(name, folder, cache)
    times = {}
    for count in COUNTS:
        cfg = _large(count)
        start = time.perf_counter()
        check_names(cfg, Resolver(), Findings())
        times[count] = time.perf_counter() - start
    for count, seconds in times.items():
        print(f"level 1 of {count:,} nodes: {seconds:.2f} s")
    few, many = (times[count] for count in COUNTS)
    print(f"{COUNTS[1] // COUNTS[0]} times as many nodes take {many / few:.1f} times as long")


def _print_experiment(name: str, folder: str, cache: Path) -> None:
    cfg = _composed(name, folder)
    cache.unlink(missing_ok=True)
    first, findings = Resolver(cache=cache), Findings()
    cold = _seconds(lambda: check_names(cfg, first, Findings()))
    first.save()
    cached = _seconds(lambda: check_names(cfg, Resolver(cache=cache), findings))
    import lightning.pytorch  # noqa: F401
    import torchmetrics  # noqa: F401

    from ml_core.wiring.flow import check_flow

    once = _seconds(lambda: check_flow(cfg, findings))
    again = _seconds(lambda: check_flow(cfg, Findings()))
    print(f"{name:<28}{cold:>10.3f}{cached:>10.3f}{once:>10.2f}{again:>10.2f}{len(findings.errors):>10}")


def _composed(experiment: str, folder: str) -> DictConfig:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        return compose("train", [f"experiment={experiment}", f"paths.output_dir={folder}", f"paths.work_dir={folder}"])


def _large(count: int) -> DictConfig:
    nodes = {f"layer_{i}": {"_target_": "torch.nn.Linear", "in_features": 4, "out_features": 4} for i in range(count)}
    return OmegaConf.create({"model": {"_target_": "torch.nn.ModuleDict", "modules": nodes}})


def _seconds(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
