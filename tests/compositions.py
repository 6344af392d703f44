"""What do many command lines compose, in one form of the command? A program that tests start once a form.

    python tests/compositions.py ml_core/train.py ml_core/eval.py < lines.json

The arguments say the form: scripts, `-m` before names of modules, or installed commands. stdin holds a list of
`[index of the program, words]`; stdout gets the list of what `--cfg job` prints for each, and for a multirun the
configuration that the sweep starts from.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import runpy
import sys

from hydra._internal.hydra import Hydra
from hydra.types import RunMode
from omegaconf import OmegaConf, open_dict


def show_sweep(self, config_name, task_function, overrides, with_log_configuration=True):
    """Stand in for `Hydra.multirun`: compose as it does, print, and run nothing."""
    cfg = self.compose_config(config_name, overrides, run_mode=RunMode.MULTIRUN, with_log_configuration=False)
    with open_dict(cfg.hydra):
        del cfg.hydra["runtime"]  # names folders
    print(OmegaConf.to_yaml(cfg))


def composed(program: str, words: list[str], is_module: bool) -> str:
    is_sweep = any(word in ("-m", "--multirun") for word in words)
    sys.argv = [program, *words, *([] if is_sweep else ["--cfg", "job"])]
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            if is_module:
                runpy.run_module(program, run_name="__main__", alter_sys=True)
            else:
                runpy.run_path(program, run_name="__main__")
    except SystemExit as end:  # an installed command ends so
        if end.code:
            raise
    return printed.getvalue()


if __name__ == "__main__":
    Hydra.multirun = show_sweep
    is_module = sys.argv[1] == "-m"
    programs = sys.argv[2:] if is_module else sys.argv[1:]
    sys.path[0] = os.getcwd()  # in place of this file's folder, as for `python -m`; scripts change it themselves
    json.dump([composed(programs[index], words, is_module) for index, words in json.load(sys.stdin)], sys.stdout)
