"""How is a file written once, whole, by one of several processes?"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_core.errors import StorageError, UnavailableError
from ml_core.utils.storage import storage_error

POLL = 0.05
"""Seconds between two looks at a lock."""


def write(file: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, even after a loss of power.

    Raises:
        StorageError: If the folder cannot be written to.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, file)
    except OSError as error:
        raise _told(error, file) from error


@contextmanager
def locked(folder: Path, patience: float) -> Iterator[None]:
    """Let one process at a time into a block; the kernel frees the lock when its holder dies.

    Args:
        folder: Is made; holds the lock file.
        patience: Seconds to wait for another process.

    Raises:
        UnavailableError: If another process holds the lock for longer.
        StorageError: If the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(folder / ".lock", "w")  # noqa: SIM115, it is closed below
    except OSError as error:
        raise _told(error, folder) from error
    with lock:
        _wait_for(lock.fileno(), folder, patience)
        yield


def _wait_for(handle: int, folder: Path, patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise UnavailableError(
                    str(folder), f"another process has been writing here for {patience:g} seconds."
                ) from None
            time.sleep(POLL)


def _told(error: OSError, path: Path) -> StorageError:
    found = storage_error(error, str(path)) or StorageError(str(path), f"cannot be written: {error.strerror}.")
    found.fix = "Name another folder for generated functions with `path:`."
    return found
