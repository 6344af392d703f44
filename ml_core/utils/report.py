"""How is a mistake shown on the terminal?

First what is wrong, as a user would look for it: file and line, path, what was asked, what exists, what to do. The
last line is always `ERROR [path or file]: what happened; what to do`, for whoever reads only that.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence

from ml_core.errors import Mistakes, UserError
from ml_core.utils import origins
from ml_core.utils.composition_errors import explained
from ml_core.utils.extras import output_folder
from ml_core.utils.storage import storage_error

LOG_NOTE = "traceback in "
PAGE = "docs/mistakes.md"
LONGEST_FIX = 80
"""Characters of what to do up to which the last line repeats it."""


def told(error: Exception) -> tuple[str, int]:
    """Return what stderr shows of an error, and the exit code of the process."""
    mistake = as_mistake(error)
    if mistake is None:
        return _of_unknown(error), 1
    errors = getattr(mistake, "errors", (mistake,))
    closing = [f"{len(errors)} mistakes. Nothing was run. Docs: {PAGE}"] if len(errors) > 1 else []
    return "\n".join([*_blocks(errors), *closing, last_line(mistake)]), mistake.exit_code


def as_mistake(error: Exception) -> UserError | None:
    """Return an error as one of the user's that can be explained; None where it is none."""
    if isinstance(error, UserError):
        return error
    known = explained(error)  # asked first: Hydra's error for a missing file is an OSError too
    if known is None and isinstance(error, OSError):
        return storage_error(error, str(output_folder() or ""))
    return known


def together(errors: Sequence[UserError]) -> UserError:
    """Put mistakes together, in the order of the files and lines that they are written in; one stays as it is."""
    ordered = sorted(errors, key=lambda error: (_origin(error) or origins.Origin(""), error.where))
    return ordered[0] if len(ordered) == 1 else Mistakes(ordered)


def last_line(error: UserError) -> str:
    """Return `ERROR [where]: what; what to do`, on one line; a long list of what there is stands above it alone."""
    what, fix = (" ".join(text.split()) for text in (error.what, error.fix))
    link = " " if what.endswith("?") else "; "
    more = len(getattr(error, "errors", ())) - 1
    rest = f" ({more} more above)" if more > 0 else ""
    return f"ERROR [{error.where}]: {what.rstrip('.')}{link + fix if 0 < len(fix) <= LONGEST_FIX else ''}{rest}"


def block(error: UserError) -> str:
    """Return a mistake as it is explained: `file:line  path`, and below it what it is and what to do."""
    place = error.origin or str(_origin(error) or "")
    head = "  ".join(dict.fromkeys(part for part in (place, error.where) if part))
    return "\n".join([head, *(f"  {line}" for text in (error.what, error.fix) for line in text.splitlines())])


def _blocks(errors: Sequence[UserError]) -> list[str]:
    is_one = len(errors) == 1 and not (errors[0].origin or _origin(errors[0]))
    if is_one and len(errors[0].fix) <= LONGEST_FIX:
        return []
    return [text for error in errors for text in (block(error), "")]


def _origin(error: UserError) -> origins.Origin | None:
    place, _, line = error.origin.rpartition(":")
    if place and line.isdigit():
        return origins.Origin(place, int(line))
    return origins.Origin(error.origin) if error.origin else origins.current().of(error.where)


def _of_unknown(error: Exception) -> str:
    logs = [note.removeprefix(LOG_NOTE) for note in getattr(error, "__notes__", []) if note.startswith(LOG_NOTE)]
    if logs:
        text = str(error).strip().splitlines()
        return f"ERROR [{logs[0]}]: {type(error).__name__}: {text[0] if text else ''}; the traceback is in that file"
    trace = "".join(traceback.format_exception(error))
    return f"{trace}ERROR [ml_core]: {type(error).__name__}: {error}; the traceback stands above"
