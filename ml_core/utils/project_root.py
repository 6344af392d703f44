"""Where is the project, and where are its configurations?"""

from __future__ import annotations

import os
from pathlib import Path

import rootutils

PACKAGE = Path(__file__).resolve().parents[1]
INDICATOR = ".project-root"


def find_project_root() -> Path:
    """Find the root, set `PROJECT_ROOT`, load `.env` and put the root on the import path.

    The root is the checkout that this package lies in, or the nearest folder with a `.project-root` upwards from
    the working folder, or else the working folder (an installed package in a folder of the user's own).
    """
    for start in (PACKAGE, Path.cwd()):
        try:
            return Path(rootutils.setup_root(start, indicator=INDICATOR, pythonpath=True, dotenv=True))
        except FileNotFoundError:
            continue
    os.environ.setdefault("PROJECT_ROOT", str(Path.cwd()))
    return Path.cwd()


def config_folder() -> Path:
    """Return the folder of this package's own configurations: in the checkout, or inside the installed package."""
    packaged = PACKAGE / "configs"
    return packaged if packaged.is_dir() else PACKAGE.parent / "configs"
