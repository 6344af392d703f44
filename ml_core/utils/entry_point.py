"""How does a command start, and how does it end when something goes wrong?"""

from __future__ import annotations

import functools
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable
from typing import Any

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml.error import MarkedYAMLError

from ml_core.errors import UserError, nearest
from ml_core.utils import composition
from ml_core.utils.extras import TOP_LEVEL_KEYS
from ml_core.utils.project_root import config_folder, find_project_root

LOG_NOTE = "traceback in "
INTERRUPTED = (
    "ERROR [interrupted]: stopped by Ctrl-C; What was saved so far is in the run's folder, "
    "and the same command with ckpt_path=last goes on from there"
)
EXIT_CONFIG, EXIT_INTERRUPTED = 64, 130

Task = Callable[[DictConfig], Any]


def entry_point(config_name: str) -> Callable[[Task], Callable[..., Any]]:
    """Make a function of the configuration a command: `hydra.main` with this project's paths, rules and messages.

    Composition, `--help`, `--cfg`, `--info` and completion run without importing torch. A mistake of the user ends
    with one message and an exit code (see `ml_core.errors`); the traceback stands in the run's log file. With
    `HYDRA_FULL_ERROR=1` it is shown.

    Args:
        config_name: Primary configuration, such as `train.yaml`.
    """

    def decorate(task: Task) -> Callable[..., Any]:
        @functools.wraps(task)
        def command(cfg: DictConfig | None = None) -> Any:
            if cfg is not None:
                return task(cfg)
            find_project_root()
            composition.install()
            is_full = os.environ.get("HYDRA_FULL_ERROR") == "1"
            os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then leaves the reporting to us
            run = hydra.main(version_base="1.3", config_path=str(config_folder()), config_name=config_name)(task)
            return _reporting(run, is_full)

        return command

    return decorate


def _reporting(run: Callable[[], Any], is_full: bool) -> Any:
    try:
        return run()
    except (KeyboardInterrupt, SystemExit) as error:
        # Lightning ends an interrupted fit with exit(1), after its teardown.
        if not isinstance(error, KeyboardInterrupt) and not isinstance(error.__context__, KeyboardInterrupt):
            raise
        sys.stderr.write(f"{INTERRUPTED}\n")
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        if is_full:
            raise
        sys.stderr.write(f"{_message(error)}\n")
        sys.exit(_exit_code(error))


def _message(error: Exception) -> str:
    """Return what the terminal shows; its last line reads `ERROR [where]: what; what to do`."""
    if isinstance(error, UserError):
        link = " " if error.what.endswith("?") else "; "
        return f"ERROR [{error.where}]: {error.what.rstrip('.')}{link + error.fix if error.fix else ''}"
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        place = f"{_file_of(mark.name)}:{mark.line + 1}:{mark.column + 1}"
        return f"ERROR [{place}]: is no YAML here: {error.problem}; Look at the indentation and quotes of that line"
    if _is_composition_error(error):
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        cause = str(error.__cause__).splitlines()[0] if isinstance(error.__cause__, OmegaConfBaseException) else ""
        hint = _nearest_name(f"{error}\n{error.__cause__}")
        return "\n".join([*lines[1:], f"ERROR [configuration]: {lines[0]} {cause}".rstrip() + hint])
    logs = [note.removeprefix(LOG_NOTE) for note in getattr(error, "__notes__", []) if note.startswith(LOG_NOTE)]
    if logs:
        text = str(error).strip().splitlines()
        return f"ERROR [{logs[0]}]: {type(error).__name__}: {text[0] if text else ''}; the traceback is in that file"
    trace = "".join(traceback.format_exception(error))
    return f"{trace}ERROR [ml_core]: {type(error).__name__}: {error}; the traceback stands above"


def _nearest_name(text: str) -> str:
    """Return a suggestion for a name that Hydra does not know: a section, or an option of a group."""
    section = re.search(r"Key '(\w+)' is not in struct\s+full_key: \1\s", f"{text}\n")
    if section:
        return nearest(section.group(1), TOP_LEVEL_KEYS)
    option = re.search(
        r"Could not find '[\w/]*?([^/']+)'.*?Available options in '[^']*':\n(.*?)\nConfig search", text, re.DOTALL
    )
    return nearest(option.group(1), option.group(2).split()) if option else ""


def _file_of(name: str) -> str:
    return os.path.relpath(name) if os.path.exists(name) else name


def _is_composition_error(error: Exception) -> bool:
    return isinstance(error, (HydraException, OmegaConfBaseException, MarkedYAMLError))


def _exit_code(error: Exception) -> int:
    if isinstance(error, UserError):
        return error.exit_code
    return EXIT_CONFIG if _is_composition_error(error) else 1


def log_traceback(error: BaseException) -> None:
    """Write the traceback to the run's log file, and not to the terminal."""
    record = logging.LogRecord(
        __name__, logging.ERROR, __file__, 0, "The run failed.", None, (type(error), error, error.__traceback__)
    )
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.FileHandler):
            handler.handle(record)
            error.add_note(f"{LOG_NOTE}{handler.baseFilename}")
