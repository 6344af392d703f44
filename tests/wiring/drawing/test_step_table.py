"""The tables of one real step."""

from __future__ import annotations

import io

from rich.console import Console

from ml_core.wiring.drawing.step_table import print_step
from ml_core.wiring.dry_run.costs import Cost
from ml_core.wiring.dry_run.statistics import InputStatistics
from ml_core.wiring.one_step import StepReport


def test_every_step_shows_its_time_and_memory_and_every_input_its_spread():
    report = StepReport(
        "cpu",
        [Cost("model.forward_fn.network", "train", 1.234, 3 * 2**20), Cost("backward", "train", 2.0)],
        [InputStatistics("image", "data.transform.normalize", 0.1, 1.0, -0.42, 2.8)],
        {"nets.py:12": 3},
        {"ce": 2.3026},
    )
    file = io.StringIO()
    print_step(report, Console(file=file, width=120))
    lines = [line.strip("│┃ ").split("│") for line in file.getvalue().splitlines()]
    rows = [[cell.strip() for cell in line] for line in lines]
    assert ["model.forward_fn.network", "train", "1.23", "3.00"] in rows
    assert ["backward", "train", "2.00", "0.00"] in rows
    assert ["image", "data.transform.normalize", "0.1", "1", "-0.42", "2.8"] in rows
    assert ["Losses of the training step: ce 2.303"] in rows
    assert ["The host waits for the device at nets.py:12: 3 times a step"] in rows
