"""How does a function come to be written? A model is asked, and its answer checked, tried out and kept, once."""

from __future__ import annotations

import os
import time

from ml_core.errors import PolicyError
from ml_core.generated_code.allowed_names import BUILTINS
from ml_core.generated_code.answers import Answer, code_of, keep_aside
from ml_core.generated_code.approval import place_of
from ml_core.generated_code.files import locked, write
from ml_core.generated_code.order import Order
from ml_core.generated_code.policy import check_code
from ml_core.generated_code.provenance import with_header
from ml_core.generated_code.template import question, repair
from ml_core.generated_code.validation import START, Report, validate
from ml_core.utils.pylogger import RankedLogger

log = RankedLogger(__name__)

STARTED = "ML_CORE_STARTED"
"""Environment variable: when the command began, for its ranks, its trials and its workers."""

os.environ.setdefault(STARTED, str(time.time()))


def ensure_written(order: Order, force: bool = False) -> None:
    """Have the function written where there is none; one process does it while the others wait.

    Args:
        order: What is wanted.
        force: Have it written anew, once in a command: not by each rank, and not in each trial of a sweep.

    Raises:
        ConfigError: If there is no key to ask with, or the server refuses the question.
        UnavailableError: If the model does not answer in time, or another process writes for too long.
        PolicyError: If no answer was accepted.
    """
    if not _is_due(order, force):
        return
    if not order.endpoint.has_key:
        raise order.no_key()
    patience = order.attempts * (order.endpoint.timeout + START)
    with locked(order.file.parent, patience):
        if _is_due(order, force):  # another process may have been first
            _write(order)


def _is_due(order: Order, force: bool) -> bool:
    if not order.file.exists():
        return True
    return force and order.file.stat().st_mtime < float(os.environ[STARTED])


def _write(order: Order) -> None:
    prompt = order.prompt
    messages = [{"role": "user", "content": question(prompt.text, sorted(BUILTINS), order.contract)}]
    for attempt in range(1, order.attempts + 1):
        answer = order.endpoint.ask(order.model, messages, order.api_kwargs)
        code, report = _looked_at(answer, order)
        if not report.faults:
            break
        aside = keep_aside(answer, order.file, str(report))
        log.warning("Answer %s of %s is refused and kept in %s:\n%s", attempt, order.attempts, aside, report)
        messages += [
            {"role": "assistant", "content": answer.text or ""},
            {"role": "user", "content": repair(str(report))},
        ]
    else:
        raise PolicyError(
            place_of(order.file),
            f"no answer of {order.model} was accepted, of {order.attempts}. The last one: {'; '.join(report.faults)}",
            f"It is kept in {aside}. Say more in the prompt, or name another model.",
        )
    tried = f"on made-up inputs; limits: {', '.join(report.limits) or 'none'}"
    write(order.file, with_header(code, prompt, order.model, answer.model, tried))
    log.info("Written by %s into %s (%s):\n%s", answer.model, place_of(order.file), tried, code)


def _looked_at(answer: Answer, order: Order) -> tuple[str, Report]:
    """Return the code of an answer and what is wrong with it; what the policy refuses is not run."""
    try:
        code = code_of(answer)
        check_code(code, order.prompt.name, order.prompt.parameters, "answer")
    except PolicyError as error:
        return "", Report([f"{error.where}: {error.what}"], [])
    return code, validate(code, order.prompt, order.new_key, order.contract)
