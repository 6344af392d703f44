"""How does the wiring look in a terminal?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ml_core.wiring.drawing.boxes import NO_MAKER, NO_READER
from ml_core.wiring.drawing.keys import Key, travelling_keys
from ml_core.wiring.drawing.words import KIND_NAMES, stage_tag, target_name
from ml_core.wiring.graph import Graph

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


def print_tables(graph: Graph, console: Console | None = None) -> None:
    """Print the keys in the order of the flow, the modules with parameters, and the optimizer's groups."""
    from rich.console import Console

    console = console or Console()
    for table in (_keys(graph), _modules(graph), _groups(graph)):
        if table.row_count:
            console.print(table)


def _keys(graph: Graph) -> Table:
    table = _table("Keys", "key", "made by", "read by", "shape", "dtype")
    names = _names(graph)
    for key in travelling_keys(graph):
        is_made = key.source is not None
        name = _plain(key.name, "bold" if is_made else "bold red")
        maker = _plain(names[str(key.source)]) if is_made else _plain(NO_MAKER, "bold red")
        table.add_row(
            name, maker, _readers(key, names), _plain(_shape(key)), _plain(key.value.dtype if key.value else "")
        )
    return table


def _names(graph: Graph) -> dict[str, str]:
    """Return the label of each step by its path; the path itself where steps share a label."""
    counts = Counter(node.label for node in graph.nodes)
    return {node.path: node.label if counts[node.label] == 1 else node.path for node in graph.nodes}


def _readers(key: Key, names: dict[str, str]) -> Text:
    """Return who reads a key, with the parameter where that has another name: `ce(target)`."""
    readers = [
        names[reader.path] + ("" if reader.parameter in ("", key.name) else f"({reader.parameter})")
        for reader in key.readers
    ]
    return _plain(", ".join(readers)) if readers else _plain(NO_READER, "dim")


def _shape(key: Key) -> str:
    return "" if key.value is None or key.value.shape is None else f"[{', '.join(map(str, key.value.shape))}]"


def _modules(graph: Graph) -> Table:
    table = _table("Modules with parameters", "module", "target", "kind", "parameters", "stages")
    for node in graph.nodes:
        if node.parameters is not None:
            cells = (
                node.path,
                target_name(node),
                KIND_NAMES[node.kind],
                f"{node.parameters:,}",
                stage_tag(node) or "all",
            )
            table.add_row(*map(_plain, cells))
    return table


def _groups(graph: Graph) -> Table:
    options = list(dict.fromkeys(name for group in graph.groups for name in group.options))
    table = _table("Optimizer groups", "weights", "parameters", *options)
    for group in graph.groups:
        cells = (group.name, f"{group.parameters:,}", *(group.options.get(name, "") for name in options))
        table.add_row(*map(_plain, cells))
    return table


def _table(title: str, *columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column == "parameters" else "left", overflow="fold")
    return table


def _plain(text: str, style: str = "") -> Text:
    """Return text as it is: rich takes square brackets in a string for markup."""
    from rich.text import Text

    return Text(text, style)
