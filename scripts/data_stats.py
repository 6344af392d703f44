"""Print what a data set holds, and write it with samples as one HTML file that needs nothing else.

Run:
    python scripts/data_stats.py experiment=data/csv

It takes what `ml_core/train.py` takes. For every split: rows, and for every column its type, its values, lengths and
missing cells, and how often each class comes. The page adds a contact sheet of the images, or a table of samples.
"""

from __future__ import annotations

import base64
import html
import io
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if not __package__:  # run as a script
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ml_core.utils.entry_point import entry_point

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from torch import Tensor

    from ml_core.data.statistics import Column, Summary

PICTURES, TABLE_ROWS = 48, 16
MOST_CELL = 160
PALETTE = ((0, 0, 0), (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0))
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1c2733 }
h1 { font-size: 1.5rem } h2 { margin-top: 2.2rem; border-bottom: 1px solid #d5dce3 } h3 { font-size: 1rem }
table { border-collapse: collapse; margin: .6rem 0 } td, th { padding: .2rem .8rem .2rem 0; text-align: left;
vertical-align: top } th { color: #5b6b7a; font-weight: 600 } td.number, th.number { text-align: right;
font-variant-numeric: tabular-nums } .samples td { max-width: 22rem; overflow-wrap: anywhere }
.bar { background: #4a7fb5; height: .8rem; min-width: 1px } .track { width: 16rem } .sheet { display: flex;
flex-wrap: wrap; gap: .6rem } figure { margin: 0; text-align: center; font-size: .8rem; max-width: 12rem }
figure img { height: 88px; image-rendering: pixelated; border: 1px solid #d5dce3 } svg { display: block }
"""


def show(cfg: DictConfig) -> Path:
    """Print the tables of a configuration's data and return the page that was written."""
    from ml_core.data.statistics import summarized
    from ml_core.utils.extras import output_folder, use_data_folder
    from ml_core.utils.instantiators import Builder

    use_data_folder(cfg.paths.data_dir)
    datamodule = Builder(cfg).build("data")
    datamodule.prepare_data()
    datamodule.setup()
    parts = {part.split: part.rows for parts in datamodule.sets.values() for part in parts}
    known = {name: parts[name] for name in sorted(parts, key=_order) if hasattr(parts[name], "__len__")}
    for name in sorted(set(parts) - set(known)):
        print(f"{name}: a stream, so it is not looked at")
    summaries = {name: summarized(rows, f"data, split {name}") for name, rows in known.items()}
    _print(summaries)
    file = (output_folder() or Path.cwd()) / "data.html"
    file.write_text(page(_title(cfg), summaries, known), encoding="utf-8")
    print(f"Written: {file}")
    return file


def _order(split: str) -> int:
    return ("train", "validation", "test", split).index(split)


def _title(cfg: DictConfig) -> str:
    from hydra.core.hydra_config import HydraConfig

    words = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
    asked = [word for word in words if not word.startswith("task_name=")]
    return f"Data of {' '.join(asked) or ', '.join(cfg.tags)}"


def _print(summaries: Mapping[str, Summary]) -> None:
    from rich.console import Console
    from rich.table import Table

    for split, summary in summaries.items():
        table = Table("column", "type", "values", "lengths", "missing", "classes", title=f"{split}: {_rows(summary)}")
        for name, column in summary.columns.items():
            counts = ", ".join(f"{name} {count:,}" for name, count in list(column.classes.items())[:12])
            more = f", {len(column.classes) - 12} more" if len(column.classes) > 12 else ""
            table.add_row(name, *_facts(column), counts + more)
        Console().print(table)


def _rows(summary: Summary) -> str:
    looked = "" if summary.seen == summary.size else f", of which {summary.seen:,} were looked at"
    return f"{summary.size:,} rows{looked}"


def _facts(column: Column) -> tuple[str, str, str, str]:
    values = None if column.classes else column.values
    return column.kind, _range(values), _range(column.lengths), f"{column.missing:,}" if column.missing else ""


def _range(extent: tuple[float, float, float] | None) -> str:
    return "" if extent is None else "{:.4g} / {:.4g} / {:.4g}".format(*extent)


def page(title: str, summaries: Mapping[str, Summary], splits: Mapping[str, Any]) -> str:
    """Return one HTML page with all tables and samples."""
    parts = [f"<h2>{html.escape(name)}</h2>{_split(summaries[name], rows)}" for name, rows in splits.items()]
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{html.escape(title)}</title>"
        f"<style>{STYLE}</style><h1>{html.escape(title)}</h1>{''.join(parts)}</html>"
    )


def _split(summary: Summary, rows: Any) -> str:
    head = ("column", "type", "least / mean / greatest", "shortest / mean / longest", "missing")
    facts = _table(*_without_empty(head, [(name, *_facts(column)) for name, column in summary.columns.items()]))
    classes = "".join(_bars(name, column.classes) for name, column in summary.columns.items() if column.classes)
    samples = f"<h3>Samples</h3>{_samples(rows)}" if summary.size else ""
    return f"<p>{_rows(summary)}</p>{facts}{classes}{samples}"


def _without_empty(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> tuple[list[str], list[list[str]]]:
    """Leave out the columns of a table in which nothing stands."""
    kept = [place for place in range(len(head)) if any(row[place] for row in rows)]
    return [head[place] for place in kept], [[row[place] for place in kept] for row in rows]


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], kind: str = "") -> str:
    cells = "".join(f"<tr>{''.join(f'<td>{_escaped(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table class='{kind}'><tr>{''.join(f'<th>{html.escape(name)}</th>' for name in head)}</tr>{cells}</table>"


def _escaped(cell: str) -> str:
    return cell if cell.startswith(("<img", "<svg")) else html.escape(cell)


def _bars(name: str, classes: Mapping[str, int]) -> str:
    total, most = sum(classes.values()), max(classes.values())
    rows = "".join(
        f"<tr><td>{html.escape(label)}</td><td class='number'>{count:,}</td><td class='number'>{count / total:.1%}</td>"
        f"<td class='track'><div class='bar' style='width:{100 * count / most:.1f}%'></div></td></tr>"
        for label, count in classes.items()
    )
    return f"<h3>Classes of {html.escape(name)}</h3><table>{rows}</table>"


def _samples(rows: Any) -> str:
    from ml_core.data.batches import BatchedDataset
    from ml_core.data.statistics import spread

    batch = BatchedDataset(rows).__getitems__(spread(len(rows), PICTURES))
    names = {key: getattr(kind, "names", None) for key, kind in (getattr(rows, "features", None) or {}).items()}
    drawn = {key: [_cell(cell, names.get(key)) for cell in column] for key, column in batch.items()}
    if any(cells[0].startswith("<img") for cells in drawn.values()):
        return _sheet(drawn)
    return _table(drawn, list(zip(*drawn.values(), strict=True))[:: max(1, PICTURES // TABLE_ROWS)], "samples")


def _sheet(drawn: Mapping[str, list[str]]) -> str:
    figures = []
    for row in zip(*drawn.values(), strict=True):
        pictures = "".join(cell for cell in row if cell.startswith("<img"))
        words = " ".join(html.escape(cell) for cell in row if not cell.startswith("<"))
        figures.append(f"<figure>{pictures}<figcaption>{words}</figcaption></figure>")
    return f"<div class='sheet'>{''.join(figures)}</div>"


def _cell(cell: Any, names: list[str] | None) -> str:
    """Return a cell as an image, a curve or text."""
    from torch import Tensor

    if hasattr(cell, "save"):
        return _image(cell)
    if isinstance(cell, Tensor):
        if names is not None and cell.ndim == 0 and 0 <= int(cell) < len(names):
            return names[int(cell)]
        if cell.ndim in (2, 3) and min(cell.shape[-2:]) > 4:
            return _image(_picture(cell))
        if cell.ndim and cell.numel() > 16 and not cell.dtype.is_complex:
            return _curve(cell.double().flatten().tolist())
        cell = cell.tolist()
    text = f"{cell:.6g}" if isinstance(cell, float) else str(cell)
    return text if len(text) <= MOST_CELL else f"{text[:MOST_CELL]} ..."


def _picture(pixels: Tensor) -> Any:
    """Return pixels as an image: numbers of classes in colours, anything else from its least to its greatest."""
    import numpy as np
    from PIL import Image

    array = pixels.numpy()
    if array.ndim == 2 and array.dtype.kind == "i" and array.max() < len(PALETTE):
        return Image.fromarray(np.array(PALETTE, dtype=np.uint8)[array])
    array = array.transpose(1, 2, 0) if array.ndim == 3 else array
    array = array[..., :3].squeeze(-1) if array.ndim == 3 and array.shape[-1] in (1, 2, 4) else array
    if array.dtype != np.uint8:
        low, high = float(array.min()), float(array.max())
        array = ((array - low) / (high - low or 1) * 255).astype(np.uint8)
    return Image.fromarray(array)


def _image(image: Any) -> str:
    shown = image.copy()
    shown.thumbnail((176, 176))
    if shown.mode in ("L", "I") and shown.getextrema()[1] < len(PALETTE):  # a mask
        shown = _picture(_tensor(shown))
    buffer = io.BytesIO()
    shown.convert("RGB").save(buffer, format="PNG")
    return f"<img alt='' src='data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}'>"


def _tensor(image: Any) -> Tensor:
    import numpy as np
    import torch

    return torch.from_numpy(np.asarray(image).astype(np.int64))


def _curve(values: list[float], width: int = 260, height: int = 44) -> str:
    low, high = min(values), max(values)
    step, scale = width / (len(values) - 1), (height - 4) / (high - low or 1)
    points = " ".join(f"{i * step:.1f},{height - 2 - (v - low) * scale:.1f}" for i, v in enumerate(values))
    line = f"<polyline fill='none' stroke='#4a7fb5' points='{points}'/>"
    return f"<svg width='{width}' height='{height}' viewBox='0 0 {width} {height}'>{line}</svg>"


@entry_point("train.yaml")
def _main(cfg: DictConfig) -> None:
    show(cfg)


def main() -> None:
    """Compose the configuration and show its data."""
    sys.argv.insert(1, "task_name=data_stats")
    _main()


if __name__ == "__main__":
    main()
