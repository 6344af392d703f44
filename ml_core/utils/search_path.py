"""What is looked for where: configurations in the user's own folder first, modules in the user's own folders last.

Configurations of the same name as ours take their place. Modules hide none that is installed: a folder `data` or a
file `random.py` in the working folder changes nothing for the libraries.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin


class OwnConfigs(SearchPathPlugin):
    """Puts a folder before that of the command; Hydra's own `--config-dir` only appends.

    Attributes:
        folder: The folder while a command starts; Hydra makes the plugin without arguments.
    """

    folder: ClassVar[Path | None] = None

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Insert the folder; called when Hydra starts."""
        if self.folder is not None:
            search_path.prepend("own", f"file://{self.folder}", anchor="main")


@contextmanager
def before_packaged(folder: Path | None) -> Iterator[None]:
    """Let a command that starts inside look into a folder before the package's own."""
    Plugins.instance().register(OwnConfigs)
    OwnConfigs.folder = folder
    try:
        yield
    finally:
        OwnConfigs.folder = None


def make_importable(folders: Iterable[Path]) -> None:
    """Put folders at the end of the import path, unless they are on it."""
    for folder in folders:
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
