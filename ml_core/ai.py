"""See to the functions that a language model writes: `python ml_core/ai.py list experiment=ai_transform`.

Commands: list, show, generate, validate, approve and diff, each for all AI transforms of an experiment.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:  # run as a script: the project in place of this folder, whose modules must shadow no others
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ml_core.errors import ConfigError, listed, nearest
from ml_core.utils.entry_point import entry_point

if TYPE_CHECKING:
    from omegaconf import DictConfig

NAMES = ("list", "show", "generate", "validate", "approve", "diff")
_chosen = ["list"]


def run(cfg: DictConfig, command: str) -> int:
    """Run a command for each AI transform of a configuration, and return how many there are.

    Raises:
        ConfigError: If there is no such command.
        UserError: As the commands do; see `ml_core.generated_code.commands`.
    """
    if command not in NAMES:
        raise ConfigError("ai.py", f"there is no '{command}'.{nearest(command, NAMES)}", f"Commands: {listed(NAMES)}.")
    from ml_core.generated_code.commands import COMMANDS  # imports torch
    from ml_core.wiring.ai_transforms import ai_nodes, order_of_run

    nodes = list(ai_nodes(cfg))
    for path, node in nodes:
        COMMANDS[command](path, order_of_run(path, node))
    if not nodes:
        sys.stdout.write("No AI transforms in this experiment.\n")
    return len(nodes)


@entry_point("check.yaml")
def _main(cfg: DictConfig) -> None:
    run(cfg, _chosen[0])


def main() -> None:
    """Take the command's name from the front of the command line, and run it."""
    if len(sys.argv) > 1 and "=" not in sys.argv[1] and not sys.argv[1].startswith("-"):
        _chosen[0] = sys.argv.pop(1)
    _main()


if __name__ == "__main__":
    main()
