"""Is an error of the operating system one of a full or read-only folder?"""

from __future__ import annotations

import errno

from ml_core.errors import StorageError

REASONS = {
    errno.ENOSPC: ("there is no space left on this disk.", "Free some, or write elsewhere: paths.log_dir=<folder>"),
    errno.EDQUOT: ("the quota of this disk is used up.", "Free some, or write elsewhere: paths.log_dir=<folder>"),
    errno.EROFS: ("lies on a disk that cannot be written to.", "Write elsewhere: paths.log_dir=<folder>"),
    errno.EACCES: ("may not be written to.", "Change its permissions, or write elsewhere: paths.log_dir=<folder>"),
    errno.ENOTDIR: ("lies below something that is a file.", "Write elsewhere: paths.log_dir=<folder>"),
    errno.EPERM: ("may not be written to.", "Change its permissions, or write elsewhere: paths.log_dir=<folder>"),
}


def storage_error(error: OSError, folder: str = "") -> StorageError | None:
    """Return an error about a disk as one that says what to do; None for any other.

    Args:
        error: As the operating system raised it.
        folder: Named where the error names no file.
    """
    if error.errno not in REASONS:
        return None
    what, fix = REASONS[error.errno]
    return StorageError(str(error.filename or folder or "disk"), what, fix)
