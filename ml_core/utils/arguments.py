"""What did the user type, and what did they mean?

Hydra reads a command line with argparse: options first, then overrides, or else "unrecognized arguments". Here they
may come in any order, and what is neither an option nor an override is told with what to type in its place.
"""

from __future__ import annotations

import argparse
import shlex
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from ml_core.errors import ConfigError, listed, nearest
from ml_core.utils.extras import TOP_LEVEL_KEYS
from ml_core.utils.option_hints import GROUPS, meant

COMMANDS = ("--run", "--multirun", "--cfg", "--info", "--shell-completion")
"""Options that say what is done; one at a time."""

FORM = "Values are given as key=value, without dashes"
CHECKPOINT = ".ckpt"
PAIRS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Arguments:
    """A command line in order.

    Attributes:
        options: Hydra's options under their long names, with the value where there is one.
        overrides: The rest, in the order in which it was typed.
    """

    options: tuple[tuple[str, str | None], ...]
    overrides: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """The command line as Hydra takes it: options first, each one word."""
        return [name if value is None else f"{name}={value}" for name, value in self.options] + list(self.overrides)

    def value_of(self, name: str) -> str | None:
        """Return the value of an option, the last one where it is given twice; None without it."""
        return next((value for option, value in reversed(self.options) if option == name), None)

    def has(self, name: str) -> bool:
        """Whether an option is given."""
        return any(option == name for option, _ in self.options)


def read(words: Sequence[str]) -> Arguments:
    """Return a command line in order.

    Raises:
        ConfigError: If there is an option that Hydra does not have or that lacks its value, or an override that the
            shell took to pieces.
    """
    arguments = split(words)
    _check_options(arguments)
    _check_overrides(arguments.overrides)
    return arguments


def split(words: Sequence[str]) -> Arguments:
    """Tell options from overrides.

    Raises:
        ConfigError: If an option is not one of Hydra's, or its value is missing or none of its choices.
    """
    rest, known = deque(words), get_args_parser()._option_string_actions
    options: list[tuple[str, str | None]] = []
    overrides: list[str] = []
    while rest:
        word = rest.popleft()
        if not word.startswith("-"):
            overrides.append(word)
        elif word != "--":
            action = _action(word, known)
            if action is None:
                raise _unknown([word, *rest], known)
            options.append((action.option_strings[0], _value(word, action, rest)))
    return Arguments(tuple(options), tuple(overrides))


def _action(word: str, known: dict[str, argparse.Action]) -> argparse.Action | None:
    """Return the option of Hydra's that a word names, also by an unambiguous beginning of its long name."""
    name = word.partition("=")[0]
    if name.lstrip("-") in GROUPS | TOP_LEVEL_KEYS:  # --experiment is no --experimental-rerun
        return known.get(name)
    begun = {id(a): a for o, a in known.items() if len(name) > 2 and name.startswith("--") and o.startswith(name)}
    return known.get(name) or (next(iter(begun.values())) if len(begun) == 1 else None)


def _value(word: str, action: argparse.Action, rest: deque[str]) -> str | None:
    name, equals, value = word.partition("=")
    if action.nargs == 0:
        if equals:
            raise ConfigError(name, "takes no value.", f"Write {name} alone")
        return None
    is_optional = action.nargs == "?"
    if not equals:
        if not rest or rest[0].startswith("-") or (is_optional and "=" in rest[0]):
            if is_optional:
                return str(action.const)
            raise ConfigError(name, "needs a value after it.", f"It is: {action.help}")
        value = rest.popleft()
    if action.choices is not None and value not in action.choices:
        raise ConfigError(
            name, f"is '{value}'.{nearest(value, action.choices)}", f"It takes one of: {listed(action.choices)}"
        )
    return value


def _unknown(words: Sequence[str], known: dict[str, argparse.Action]) -> ConfigError:
    """Word the error for options that Hydra does not have; all of them, with what to type in their place."""
    given = list(_given(deque(words), known))
    told = [found for name, value in given if (found := meant(name, value, known))]
    fix = f"Here: {' '.join(told)}" if told else "Such as trainer.max_epochs=5; --help lists what there is"
    return ConfigError(given[0][0], f"is no option. {FORM}.", fix)


def _given(rest: deque[str], known: dict[str, argparse.Action]) -> Iterator[tuple[str, str | None]]:
    """Yield the unknown options with their values."""
    while rest:
        word = rest.popleft()
        if not word.startswith("-") or word == "--" or _action(word, known):
            continue
        name, equals, value = word.partition("=")
        has_next = bool(rest) and not rest[0].startswith(("-", "~")) and "=" not in rest[0]
        yield name, value if equals else rest.popleft() if has_next else None


def _check_options(arguments: Arguments) -> None:
    given = [name for name in COMMANDS if arguments.has(name)]
    if len(given) > 1:
        raise ConfigError(given[1], f"does not go with {given[0]}: one thing at a time.", "Leave one of them out")
    if arguments.has("--resolve") and not (arguments.has("--cfg") or arguments.has("--help")):
        raise ConfigError("--resolve", "belongs to --cfg or --help.", "For example --cfg job --resolve")


def _check_overrides(overrides: Sequence[str]) -> None:
    parser = OverridesParser.create()
    for at, word in enumerate(overrides):
        try:
            parser.parse_override(word)
        except HydraException:
            _explain(at, overrides)


def _explain(at: int, overrides: Sequence[str]) -> None:
    """Raise for what a shell does to overrides; leave other mistakes to Hydra's own words."""
    before, word, after = ("", *overrides, "")[at : at + 3]
    key = word.partition("=")[0].lstrip("+~")
    if is_open(word):
        raise _in_pieces(key, overrides[at:])
    if before.endswith("="):
        raise ConfigError(before.rstrip("="), "has a space behind its '='.", f"Write {before}{word}")
    if after.startswith("="):
        raise ConfigError(word, "has a space before its '='.", "Write key=value in one")
    if word.endswith(CHECKPOINT):
        raise ConfigError(word, f"is a checkpoint, but no override: it has no '='. {FORM}.", f"Write ckpt_path={word}")
    if "=" not in word and not word.startswith("~"):
        quoted = f"; if it belongs to the word before, quote both: {shlex.quote(f'{before} {word}')}" if before else ""
        raise ConfigError(word, f"is no override: it has no '='. {FORM}.", f"Such as experiment=example{quoted}")


def _in_pieces(key: str, words: Sequence[str]) -> ConfigError:
    whole = next((end for end in range(2, len(words) + 1) if not is_open(" ".join(words[:end]))), None)
    if whole is None:
        return ConfigError(key, f"'{words[0]}' opens a bracket or a quote that nothing closes.", "Close it")
    pieces = words[:whole]
    return ConfigError(
        key,
        f"came in pieces: {listed(repr(piece) for piece in pieces)}.",
        f"Quote it, so that the shell leaves it whole: {shlex.quote(' '.join(pieces))}",
    )


def is_open(text: str) -> bool:
    """Whether a bracket or a quote begins in a text and does not end in it."""
    closing: list[str] = []
    quote, is_escaped = "", False
    for character in text:
        if is_escaped or character == "\\":
            is_escaped = not is_escaped
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in PAIRS:
            closing.append(PAIRS[character])
        elif closing and character == closing[-1]:
            closing.pop()
    return bool(closing or quote)
