"""Look for mistakes in the wiring of an experiment and draw it: `python ml_core/check.py experiment=example`.

`python ml_core/check.py schema` writes JSON schemas, with which an editor completes and flags keys in YAML files.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:  # run as a script: the project in place of this folder, whose modules must shadow no others
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ml_core.utils.entry_point import entry_point
from ml_core.utils.task import logged

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from ml_core.wiring.findings import Findings


@logged
def check(cfg: DictConfig) -> Findings:
    """Check an experiment as deep as `level` says, print its tables and write its drawing.

    Args:
        cfg: Composed from `configs/check.yaml`.

    Returns:
        What is worth knowing, and what could not be checked.

    Raises:
        UserError: What is wrong, in the order of the files.
    """
    from ml_core.wiring import check as wiring  # its levels import what they need

    findings, graph, report = wiring.look(cfg)
    wiring.draw(graph, report, cfg.format)
    wiring.tell(findings)
    return findings


@entry_point("check.yaml")
def _main(cfg: DictConfig) -> None:
    check(cfg)


def main() -> None:
    """Run `check`, or the sub-command `schema`."""
    if sys.argv[1:2] == ["schema"]:
        from ml_core.wiring.schema.command import main as write_schemas

        sys.exit(write_schemas(sys.argv[2:]))
    _main()


if __name__ == "__main__":
    main()
