"""What did Hydra, OmegaConf or YAML refuse, in the words of this project?"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import GrammarParseError, OmegaConfBaseException
from yaml.error import MarkedYAMLError

from ml_core.errors import ConfigError, listed, nearest
from ml_core.utils import defaults_errors, origins
from ml_core.utils.composition import last_loader
from ml_core.utils.extras import TOP_LEVEL_KEYS

QUOTES = (
    "Put quotes round what holds spaces, commas, brackets or '=': once for the shell, and once more inside for Hydra "
    "where the value is text: 'key=\"a=b\"'."
)

INTERPOLATION = "An interpolation reads ${key.of.another.value}, with both brackets."


def explained(error: Exception) -> ConfigError | None:
    """Return a mistake in a composition as an error that says where, what and what to do; None for other errors."""
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        return _of_yaml(error)
    if isinstance(error, OverrideParseException):
        reason = str(error).splitlines()[0]
        return _typed(error.override, f"cannot be read as key=value: {reason}.", QUOTES)
    text = f"{error}\n{error.__cause__ or ''}"
    is_of_hydra = isinstance(error, (HydraException, OmegaConfBaseException))
    for pattern, explain in (*_OF_FILES, *(_KINDS if is_of_hydra else ())):
        found = re.search(pattern, text, re.DOTALL)
        if found and (explanation := explain(text, *found.groups())):
            return explanation
    return _other(error, text) if is_of_hydra else None


def _other(error: Exception, text: str) -> ConfigError:
    key = getattr(error, "full_key", None) or getattr(error.__cause__, "full_key", None)
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("    ")]
    what = f"{' '.join(lines[:3]).rstrip('.') or type(error).__name__}."
    if isinstance(error.__cause__, GrammarParseError):
        explanation = ConfigError(key or "configuration", f"holds no readable interpolation: {what}", INTERPOLATION)
    else:
        explanation = ConfigError(key or "configuration", what)
    explanation.origin = defaults_errors.place_of(str(key))
    return explanation


def _of_yaml(error: MarkedYAMLError) -> ConfigError:
    mark = error.problem_mark
    assert mark is not None
    name = origins.shown(mark.name) if os.path.exists(mark.name) else mark.name
    return ConfigError(
        f"{name}:{mark.line + 1}:{mark.column + 1}",
        f"is no YAML here: {error.problem}.",
        "Look at the indentation and quotes of that line.",
    )


def _no_option(text: str, path: str) -> ConfigError:
    group, _, option = path.rpartition("/")
    options = _options(group)
    what = f"there is no option '{option}' of the group '{group}'.{nearest(option, options)}"
    fix = f"Options: {listed(options)}."
    if not options:
        groups = _groups()
        what, fix = f"there is no group '{group}'.{nearest(group, groups)}", f"Groups: {listed(groups)}."
    elif not option:
        what = f"no option of the group '{group}' is named."
    return _placed(text, ConfigError(group, what, fix), group, option)


def _no_key(text: str, key: str) -> ConfigError:
    if "/" in key or "@" in key:
        name = key.split("@")[0]
        groups = _groups()
        if name in groups:
            return _placed(text, _not_taken_in(key, name), key)
        return _placed(
            text,
            ConfigError(key, f"there is no group '{name}' here.{nearest(name, groups)}", f"Groups: {listed(groups)}."),
            key,
        )
    parent, _, name = key.rpartition(".")
    section = key.split(".")[0]
    if not parent or section not in (*TOP_LEVEL_KEYS, "hydra"):
        outermost = (group for group in _groups() if "/" not in group)
        known = sorted({*TOP_LEVEL_KEYS, *origins.current().keys_under(""), *outermost} - {"hydra"})
        longer = [path for path in origins.current().keys_ending_in(key) if not path.startswith("hydra.")]
        hint = f" Did you mean '{longer[0]}'?" if longer else nearest(section, known)
        what = f"there is no '{section}' at the top level, so it would change nothing.{hint}"
        return _placed(text, ConfigError(section, what, f"There are: {listed(known)}."), key)
    keys = origins.current().keys_under(parent)
    fix = f"There are: {listed(keys)}." if keys else "python ml_core/train.py --cfg all shows what there is."
    return _placed(text, ConfigError(key, f"{parent} has no key '{name}'.{nearest(name, keys)}", fix), key)


def _not_taken_in(key: str, group: str) -> ConfigError:
    section, _, part = group.rpartition("/")
    node = group.replace("/", ".")
    what = f"there is a group '{group}', but the chosen {section or 'configuration'} is not made of it."
    if not section:
        return ConfigError(key, what, f"Add it: +{key}=<option>")
    other = f"Choose a {section} whose list of defaults names '{part}'"
    return ConfigError(key, what, f"{other}, or set the node itself: {node}._target_=<target>")


def _chosen_twice(text: str, group: str) -> ConfigError:
    return _placed(
        text,
        ConfigError(
            group, f"the group '{group}' has a choice already.", f"Leave the plus sign away: {group}=<option>."
        ),
        group,
    )


def _ambiguous(text: str, override: str) -> ConfigError:
    key, _, value = override.lstrip("+").partition("=")
    fix = f"A list is written '{key}=[{value}]'; several runs, one a value, need -m in front."
    return _typed(override, "names several values for one run.", fix)


def _needs_multirun(text: str, override: str) -> ConfigError:
    return _typed(override, "is a sweep over several values.", "Put -m in front of the overrides.")


def _nothing_to_delete(text: str, key: str) -> ConfigError:
    parent, _, name = key.strip("~").rpartition(".")
    keys = origins.current().keys_under(parent) if parent else sorted(TOP_LEVEL_KEYS)
    what = f"there is no '{key}' to take away.{nearest(name, keys)}"
    return _placed(text, ConfigError(key, what, f"There are: {listed(keys)}."), key)


def _no_primary(text: str, name: str) -> ConfigError:
    return ConfigError(
        "--config-name", f"there is no configuration '{name}'.", "Give one that --info searchpath finds."
    )


def _not_of_hydra(text: str, name: str, schema: str) -> ConfigError | None:
    """Word that a file sets an option that Hydra does not have; None where no file does."""
    for file in defaults_errors.chosen_files():
        for path, line in origins.marks(file.read_text(encoding="utf-8")):
            if path.startswith("hydra.") and path.rpartition(".")[2] == name:
                parent = path.rpartition(".")[0]
                is_search = schema == "BasicSweeperConf"
                fix = "Choose the sweeper that has it: - override /hydra/sweeper: optuna" if is_search else ""
                error = ConfigError(path, f"{parent} has no option '{name}'.", fix)
                error.origin = str(origins.Origin(origins.shown(file), line))
                return error
    return None


_OF_FILES: tuple[tuple[str, Callable[..., ConfigError | None]], ...] = (
    (r"Multiple values for ([\w/]+)\. To override", defaults_errors.no_override),
    (r"Could not find '(experiment|debug|hparams_search|local)/(\w+)/\w+'", defaults_errors.no_slash),
    (r"Could not override '(experiment|debug|hparams_search|local)/(\w+)@\w+'", defaults_errors.no_slash),
    (r"Could not override '[\w/]+@((?:experiment|debug|hparams_search|local)\.\w+)'", defaults_errors.no_header),
    (r"Could not override '/?([\w/]+)@([\w.]+)\.\1'", defaults_errors.of_another_group),
    (r"(\S+) appears more than once in the final defaults list", defaults_errors.chosen_twice),
    (
        r"In '([^']+)': [^\n]*\n?Cannot merge (?:DictConfig with ListConfig|ListConfig with DictConfig)",
        defaults_errors.list_for_mapping,
    ),
    (r"Key '([^']+)' not in '(\w+)'", _not_of_hydra),
    (r"Could not load '([^']*)'", defaults_errors.no_entry),
    (r"Invalid defaults list in '([^']*)'", defaults_errors.no_list),
)
"""Told with the entry of the file where it is found there."""

_KINDS: tuple[tuple[str, Callable[..., ConfigError]], ...] = (
    (r"Could not find '([^']*/[^']*)'", _no_option),
    (r"Could not override '([^']*)'", _no_key),
    (r"looks like a config group override, but config group '([^']*)'", _no_key),
    (r"Multiple values for ([\w/@.]+)\.", _chosen_twice),
    (r"Ambiguous value for argument '(.*?)'\n", _ambiguous),
    (r"Sweep parameters '(.*)' requires --multirun", _needs_multirun),
    (r"Could not delete (?:from config\. )?'([^']*)'", _nothing_to_delete),
    (r"Cannot find primary config '([^']*)'", _no_primary),
)


def _typed(override: str, what: str, fix: str) -> ConfigError:
    error = ConfigError(override.lstrip("+").partition("=")[0] or override, what, fix)
    error.origin = f"command line: {_as_typed(override)}"
    return error


def _placed(text: str, error: ConfigError, key: str, option: str = "") -> ConfigError:
    """Say where a group or key was named: in the file that Hydra names, or on the command line."""
    error.origin = _in_file(text, key, option)
    typed = [word for word in sys.argv[1:] if word.lstrip("+~").partition("=")[0] == key.lstrip("+~")]
    if typed and option in typed[-1]:
        error.origin = f"command line: {typed[-1]}"
    return error


def _in_file(text: str, key: str, option: str) -> str:
    """Return file and line of an entry of a defaults list, of the file that Hydra names or of one that it takes in."""
    inside = re.search(r"In '([^']+)'", text)
    named = inside.group(1).removesuffix(".yaml") + ".yaml" if inside else ""
    folders = [folder for folder in defaults_errors.config_folders() if folder.is_dir()]
    files = [folder / named for folder in folders if named and (folder / named).is_file()]
    for file in [*files, *(path for folder in folders for path in sorted(folder.rglob("*.yaml")))]:
        line = _line_of(file, key, option)
        if line:
            return str(origins.Origin(origins.shown(file), line))
    return origins.shown(files[0]) if files else ""


def _line_of(file: Path, key: str, option: str) -> int:
    last = re.escape(key.rpartition("/")[2])
    pattern = re.compile(rf"^\s*-.*[\s/]{last}(@\S+)?\s*:\s*['\"]?{re.escape(option) or '.*'}['\"]?\s*(#.*)?$")
    lines = file.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if pattern.search(line)), 0)


def _as_typed(override: str) -> str:
    return next((word for word in sys.argv[1:] if word.lstrip("+") == override.lstrip("+")), override)


def _options(group: str) -> list[str]:
    loader = last_loader()
    return [] if loader is None else [name for name in loader.get_group_options(group) if not name.startswith("from_")]


def _groups(parent: str = "") -> list[str]:
    """Return the config groups of this project and of the user's, nested ones as `model/optimizer`."""
    loader = last_loader()
    if loader is None or parent.count("/") > 2:
        return []
    names = [f"{parent}/{name}".lstrip("/") for name in loader.list_groups(parent)]
    groups = [(name, _groups(name)) for name in names if name != "hydra"]
    return [group for name, nested in groups if nested or _options(name) for group in (name, *nested)]
