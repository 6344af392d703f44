"""What configuration does a checkpoint carry? Read without torch and without running anything in the file."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ml_core import __version__
from ml_core.errors import ConfigError, StorageError
from ml_core.utils.rich_utils import mask_secrets

CONFIG_KEY = "ml_core"
"""Key of the stored configuration in a checkpoint."""


def existing_checkpoint(cfg: DictConfig) -> str:
    """Return `ckpt_path`, which must name a checkpoint that exists.

    Raises:
        ConfigError: If it is not given.
        StorageError: If there is no such file.
    """
    if OmegaConf.is_missing(cfg, "ckpt_path") or cfg.ckpt_path is None:
        raise ConfigError("ckpt_path", "is not given.", "Name a checkpoint: ckpt_path=<run>/checkpoints/last.ckpt")
    path = Path(cfg.ckpt_path)
    if not path.exists():
        raise StorageError(str(path), "there is no such checkpoint.", "A run keeps its own in checkpoints/.")
    for inside in (path / "checkpoints" / "last.ckpt", path / "last.ckpt"):
        if inside.exists():
            raise ConfigError("ckpt_path", f"'{path}' is a folder.", f"Name a file in it: ckpt_path={inside}")
    if path.is_file():
        read_content(path)  # tells a file that is no checkpoint before anything is built
    return str(path)


def epochs_of(path: str | Path) -> int | None:
    """Return how many epochs a checkpoint has behind it; None where it does not say."""
    content: Any = read_content(path) if Path(path).is_file() else {}
    for key in ("loops", "fit_loop", "epoch_progress", "current", "processed"):
        content = content.get(key) if isinstance(content, Mapping) else None
    return content if isinstance(content, int) else None


def describe_run(cfg: DictConfig) -> dict[str, Any]:
    """Return what a checkpoint stores of a run: plain data, with interpolations left as they were written."""
    plain: Any = OmegaConf.to_container(cfg, resolve=False)
    plain["logger"] = mask_secrets(plain.get("logger"))
    return {"version": __version__, "config": OmegaConf.to_yaml(plain), "groups": composed_groups()}


def composed_groups() -> list[dict[str, str]]:
    """Return the nested config groups of the running job, such as `model/network`, and where each one lands.

    Empty outside of a Hydra job.
    """
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    if not (HydraConfig.initialized() and GlobalHydra.instance().is_initialized()):
        return []
    hydra = HydraConfig.get()
    overrides = [*hydra.overrides.hydra, *hydra.overrides.task]
    loader = GlobalHydra.instance().config_loader()
    defaults = loader.compute_defaults_list(hydra.job.config_name, overrides, RunMode.RUN).defaults
    nested = {(d.config_path or "").rpartition("/")[0]: d.package or "" for d in defaults}
    return [{"group": g, "package": p} for g, p in nested.items() if "/" in g and not g.startswith("hydra")]


def read_stored(path: str | Path) -> dict[str, Any]:
    """Return what `describe_run` put into a checkpoint; empty for a checkpoint of another program.

    Raises:
        StorageError: If the file is missing or no whole checkpoint.
    """
    stored = read_content(path).get(CONFIG_KEY, {})
    return dict(stored) if isinstance(stored, Mapping) else {}


def read_content(path: str | Path) -> dict[Any, Any]:
    """Return the plain data of a checkpoint; tensors and objects are stand-ins.

    Takes milliseconds whatever the size of the file: tensors are skipped, and no object in it is built.

    Raises:
        StorageError: If the file is missing or no whole checkpoint.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(n for n in archive.namelist() if n.endswith("/data.pkl"))
            content = _PlainReader(io.BytesIO(archive.read(name))).load()
    except FileNotFoundError as error:
        raise StorageError(str(path), "there is no such checkpoint.") from error
    except (zipfile.BadZipFile, StopIteration, pickle.UnpicklingError, EOFError, OSError) as error:
        raise StorageError(
            str(path), f"is no whole checkpoint ({type(error).__name__}: {error}).", "Give another file."
        ) from error
    return dict(content) if isinstance(content, Mapping) else {}


def read_config(path: str | Path) -> DictConfig | None:
    """Return the composed configuration that a checkpoint carries, unresolved; None where it carries none."""
    text = read_stored(path).get("config")
    if not isinstance(text, str):
        return None
    config = OmegaConf.create(text)
    return config if isinstance(config, DictConfig) else None


class _Anything:
    """Stands for every object of the file that is no plain data; takes whatever the pickle does to it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __call__(self, *args: Any, **kwargs: Any) -> _Anything:
        return self

    def __setstate__(self, state: Any) -> None: ...

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def append(self, value: Any) -> None: ...

    def extend(self, values: Any) -> None: ...


class _Dict(dict[Any, Any]):
    """An OrderedDict of the file: unlike a plain dict it takes attributes."""


class _PlainReader(pickle.Unpickler):
    """Reads the plain data of a pickle; imports and calls nothing that the file names."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a stand-in for every class."""
        return _Dict if (module, name) == ("collections", "OrderedDict") else _Anything

    def persistent_load(self, pid: Any) -> Any:
        """Return a stand-in for every tensor storage."""
        return _Anything()
