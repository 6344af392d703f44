"""Where is the project, and where are the user's configurations and this package's?"""

from __future__ import annotations

import os
from pathlib import Path

import rootutils

from ml_core.errors import ConfigError, nearest

PACKAGE = Path(__file__).resolve().parents[1]
INDICATOR = ".project-root"
OWN_CONFIGS = "configs"


def find_project_root() -> Path:
    """Find the root, set `PROJECT_ROOT` and `ML_CORE_PACKAGE` (this package's folder) and load the root's `.env`.

    The root is the first of these that there is: the nearest folder with a `.project-root` upwards from the working
    folder; the working folder, if it has configurations of the user's own; the checkout that this package lies in;
    what `PROJECT_ROOT` says; the working folder.
    """
    root = _root_from(Path.cwd())
    rootutils.set_root(root, project_root_env_var=True, dotenv=True, pythonpath=False)
    os.environ["ML_CORE_PACKAGE"] = str(PACKAGE)
    return root


def _root_from(here: Path) -> Path:
    try:
        return Path(rootutils.find_root(here, indicator=INDICATOR))
    except FileNotFoundError:
        if own_config_folder() is not None:
            return here
    checkout = PACKAGE.parent
    return checkout if (checkout / INDICATOR).exists() else Path(os.environ.get("PROJECT_ROOT") or here)


def config_folder() -> Path:
    """Return the folder of this package's own configurations: in the checkout, or inside the installed package."""
    packaged = PACKAGE / "configs"
    return packaged if packaged.is_dir() else PACKAGE.parent / "configs"


def own_config_folder(named: str | None = None) -> Path | None:
    """Return the folder of the user's own configurations; None where there is none, or it is this package's.

    Args:
        named: Value of `--config-dir`, relative to the working folder; without it, the folder is `./configs`.

    Raises:
        ConfigError: If it names no folder.
    """
    folder = Path(named or OWN_CONFIGS).absolute()
    if named and not folder.is_dir():
        beside = [path.name for path in folder.parent.glob("*/")]
        raise ConfigError(
            "--config-dir", f"there is no folder '{named}'.{nearest(folder.name, beside)}", f"Looked for: {folder}"
        )
    is_own = folder.is_dir() and folder.resolve() != config_folder().resolve()
    return folder if is_own else None
