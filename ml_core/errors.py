"""What a user can get wrong, as exceptions that say where, what and what to do.

Every class carries the process exit code that the entry points end with, after BSD's sysexits.h, so that a
scheduler can tell a typo (64) from bad data (65) or a full disk (74).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class UserError(Exception):
    """A mistake that one message explains; the entry points print it without a traceback.

    Attributes:
        where: YAML path or file that the message is about.
        what: What happened, with what was asked and what exists.
        fix: What to do about it.
        origin: File and line, or override, that it was written in, where the one that tells it knows better than
            the path does.
        rows: Rows of the split that are at fault, where it would do to leave them out.
    """

    exit_code = 70
    origin = ""
    rows: Sequence[int] = ()

    def __init__(self, where: str, what: str | None = None, fix: str = "") -> None:
        if what is None:  # a data loader's worker hands its error over as one text
            self.add_note(where)  # its traceback, for the log
            where, what = _of_worker(where)
        super().__init__(where, what, fix)
        self.where, self.what, self.fix = where, what, fix

    def __str__(self) -> str:
        return f"{self.where}: {self.what}{' ' + self.fix if self.fix else ''}"

    def within(self, prefix: str) -> None:
        """Put `prefix` before the path, for the part that knows where it stands, before the error goes on."""
        self.where = f"{prefix}.{self.where}" if self.where else prefix


class Mistakes(UserError):
    """Several mistakes that are told together; ends with the exit code of the first.

    Attributes:
        errors: The mistakes, in the order in which they are told.
    """

    def __init__(self, errors: Sequence[UserError]) -> None:
        first = errors[0]
        super().__init__(first.where, first.what, first.fix)
        self.errors = tuple(errors)
        self.exit_code = first.exit_code

    def __reduce__(self) -> tuple[type[Mistakes], tuple[tuple[UserError, ...]]]:
        return Mistakes, (self.errors,)


def _of_worker(text: str) -> tuple[str, str]:
    """Return where and what of an error whose text ends as a traceback does: `type: where: what`."""
    where, _, what = text.strip().splitlines()[-1].partition(": ")[2].partition(": ")
    return where, what


class ConfigError(UserError, ValueError):
    """The configuration asks for something that does not exist or does not fit."""

    exit_code = 64


class BatchKeyError(ConfigError, KeyError):
    """A step reads a batch key that nothing made."""

    __str__ = UserError.__str__


class BatchTypeError(ConfigError, TypeError):
    """What should be a batch is no dict of named values."""


class MissingPackageError(ConfigError, ImportError):
    """A `_target_` lives in a package that is not installed."""


class DataError(UserError, ValueError):
    """The data set does not hold what the run needs."""

    exit_code = 65


class StorageError(UserError, OSError):
    """A checkpoint cannot be read or written."""

    exit_code = 74

    __str__ = UserError.__str__


class UnavailableError(UserError, ConnectionError):
    """A service does not answer now; the same command may do later."""

    exit_code = 75

    __str__ = UserError.__str__


class PolicyError(UserError, PermissionError):
    """Something is refused because it would run code that nobody vouched for."""

    exit_code = 77

    __str__ = UserError.__str__


class NumericsError(UserError, ArithmeticError):
    """A loss, a gradient or a weight is no longer a finite number."""


class OutOfMemoryError(UserError, MemoryError):
    """The memory of the machine or of its accelerator ran out."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?` for the closest known name, or nothing."""
    names = [str(k) for k in known]
    close = difflib.get_close_matches(str(name), names, n=1)
    close = close or [other for other in names if other.lower() == str(name).lower()]
    return f" Did you mean '{close[0]}'?" if close else ""


def listed(names: Iterable[object]) -> str:
    """Return names as a comma-separated list, `none` when empty."""
    return ", ".join(str(n) for n in names) or "none"
