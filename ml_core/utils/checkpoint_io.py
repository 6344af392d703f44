"""How is a checkpoint written so that a kill at any moment loses nothing?"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from ml_core.errors import PolicyError, StorageError, listed
from ml_core.utils.stored_config import read_content

MOST_SHOWN = 5

FOREIGN_GLOBAL = re.compile(
    r"(?:Unsupported global: GLOBAL|Trying to load unsupported GLOBAL|blocked module:?)\s+(\S+)"
)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write to a temporary file in the checkpoint's own folder, flush it to disk, then rename it.

    At every moment the name holds the whole old file or the whole new one. Loading never unpickles objects.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Save a checkpoint; a remote path goes Lightning's way.

        Raises:
            StorageError: If the file cannot be written; what was there before is untouched.
        """
        if "://" in str(path):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        try:
            with _replacing(Path(path)) as temporary, open(temporary, "wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
        except (OSError, RuntimeError) as error:  # torch turns the error of a full disk into its own
            raise StorageError(
                str(path),
                f"cannot be written: {_reason(error, _bytes(checkpoint), _free_bytes(Path(path)))}.",
                "The checkpoints written before are untouched.",
            ) from error

    def load_checkpoint(
        self, path: Any, map_location: Callable[..., Any] | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Load a checkpoint of plain data and tensors.

        Raises:
            PolicyError: If the file would run code when it is loaded.
            StorageError: If it is no readable checkpoint.
        """
        try:
            return super().load_checkpoint(path, map_location or _as_stored, weights_only=True)
        except FileNotFoundError as error:
            raise StorageError(str(path), "there is no such checkpoint.") from error
        except Exception as error:
            refused = FOREIGN_GLOBAL.search(str(error))
            if refused:
                name = refused.group(1)
                raise PolicyError(str(path), f"holds {name}, which would run code when it is loaded.") from error
            raise StorageError(str(path), f"is no readable checkpoint: {_first_line(error)}") from error


def require_state(path: str, is_resumed: bool) -> None:
    """Refuse a file that is no checkpoint of a training, before anything of it is used.

    Args:
        path: A file; a folder, as sharded checkpoints are, is not looked into.
        is_resumed: Whether training is to go on from it, which takes more than weights.

    Raises:
        PolicyError: If it would run code when it is loaded.
        StorageError: Names what it lacks and what it holds.
    """
    if not Path(path).is_file():
        return
    content = read_content(path)
    lacking = [key for key in ("state_dict", "pytorch-lightning_version") if key not in content]
    if lacking:
        AtomicCheckpointIO().load_checkpoint(path)  # a file that would run code is refused as such
        more = [f"{len(content) - MOST_SHOWN} more"] if len(content) > MOST_SHOWN else []
        held = listed([*map(repr, list(content)[:MOST_SHOWN]), *more])
        raise StorageError(
            path,
            f"is no checkpoint of a training: it lacks {listed(map(repr, lacking))}. It holds: {held}.",
            "Name a file that a run wrote into its checkpoints folder.",
        )
    if is_resumed and any(key not in content for key in ("optimizer_states", "lr_schedulers", "loops")):
        raise StorageError(
            path,
            "holds weights only, so training cannot go on from it.",
            "Name a checkpoint that was written with callbacks.model_checkpoint.save_weights_only=false.",
        )


def require_writable(folder: str) -> None:
    """Refuse a folder that no checkpoint can be written to, before anything is trained for it.

    Raises:
        StorageError: Names the folder and the reason.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StorageError(
            folder, f"checkpoints cannot be written here: {error.strerror}.", "Nothing was trained."
        ) from error


def replace_by_link(source: str, target: str) -> None:
    """Make `target` another name of `source`, replacing it in one step; a copy where links do not work.

    Raises:
        StorageError: If that cannot be done; what was there before is untouched.
    """
    if all(map(os.path.exists, (source, target))) and Path(source).samefile(target):
        return
    try:
        with _replacing(Path(target)) as temporary:
            os.unlink(temporary)
            try:
                os.link(source, temporary)
            except OSError:
                shutil.copyfile(source, temporary)
    except OSError as error:
        raise StorageError(target, f"cannot be written: {error.strerror or error}.") from error


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[str]:
    """Give a temporary file in the folder of `path` that takes its place when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    try:
        yield temporary
        _make_readable(temporary)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _make_readable(path: str) -> None:
    """Give the permissions that a plain `open` would have given; temporary files are private."""
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(path, 0o666 & ~mask)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _bytes(value: Any) -> int:
    """Return the size of all tensors in nested containers: nearly that of the file."""
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, Mapping):
        value = list(value.values())
    return sum(map(_bytes, value)) if isinstance(value, (list, tuple)) else 0


def _reason(error: BaseException, needed: int, free: int | None) -> str:
    """Return why a file could not be written; torch hides the system's error behind one of its own."""
    cause = error.__context__ if isinstance(error.__context__, OSError) else error
    text = _first_line(getattr(cause, "strerror", None) or cause)
    return f"{text} ({needed:,} bytes needed, {'unknown' if free is None else f'{free:,}'} free)"


def _free_bytes(path: Path) -> int | None:
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return None


def _first_line(error: BaseException | str) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _as_stored(storage: Any, location: str) -> Any:
    return storage
