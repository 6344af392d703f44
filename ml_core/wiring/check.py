"""What is wrong with an experiment, before it runs?"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from ml_core.errors import ConfigError, UserError, listed, nearest
from ml_core.utils import origins
from ml_core.utils.extras import output_folder
from ml_core.utils.last_checkpoint import LAST
from ml_core.utils.pylogger import RankedLogger
from ml_core.utils.report import together
from ml_core.utils.stored_config import existing_checkpoint, read_config
from ml_core.wiring.findings import Findings
from ml_core.wiring.imports import try_imports
from ml_core.wiring.names import check_names
from ml_core.wiring.static_signatures import Resolver

if TYPE_CHECKING:
    from ml_core.wiring.graph import Graph
    from ml_core.wiring.one_step import StepReport

log = RankedLogger(__name__, rank_zero_only=True)

LEVELS = (1, 2, 3)
FORMATS = ("svg", "html", "mermaid")


def require_names(cfg: DictConfig) -> None:
    """Check names, signatures and plain values, without importing what the configuration names.

    Raises:
        UserError: What was found; `Mistakes` in the order of the files where it is more than one.
    """
    _require_checkpoint(cfg)
    findings = Findings()
    check_names(cfg, resolver(), findings)
    resolver().save()
    if findings.errors:
        raise together(findings.errors)


def _require_checkpoint(cfg: DictConfig) -> None:
    """Look at the checkpoint that is named; without it, or what it carries, much else would be missing too."""
    if not OmegaConf.is_missing(cfg, "ckpt_path") and cfg.get("ckpt_path") in (None, LAST):
        return
    path = existing_checkpoint(cfg)
    is_whole = "train" in cfg or OmegaConf.select(cfg, "data._target_") or read_config(path) is not None
    if not is_whole:
        raise ConfigError(
            "data",
            "is missing: it must be a node with a `_target_`.",
            "This checkpoint carries no configuration: add experiment=<name>.",
        )


def require_flow(cfg: DictConfig, objects: Mapping[str, Any]) -> None:
    """Check that every key and shape fits, with the objects that a run has built.

    Raises:
        UserError: What was found; `Mistakes` in the order of the files where it is more than one.
    """
    from ml_core.wiring.flow import check_flow  # imports torch

    findings = Findings()
    try:
        check_flow(cfg, findings, objects)
    except UserError:
        raise
    except Exception:  # a fault of the check's own must not keep a sound experiment from running
        log.warning("The check of keys and shapes itself failed, so this run goes on unchecked:", exc_info=True)
    if findings.errors:
        raise together(findings.errors)


def look(cfg: DictConfig) -> tuple[Findings, Graph | None, StepReport | None]:
    """Check an experiment as deep as `level` says; a level is looked at when those before it found nothing.

    Returns:
        What was found, the wiring where level 2 was reached, and the costs of a step where level 3 was.
    """
    _require_options(cfg)
    findings, graph, report = Findings(), None, None
    check_names(cfg, resolver(), findings, own=("level", "format"))
    resolver().save()
    if cfg.level >= 2 and not findings.errors:
        try_imports(cfg, resolver(), findings)
    if cfg.level >= 2 and not findings.errors:
        from ml_core.wiring.ai_transforms import ai_notes
        from ml_core.wiring.flow import check_flow  # imports torch

        graph = check_flow(cfg, findings)
        findings.notes += ai_notes(cfg)
    if cfg.level >= 3 and graph is not None and not findings.errors:
        from ml_core.wiring.one_step import check_step

        report = check_step(cfg, findings, graph)
    for node in graph.nodes if graph else ():
        node.origin = str(origins.current().of(node.path) or "")
    return findings, graph, report


def draw(graph: Graph | None, report: StepReport | None, formats: Iterable[str] | str | None) -> None:
    """Print the tables of a wiring and of a step, and write the wiring as pictures into the output folder."""
    if graph is None:
        return
    from ml_core.wiring.drawing.step_table import print_step
    from ml_core.wiring.drawing.table import print_tables  # imports rich

    print_tables(graph)
    if report is not None:
        print_step(report)
    shown = graph.without_idle()
    for name in [formats] if isinstance(formats, str) else formats or ():
        _draw(shown, name)


def tell(findings: Findings) -> None:
    """Say what is worth knowing, and raise what is wrong.

    Raises:
        UserError: What was found; `Mistakes` in the order of the files where it is more than one.
    """
    for note in findings.notes:
        log.info("Note: %s: %s", note.where, note.what)
    for note in findings.unchecked:
        log.info("Not checked: %s: %s", note.where, note.what)
    if findings.errors:
        raise together(findings.errors)
    log.info("No mistakes found.")


def resolver() -> Resolver:
    """Return this process's reader of signatures; what it reads is kept in the user's cache folder."""
    return _resolver(tuple(sys.path))


@functools.lru_cache(maxsize=4)
def _resolver(paths: tuple[str, ...]) -> Resolver:
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Resolver(paths, cache=Path(folder) / "ml_core" / "signatures.json")


def _draw(graph: Graph, name: str) -> None:
    from ml_core.wiring.drawing.html import to_html
    from ml_core.wiring.drawing.mermaid import to_mermaid
    from ml_core.wiring.drawing.svg import to_svg

    if name == "mermaid":
        sys.stdout.write(f"{to_mermaid(graph)}\n")
        return
    file = (output_folder() or Path.cwd()) / f"wiring.{name}"
    file.write_text(to_svg(graph) if name == "svg" else to_html(graph, title="Wiring"), encoding="utf-8")
    log.info("Drawn: %s", os.path.relpath(file))


def _require_options(cfg: DictConfig) -> None:
    if cfg.level not in LEVELS:
        raise ConfigError("level", f"is {cfg.level!r}, but must be one of {listed(LEVELS)}.")
    for name in map(str, [cfg.format] if isinstance(cfg.format, str) else cfg.format or ()):
        if name not in FORMATS:
            raise ConfigError(
                "format", f"there is no '{name}'.{nearest(name, FORMATS)}", f"There are: {listed(FORMATS)}."
            )
