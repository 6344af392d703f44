"""How is a mistake planted into an experiment, and what is to be said of it?"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

MARK = "# <-"
"""Comment on the line that a message must name."""

ALONE = "# @package _global_\n\ndefaults:\n  - override /model: classifier\n\ndata:\n  batch_size: 64\n"
"""The least experiment that a mistake is planted into."""


@dataclass(frozen=True)
class Planted:
    """One mistake.

    Attributes:
        name: What is wrong, in a few words.
        yaml: The part of an experiment that is wrong; keys of the experiment that it has too are replaced.
        level: Lowest level of the check that can see it: 0 composition, 1 names, 2 flow, 3 the run.
        where: YAML path that the message names; `{file}` stands for the experiment's file.
        what: What happened; `{folder}` stands for the run's output folder, `{tests}` for that of the tests.
        fix: What to do about it.
        is_raw: Whether `yaml` is put behind the experiment as it is, because it cannot be read.
        without: Text that is taken out of the experiment first.
    """

    name: str
    yaml: str
    level: int
    where: str
    what: str
    fix: str = ""
    is_raw: bool = False
    without: str = ""

    def into(self, experiment: str) -> str:
        """Return the text of an experiment with the mistake in it."""
        text = experiment.replace(self.without, "")
        return f"{text}{self.yaml}" if self.is_raw else "\n".join(_merged(text.splitlines(), self.lines)) + "\n"

    @property
    def lines(self) -> list[str]:
        """The lines of `yaml`."""
        return self.yaml.splitlines()


def line_of(text: str) -> int:
    """Return the number of the line with the mark, from 1."""
    (number,) = (number for number, line in enumerate(text.splitlines(), 1) if MARK in line)
    return number


def takes(
    *targets: Callable[..., Any], without: Sequence[str] = (), first: Sequence[str] = (), also: Sequence[str] = ()
) -> str:
    """Return `It takes: ...` with the keyword arguments of callables, as Python itself tells them.

    Args:
        targets: A callable, and those that it hands its `**kwargs` to.
        without: Names to leave out.
        first: Names to begin with.
        also: Names that only documentation tells.
    """
    parameters = [p for target in targets for p in inspect.signature(target).parameters.values()]
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    names = dict.fromkeys(name for name in (*first, *named, *also) if name not in without)
    return f"It takes: {', '.join(names)}."


def _merged(lines: list[str], new: list[str]) -> list[str]:
    """Put the entries of one block of YAML into another, line by line, so that comments and order stay."""
    blocks = dict(_entries(lines))
    for key, entry in _entries(new):
        old = blocks.get(key)
        if old and _is_mapping(old) and _is_mapping(entry):
            entry = [entry[0], *_merged(old[1:], entry[1:])]
        blocks[key] = entry
    return [line for entry in blocks.values() for line in entry]


def _entries(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the key of every entry of a block, with its lines; comments and empty lines belong to the one before."""
    depth = min((_depth(line) for line in lines if _key(line)), default=0)
    starts = [at for at, line in enumerate(lines) if _key(line) and _depth(line) == depth]
    if starts and starts[0]:
        yield "", lines[: starts[0]]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=False):
        yield _key(lines[start]), lines[start:end]


def _is_mapping(entry: list[str]) -> bool:
    inside = [line for line in entry[1:] if line.strip() and not line.lstrip().startswith("#")]
    return bool(inside and _key(inside[0]))


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _key(line: str) -> str:
    found = re.match(r"\s*([^\s#\-][^:]*):(\s|$)", line)
    return found.group(1) if found else ""
