"""What did a function that failed know: which file did it read, what was it asked for?

The libraries' exceptions seldom say it; the variables of their traceback do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ml_core.errors import listed

FILE_VARIABLES = ("file", "filename")


class Found:
    """What the tracebacks of an error and of its causes tell.

    Args:
        error: The error.
        where: YAML path of the source.

    Attributes:
        causes: The error and what it came from, innermost first.
        variables: `{name: value}` of all functions on the way, innermost first.
    """

    def __init__(self, error: BaseException, where: str) -> None:
        self.where = where
        self.causes = list(causes_of(error))[::-1]
        self.variables = [frame for cause in self.causes for frame in variables_of(cause)[::-1]]

    @property
    def file(self) -> str | None:
        """The file that was being read."""
        files = (frame.get(name) for frame in self.variables for name in FILE_VARIABLES)
        return next((str(file) for file in files if isinstance(file, (str, Path))), None)

    @property
    def place(self) -> str:
        """The file that was being read, or else the YAML path."""
        return self.file or self.where

    def asked(self, *names: str) -> str | None:
        """Return what `load_dataset` was asked for by one of these arguments."""
        call = next((frame for frame in self.variables[::-1] if "data_files" in frame and "path" in frame), {})
        values = (call.get(name) for name in names)
        return next((in_words(value) for value in values if value is not None), None)

    def first(self, name: str, kind: str) -> Any:
        """Return the innermost variable of a name whose type is called so."""
        values = (frame.get(name) for frame in self.variables)
        return next((value for value in values if type(value).__name__ == kind), None)


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def variables_of(error: BaseException) -> list[dict[str, Any]]:
    """Return the variables of the functions that an error went through, outermost first."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        frames.append(dict(trace.tb_frame.f_locals))
        trace = trace.tb_next
    return frames


def in_words(value: Any) -> str:
    """Return a path, or several however they are nested, as text."""
    if isinstance(value, Mapping):
        return listed(in_words(part) for part in value.values())
    return listed(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
