"""Which command line is being completed in the shell?

Hydra completes overrides in the groups of the command's own folder, and reads the line with argparse. Here the options
in the line are taken out of it and obeyed.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ml_core.errors import ConfigError
from ml_core.utils.arguments import Arguments, split

PROGRAM = re.compile(r"\s*(?:\S*python[\d.]*\s+\S+|\S+)\s*")
STAND_IN = "python train.py"
"""Hydra strips this off; of longer paths, such as those with a dash, it leaves a rest."""


def completed(arguments: Arguments, line: str) -> tuple[Arguments, str]:
    """Return the arguments with the line's own `--config-dir`, and the line without options.

    Args:
        arguments: Those of the shell's call, such as `--shell-completion query=bash`.
        line: The line so far, `COMP_LINE`; its last word is the one that is completed.
    """
    program = PROGRAM.match(line)
    *words, last = line[program.end() if program else 0 :].split(" ")
    try:
        typed = split([word for word in words if word])
    except ConfigError:
        return arguments, line
    folder = typed.value_of("--config-dir")
    options = (("--config-dir", folder),) if folder else ()
    mode = ["--multirun"] if typed.has("--multirun") else []
    rest = " ".join([STAND_IN, *mode, *typed.overrides, last])
    return replace(arguments, options=(*options, *arguments.options)), rest
