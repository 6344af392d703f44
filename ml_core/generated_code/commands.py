"""What can be done with the generated functions of an experiment, without training?"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Mapping

from ml_core.errors import PolicyError
from ml_core.generated_code.approval import approve, copy_of, place_of
from ml_core.generated_code.order import GENERATE, Order
from ml_core.generated_code.policy import check_code
from ml_core.generated_code.provenance import Generated, read
from ml_core.generated_code.validation import Report, validate
from ml_core.generated_code.writing import ensure_written


def show_line(path: str, order: Order) -> None:
    """Print state, node and file of a function, in one line."""
    _say(f"{order.state:<10} {path}  {place_of(order.file)}")


def show(path: str, order: Order) -> None:
    """Print the whole file of a function."""
    show_line(path, order)
    _say(_existing(order).text)


def generate(path: str, order: Order) -> None:
    """Have a function written where there is none."""
    ensure_written(order)
    show_line(path, order)


def validate_again(path: str, order: Order) -> None:
    """Look at a function with today's policy and try it out.

    Raises:
        PolicyError: If it does not pass.
    """
    report = _looked_at(order)
    _say(f"passed     {path}  limits: {', '.join(report.limits) or 'none'}")


def approve_shown(path: str, order: Order) -> None:
    """Print a function, what its trial showed and what is new in it, and add it to `transforms.lock`.

    Raises:
        PolicyError: If it does not pass policy and trial.
    """
    generated, report = _existing(order), _looked_at(order)
    show(path, order)
    _say(f"Policy and trial: passed; limits: {', '.join(report.limits) or 'none'}")
    diff(path, order)
    approve(generated)
    _say(f"approved   {path}  {place_of(order.file)}")


def diff(path: str, order: Order) -> None:
    """Print a file as it is against the file as it was approved."""
    new = order.file.read_text(encoding="utf-8") if order.file.exists() else ""
    copy = copy_of(order.file)
    if not copy.exists():
        _say(f"{path}: nothing was approved before.")
        return
    place = place_of(order.file)
    lines = difflib.unified_diff(
        copy.read_text(encoding="utf-8").splitlines(),
        new.splitlines(),
        f"approved {place}",
        f"now {place}",
        lineterm="",
    )
    _say("\n".join(lines) or f"{path}: as it was approved.")


COMMANDS: Mapping[str, Callable[[str, Order], None]] = {
    "list": show_line,
    "show": show,
    "generate": generate,
    "validate": validate_again,
    "approve": approve_shown,
    "diff": diff,
}


def _existing(order: Order) -> Generated:
    if not order.file.exists():
        raise PolicyError(place_of(order.file), "is not written yet.", f"Have it written: {GENERATE}")
    return read(order.file, order.prompt.key)


def _looked_at(order: Order) -> Report:
    generated = _existing(order)
    check_code(generated.code, order.prompt.name, order.prompt.parameters, str(order.file))
    report = validate(generated.code, order.prompt, order.new_key, order.contract)
    if report.faults:
        raise PolicyError(place_of(order.file), f"does not pass its trial:\n{report}")
    return report


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
