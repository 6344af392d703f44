"""What did one real step cost, and on what numbers did it run? As tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from ml_core.wiring.one_step import StepReport

MEBIBYTE = 2**20


def print_step(report: StepReport, console: Console | None = None) -> None:
    """Print time and memory of every named step, what the network gets to read, and the losses.

    Args:
        report: Of level 3.
        console: The terminal by default.
    """
    console = console or Console()
    console.print(_costs(report))
    if report.inputs:
        console.print(_inputs(report))
    losses = ", ".join(f"{name} {value:.4g}" for name, value in report.losses.items())
    console.print(f"Losses of the training step: {losses or 'none'}")
    for place, times in report.host_reads.items():
        console.print(f"The host waits for the device at {place}: {times} times a step")


def _costs(report: StepReport) -> Table:
    table = Table(
        "step", "stage", "time (ms)", "keeps (MiB)", title=f"One step on {report.device}", title_justify="left"
    )
    for cost in report.costs:
        table.add_row(cost.path, cost.stage, f"{cost.milliseconds:.2f}", f"{cost.kept / MEBIBYTE:.2f}")
    return table


def _inputs(report: StepReport) -> Table:
    table = Table("key", "made by", "mean", "spread", "least", "most", title="Inputs", title_justify="left")
    for line in report.inputs:
        numbers = (f"{number:.4g}" for number in (line.mean, line.spread, line.least, line.most))
        table.add_row(line.key, line.maker, *numbers)
    return table
