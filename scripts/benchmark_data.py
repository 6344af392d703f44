"""How fast does data come, against the plainest way to do the same?

Prints one table of ratios, with limits and memory. Every line is measured in this process, both sides in turns, on
one core unless it says otherwise.

Run:
    python scripts/benchmark_data.py
    python scripts/benchmark_data.py --sizes 1000 60000 1000000 --topics cache
"""

from __future__ import annotations

import argparse
import importlib
import logging
import pkgutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts import data_benchmarks
from scripts.data_benchmarks.row import Row

SIZES = (1_000, 10_000, 60_000, 100_000, 1_000_000)
Topic = Callable[[Sequence[int]], Iterator[Row]]


def topics() -> dict[str, Topic]:
    """Return what can be measured: every module of `scripts/data_benchmarks` that has a function `rows`."""
    names = [module.name for module in pkgutil.iter_modules(data_benchmarks.__path__)]
    modules = {name: importlib.import_module(f"{data_benchmarks.__name__}.{name}") for name in names}
    return {name: module.rows for name, module in modules.items() if hasattr(module, "rows")}


def main() -> None:
    """Print the table line by line, as it comes; end with 1 if a limit was not kept."""
    import torch
    from rich.console import Console
    from rich.table import Table

    known = topics()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of samples")
    parser.add_argument("--topics", nargs="+", default=list(known), choices=known)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    logging.getLogger("ml_core").setLevel(logging.ERROR)
    table = Table("what", "baseline", "ours", "ratio", "limit", "kept", "memory (MiB)", title="Data, as ratios")
    broken = 0
    for topic in arguments.topics:
        for row in known[topic](arguments.sizes):
            table.add_row(*cells(row), end_section=False)
            broken += not row.is_kept
            print(" | ".join(cells(row)), file=sys.stderr, flush=True)
        table.add_section()
    Console(width=200).print(table)
    sys.exit(1 if broken else 0)


def cells(row: Row) -> list[str]:
    """Return a row as the cells of the table."""
    memory = "" if row.memory is None else f"{row.memory:,.0f}"
    kept = ("yes" if row.is_kept else "NO") if row.limit else ""
    return [row.name, row.baseline, row.ours, f"{row.ratio:.2f}", row.limit, kept, memory]


if __name__ == "__main__":
    main()
