"""Which generated files has somebody read and approved?"""

from __future__ import annotations

import os
from pathlib import Path

from ml_core.errors import PolicyError
from ml_core.generated_code.files import locked, write
from ml_core.generated_code.provenance import Generated

LOCK_FILE = "transforms.lock"
"""In the project root, to be committed; `sha256sum --check transforms.lock` reads it too."""
APPROVED = ".approved"
"""Ending of the copy of a file as it was approved, with which `diff` compares."""


def project_root() -> Path:
    """Return the folder that relative paths start from."""
    return Path(os.environ.get("PROJECT_ROOT") or Path.cwd())


def place_of(file: Path) -> str:
    """Return a file's path as it stands in the lock and in messages: from the project root, where it is below."""
    root = project_root().resolve()
    whole = file.resolve()
    return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else str(whole)


def is_approved(generated: Generated) -> bool:
    """Whether these very bytes stand in the lock, for this place."""
    return approvals().get(place_of(generated.file)) == generated.digest


def require_approved(generated: Generated) -> None:
    """Raise where a file may not be used yet.

    Raises:
        PolicyError: If it is not approved; says which command shows and approves it.
    """
    if is_approved(generated):
        return
    what = "was changed after it was approved." if place_of(generated.file) in approvals() else "is not approved."
    raise PolicyError(
        place_of(generated.file),
        what,
        "See it with `python ml_core/ai.py diff experiment=<name>`, "
        "and approve it with `python ml_core/ai.py approve experiment=<name>`.",
    )


def approve(generated: Generated) -> None:
    """Add a file to the lock, and keep a copy of it beside it."""
    root = project_root()
    write(copy_of(generated.file), generated.text)
    with locked(generated.file.parent, patience=60):
        lines = approvals() | {place_of(generated.file): generated.digest}
        write(root / LOCK_FILE, "".join(f"{digest}  {place}\n" for place, digest in sorted(lines.items())))


def approvals() -> dict[str, str]:
    """Return the lock: place to hash."""
    file = project_root() / LOCK_FILE
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {place: digest for digest, _, place in (line.partition("  ") for line in lines)}


def copy_of(file: Path) -> Path:
    """Return where the copy of a file lies that was approved."""
    return file.with_suffix(APPROVED)
