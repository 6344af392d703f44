"""What do the folds of a cross-validation come to?

Prints, for every value that the runs of a multirun logged, the mean and the spread over its runs: of the last value
of each run, which for `val/best` is the best one. The spread is the sample standard deviation.

Run: python ml_core/train.py -m experiment=example data.num_folds=5 'data.fold=range(5)'
     python scripts/cross_validation.py logs/train/multiruns/<date>
"""

from __future__ import annotations

import csv
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ml_core.errors import DataError, UserError, listed

METRICS = "metrics.csv"
NOT_COMPARED = ("epoch", "step")
TOGETHER = "Run all of them in one multirun: data.fold=range(<num_folds>)."
COLUMNS = ("mean", "spread", "lowest", "highest")


def main(arguments: Sequence[str]) -> None:
    """Print the table of a multirun's folder."""
    if len(arguments) != 1:
        sys.exit("Give the folder of one multirun: python scripts/cross_validation.py logs/train/multiruns/<date>")
    try:
        print(table(Path(arguments[0])))
    except UserError as error:
        print(f"ERROR {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def table(folder: Path) -> str:
    """Return the table of a multirun.

    Raises:
        DataError: If the folder holds no runs, a fold is missing, or the runs logged nothing.
    """
    runs = runs_of(folder)
    require_all_folds(runs)
    values = [last_values(run) for run in runs]
    names = sorted(set.intersection(*map(set, values)) - set(NOT_COMPARED))
    if not names:
        raise DataError(str(folder), "there is no value that every run logged.")
    width = max(map(len, names))
    lines = [f"{len(runs)} runs of {folder}", f"{'':{width}}" + "".join(f"{column:>12}" for column in COLUMNS)]
    for name in names:
        row = [run[name] for run in values]
        figures = (statistics.fmean(row), statistics.stdev(row) if len(row) > 1 else 0.0, min(row), max(row))
        lines.append(f"{name:{width}}" + "".join(f"{figure:12.4g}" for figure in figures))
    return "\n".join(lines)


def runs_of(folder: Path) -> list[Path]:
    """Return the folders of the runs, in order."""
    runs = [path.parent.parent for path in folder.glob("*/.hydra/config.yaml")]
    if not runs:
        raise DataError(str(folder), "is no folder of a multirun.", "Give logs/<task>/multiruns/<date>.")
    return sorted(runs, key=lambda run: (len(run.name), run.name))


def require_all_folds(runs: Sequence[Path]) -> None:
    """Refuse to average over a part of the folds as if these were all."""
    data = [yaml.safe_load((run / ".hydra" / "config.yaml").read_text()).get("data", {}) for run in runs]
    counts = {node.get("num_folds") for node in data}
    if counts == {None}:
        return
    (count, *others) = counts
    missing = sorted(set(range(count or 0)) - {node.get("fold") for node in data})
    if others:
        raise DataError(str(runs[0].parent), "the runs differ in num_folds.", TOGETHER)
    if missing:
        raise DataError(str(runs[0].parent), f"the fold {listed(missing)} of {count} is missing.", TOGETHER)


def last_values(run: Path) -> dict[str, float]:
    """Return the last value of everything that a run logged."""
    path = run / METRICS
    if not path.exists():
        raise DataError(str(path), "does not exist: this run failed early, or had another logger.", "Use logger=csv.")
    with path.open(newline="") as file:
        return {name: float(cell) for row in csv.DictReader(file) for name, cell in row.items() if cell}


if __name__ == "__main__":
    main(sys.argv[1:])
