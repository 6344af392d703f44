"""Every mistake of the table is found at the lowest level that can see it: in a copy of the example, and in company."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig
from processes import run_python
from setting import ROOT, Compose
from wiring.yaml_mistakes.planting import ALONE, MARK, Planted, line_of
from wiring.yaml_mistakes.table import PLANTED

from ml_core.data.sources import mnist_mini
from ml_core.errors import UserError
from ml_core.utils.origins import marks
from ml_core.utils.project_root import config_folder
from ml_core.utils.report import as_mistake, block
from ml_core.utils.search_path import before_packaged
from ml_core.wiring.check import resolver
from ml_core.wiring.findings import Findings
from ml_core.wiring.flow import check_flow
from ml_core.wiring.names import check_names
from ml_core.wiring.one_step import check_step

FILE = "configs/experiment/planted.yaml"
EXAMPLE = (ROOT / "configs" / "experiment" / "example.yaml").read_text()
EXPERIMENTS = sorted(path.stem for path in (ROOT / "configs" / "experiment").glob("*.yaml"))

Check = Callable[[str], tuple[int | None, list[UserError]]]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Check the text of an experiment; return the level that found something, and what."""
    monkeypatch.chdir(tmp_path)
    Path(FILE).parent.mkdir(parents=True)
    places = [f"paths.{name}={tmp_path}" for name in ("output_dir", "log_dir", "work_dir")]

    def composed(text: str) -> DictConfig:
        Path(FILE).write_text(text)
        GlobalHydra.instance().clear()
        with before_packaged(tmp_path / "configs"), initialize_config_dir(str(config_folder()), version_base="1.3"):
            return compose("train.yaml", ["experiment=planted", *places])

    def run(text: str) -> tuple[int | None, list[UserError]]:
        try:
            cfg = composed(text)
        except Exception as error:
            return 0, [as_mistake(error) or pytest.fail(f"is not explained: {error!r}")]
        return found_in(cfg)

    return run


def found_in(cfg: DictConfig) -> tuple[int | None, list[UserError]]:
    findings, graph = Findings(), None
    check_names(cfg, resolver(), findings)
    if findings.errors:
        return 1, findings.errors
    graph = check_flow(cfg, findings)
    if findings.errors or graph is None:
        return 2, findings.errors
    check_step(cfg, findings, graph)
    return (3 if findings.errors else None), findings.errors


def message(row: Planted, text: str, folder: Path) -> str:
    """Return what the terminal must show of a mistake in a file of this text, in a run that writes to a folder."""
    line = line_of(text) if MARK in text else 1
    place = row.where.format(file=FILE, line=line) if "{file}" in row.where else f"{FILE}:{line}  {row.where}"
    told = "\n".join([place, *(f"  {part}" for part in (row.what, row.fix) if part)])
    return told.replace("{folder}", str(folder)).replace("{tests}", str(ROOT / "tests"))


def plain(text: str) -> str:
    """Return a message without the lines of Python files and without what chance decides."""
    return re.sub(r"(is) \d+\.\d+", r"\1 <number>", re.sub(r"\.py:\d+", ".py", text))


@pytest.mark.parametrize("name", PLANTED)
def test_a_mistake_in_a_copy_of_the_example_is_told_whole_at_its_level(name: str, check: Check, tmp_path: Path):
    row = PLANTED[name]
    text = row.into(EXAMPLE)
    level, errors = check(text)
    assert [plain(block(error)) for error in errors] == [plain(message(row, text, tmp_path))]
    assert level == row.level


# ---- in company

KEYS = (
    "Keys of the batch: a step reads a misspelt column",
    "Keys of the batch: a loss reads a key that goes by another name",
)
OBJECTS = (
    "Values that an object refuses: two times to save at",
    "Values that an object refuses: a loss by the name of the sum",
)


def companies() -> Iterator[tuple[str, ...]]:
    """Yield names of mistakes that stand in one experiment: three of level 1, and each of level 2 with two others.

    Levels 0 and 3 end at the first mistake. Where there is no data, no key is known, so it stands beside objects.
    """
    rest = [name for name, row in PLANTED.items() if row.level == 1 and row.yaml]
    while rest:
        group = [rest.pop(0)]
        for name in list(rest):
            if len(group) < 3 and all(go_together(PLANTED[name], PLANTED[other]) for other in group):
                rest.remove(name)
                group.append(name)
        yield tuple(group)
    for name in (name for name, row in PLANTED.items() if row.level == 2 and name not in (*KEYS, *OBJECTS)):
        yield (name, *(OBJECTS if name.startswith("Data") or name.endswith("does not take a batch") else KEYS))


def go_together(one: Planted, other: Planted) -> bool:
    """Whether no value of one stands where the other has a value or a node."""
    paths = [{path for path, _ in marks(row.yaml)} for row in (one, other)]
    return not (paths[0] & leaves(paths[1]) or paths[1] & leaves(paths[0]))


def leaves(paths: set[str]) -> set[str]:
    return {path for path in paths if not any(other.startswith((f"{path}.", f"{path}[")) for other in paths)}


@pytest.mark.parametrize("names", list(companies()), ids=" + ".join)
def test_mistakes_in_one_small_experiment_are_told_all_at_once(names: tuple[str, ...], check: Check):
    text = ALONE
    for name in names:
        text = PLANTED[name].into(text)
    _, errors = check(text)
    assert {PLANTED[name].where for name in names} <= {error.where for error in errors}


# ---- what silence means


def test_there_are_shipped_experiments_and_enough_mistakes():
    assert {"example", "mnist"} <= set(EXPERIMENTS)
    assert len(PLANTED) >= 65
    assert {row.level for row in PLANTED.values()} == {0, 1, 2, 3}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a local copy of the Hub's repositories that the experiments load."""
    folder = tmp_path_factory.mktemp("hub")
    for split, rows in mnist_mini().items():
        (folder / "ylecun" / "mnist" / "mnist").mkdir(parents=True, exist_ok=True)
        rows.to_parquet(folder / "ylecun" / "mnist" / "mnist" / f"{split}-00000-of-00001.parquet")
    return folder


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_a_shipped_experiment_gives_no_finding(
    experiment: str, compose_config: Compose, repository: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(repository)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", repository / "cache")
    assert found_in(compose_config(f"experiment={experiment}")) == (None, [])


# ---- the page


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mistakes_page", ROOT / "scripts" / "mistakes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_script_prints(script: ModuleType):
    page = (ROOT / "docs" / "mistakes.md").read_text()
    said = re.findall(r"^Found by .*\. Plain Hydra says (?:`(.*)`|nothing)\.$", page, flags=re.M)
    assert script.page(dict(zip(PLANTED, said, strict=True))) == page


@pytest.mark.slow
def test_the_page_says_of_plain_hydra_what_it_does():
    printed = run_python("scripts/mistakes.py").stdout
    assert printed == (ROOT / "docs" / "mistakes.md").read_text()
