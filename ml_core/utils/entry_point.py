"""How does a command start, and how does it end when something goes wrong?"""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import RunMode
from omegaconf import DictConfig

from hydra_plugins import ml_core_sweeper
from ml_core.utils import composition, sweep_check
from ml_core.utils.arguments import Arguments, read
from ml_core.utils.completion import completed
from ml_core.utils.project_root import config_folder, find_project_root, own_config_folder
from ml_core.utils.ranks import same_trial
from ml_core.utils.report import LOG_NOTE, told
from ml_core.utils.search_path import before_packaged, make_importable

INTERRUPTED = "ERROR [interrupted]: stopped by Ctrl-C"
EXIT_INTERRUPTED, EXIT_PIPE = 130, 141

OURS = "ML_CORE_REPORTS_ERRORS"
"""Set where HYDRA_FULL_ERROR=1 is our own doing."""

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
            composition.install()
            ml_core_sweeper.install()
            sweep_check.install()
            is_full = _take_over_reporting()
            main = hydra.main(version_base="1.3", config_path=str(config_folder()), config_name=config_name)
            run = main(same_trial(task))
            return _reporting(functools.partial(_start, run), is_full)

        return command

    return decorate


def _take_over_reporting() -> bool:
    """Have Hydra leave errors to us, here and in the processes that this one starts.

    Returns:
        Whether the user has asked for whole tracebacks.
    """
    is_full = os.environ.get("HYDRA_FULL_ERROR") == "1" and OURS not in os.environ
    if not is_full:
        os.environ["HYDRA_FULL_ERROR"] = os.environ[OURS] = "1"
        job: Any = JobReturn
        job.return_value = property(_result, job.return_value.fset)  # Hydra's own writes a line to stderr
        logging.raiseExceptions = False  # a full disk is told once, by us, and not by every line of the log
    return is_full


def _result(job: JobReturn) -> Any:
    """Return what a job returned, or raise what ended it."""
    if job.status == JobStatus.FAILED:
        raise job._return_value
    return job._return_value


def _start(run: Callable[[], Any]) -> Any:
    """Put the command line in order and the user's own folders on the search paths, and run."""
    arguments = _arguments()
    root, own = find_project_root(), own_config_folder(arguments.value_of("--config-dir"))
    make_importable([*([own.parent] if own else []), Path.cwd(), root])
    is_replaced = arguments.has("--config-path") or arguments.has("--experimental-rerun")
    with before_packaged(None if is_replaced else own):
        return run()


def _arguments() -> Arguments:
    """Return what was typed, and leave it in order where Hydra, and the processes that Lightning starts, read it."""
    arguments = read(sys.argv[1:])
    if arguments.has("--shell-completion") and "COMP_LINE" in os.environ:
        arguments, os.environ["COMP_LINE"] = completed(arguments, os.environ["COMP_LINE"])
    sys.argv[1:] = arguments.words
    return arguments


def _reporting(run: Callable[[], Any], is_full: bool) -> Any:
    try:
        return run()
    except (KeyboardInterrupt, SystemExit) as error:
        # Lightning ends an interrupted fit with exit(1), after its teardown.
        if not isinstance(error, KeyboardInterrupt) and not isinstance(error.__context__, KeyboardInterrupt):
            raise
        sys.stderr.write(f"{INTERRUPTED}; {_how_to_go_on()}\n")
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_PIPE)
    except Exception as error:
        if is_full:
            raise
        text, code = told(error)
        sys.stderr.write(f"{text}\n")
        sys.exit(code)


def _how_to_go_on() -> str:
    if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
        return "A search with hydra.sweeper.storage and study_name goes on with the same command"
    return "What was saved so far is in the run's folder, and the same command with ckpt_path=last goes on from there"


def log_traceback(error: BaseException) -> None:
    """Write the traceback to the run's log file, and not to the terminal."""
    record = logging.LogRecord(
        __name__, logging.ERROR, __file__, 0, "The run failed.", None, (type(error), error, error.__traceback__)
    )
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.FileHandler):
            handler.handle(record)
            error.add_note(f"{LOG_NOTE}{handler.baseFilename}")
