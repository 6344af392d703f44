"""Print the page of the mistakes that the check finds, and how many of them plain Hydra reports before training.

Run:
    python scripts/mistakes.py > docs/mistakes.md

The mistakes are those of `tests/wiring/yaml_mistakes`, whose tests compare every message with what the check says.
"Plain Hydra" is a process of its own that does what a template's `train.py` does before `trainer.fit`: `hydra.compose`
and `hydra.utils.instantiate` for data, model, callbacks, loggers and trainer, without anything that this project adds
to Hydra. What the constructors of the project's classes refuse counts as reported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wiring.yaml_mistakes.planting import Planted

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "configs" / "experiment" / "example.yaml"
FILE = "configs/experiment/mine.yaml"
LEVELS = ("composition", "level 1", "level 2", "level 3")
MOST_SHOWN = 160
SILENT = "nothing"
OURS = "ConfigError"

INTRODUCTION = """\
# Mistakes and what is said of them

Written by `scripts/mistakes.py`; `tests/wiring/test_planted.py` compares every message with the real one.

Each piece of YAML below is wrong. It is planted into a copy of the experiment `example`, and `# <-` marks the line that
the message names. All mistakes of an experiment are told at once, as far as one does not hide the next; after them
comes a last line, `ERROR [where]: what happened; what to do`. Each mistake is found at the lowest level that sees it:

| Level | What is done |
|---|---|
| composition | the files are read |
| 1 | names, signatures and plain values are looked at; nothing that they name is imported |
| 2 | two rows of each split go through all steps |
| 3 | one real step is taken in each stage |

Levels 1 and 2 precede every training; `python ml_core/check.py experiment=<name> level=3` looks at all of them and
trains nothing ([check.md](check.md)).
"""

PLAIN = """
"Plain Hydra" composes the same files and instantiates data, model, callbacks, loggers and trainer, as a template's
`train.py` does before training, in a process without this project's additions to Hydra. What the constructors of this
project's classes refuse counts as reported there, whatever the words, and stands in the last column by itself. What
plain Hydra does not report changes nothing, or ends the training when it has begun.
"""


def main() -> None:
    """Print the page, or with `plain` what plain Hydra says, as JSON."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    if sys.argv[1:] == ["plain"]:
        json.dump(dict(said_by_plain_hydra()), sys.stdout)
        return
    result = subprocess.run([sys.executable, __file__, "plain"], capture_output=True, text=True, check=True)
    sys.stdout.write(page(json.loads(result.stdout.splitlines()[-1])))


def page(plain: Mapping[str, str]) -> str:
    """Return the page.

    Args:
        plain: What plain Hydra says of each mistake; empty where it says nothing.
    """
    from wiring.yaml_mistakes.table import SECTIONS

    parts = [INTRODUCTION, *_totals(plain)]
    for section, rows in SECTIONS.items():
        parts.append(f"## {section}\n")
        parts += [_entry(row, plain.get(f"{section}: {row.name}", "")) for row in rows]
    return "\n".join(parts)


def _totals(plain: Mapping[str, str]) -> Iterator[str]:
    from wiring.yaml_mistakes.table import PLANTED, SECTIONS

    yield "| Kind | Mistakes | Found by the check | Reported by plain Hydra | of these by this project's classes |"
    yield "|---|---:|---:|---:|---:|"
    for section, rows in SECTIONS.items():
        link = f"[{section}](#{section.lower().replace(' ', '-')})"
        yield _total(link, [plain.get(f"{section}: {row.name}", "") for row in rows])
    yield _total("all", [plain.get(name, "") for name in PLANTED])
    yield PLAIN


def _total(title: str, said: list[str]) -> str:
    by_us = sum(f"{OURS}(" in text for text in said)
    return f"| {title} | {len(said)} | {len(said)} | {sum(map(bool, said))} | {by_us} |"


def _entry(row: Planted, said: str) -> str:
    return "\n".join(
        [
            f"### {row.name[0].upper()}{row.name[1:]}\n",
            *([f"```yaml\n{row.yaml.rstrip()}\n```"] if row.yaml else [f"Without the line `{row.without.strip()}`:"]),
            f"\n```text\n{message(row)}\n```\n",
            f"Found by {LEVELS[row.level]}. Plain Hydra says {f'`{said}`' if said else SILENT}.\n",
        ]
    )


def message(row: Planted) -> str:
    """Return what the terminal shows of a mistake, without the last line, which repeats it."""
    from wiring.yaml_mistakes.planting import MARK, line_of

    text = row.into(EXAMPLE.read_text())
    line = line_of(text) if MARK in text else 1
    place = row.where.format(file=FILE, line=line) if "{file}" in row.where else f"{FILE}:{line}  {row.where}"
    told = "\n".join([place, *(f"  {part}" for part in (row.what, row.fix) if part)])
    return told.replace("{folder}", "logs/train/runs/<time>").replace("{tests}", "tests")


def said_by_plain_hydra() -> Iterator[tuple[str, str]]:
    """Yield each mistake with the beginning of what plain Hydra says before training; empty where it is silent."""
    from wiring.yaml_mistakes.table import PLANTED

    os.environ.setdefault("PROJECT_ROOT", str(ROOT))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "experiment" / "mine.yaml"
        file.parent.mkdir()
        example = EXAMPLE.read_text()
        for name, text in {"": example, **{name: row.into(example) for name, row in PLANTED.items()}}.items():
            file.write_text(text)
            said = _plain_hydra(folder)
            assert name or not said, f"the example itself does not pass: {said}"
            yield name, said


def _plain_hydra(folder: str) -> str:
    from hydra import compose, initialize_config_dir

    places = [f"paths.{name}={folder}" for name in ("output_dir", "log_dir", "work_dir")]
    try:
        with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
            cfg = compose("train.yaml", ["experiment=mine", f"hydra.searchpath=[file://{folder}]", *places])
        _instantiate(cfg)
    except Exception as error:
        return _shortened(f"{type(error).__name__}: {error}".replace(folder, "configs"))
    return ""


def _shortened(text: str) -> str:
    words = " ".join(text.replace(str(ROOT), ".").replace("`", "'").split()).removesuffix(":")
    return words if len(words) <= MOST_SHOWN else f"{words[:MOST_SHOWN]} ..."


def _instantiate(cfg: Any) -> None:
    """Build what a run needs, as the `train.py` of lightning-hydra-template does."""
    from hydra.utils import instantiate
    from lightning.pytorch import seed_everything

    if cfg.get("seed"):
        seed_everything(cfg.seed, workers=True)
    instantiate(cfg.data)
    instantiate(cfg.model)
    built = {
        group: [
            instantiate(node) for node in (cfg.get(group) or {}).values() if hasattr(node, "get") and "_target_" in node
        ]
        for group in ("callbacks", "logger")
    }
    instantiate(cfg.trainer, **built)


if __name__ == "__main__":
    main()
