"""Every data source that ships: its wiring is checked, it is trained as its file says, and docs/data.md shows it.

An experiment says in its header how good it gets: `# Reaches test/<metric> <value> (chance: ...).`; `at most` before
the value where lower is better.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import datasets
import pytest
import yaml
from setting import ROOT, Compose
from torch.utils.data import DataLoader

from ml_core.data.base_datamodule import BaseDataModule
from ml_core.train import train
from ml_core.wiring.check import look

EXPERIMENTS = sorted((ROOT / "configs" / "experiment" / "data").glob("*.yaml"))
OPTIONS = sorted((ROOT / "configs" / "data").glob("*.yaml"))
REACHES = re.compile(r"^# Reaches (test/\S+) (at most )?(-?[\d.]+) \(chance: .+\)\.$", flags=re.M)
PAGE = (ROOT / "docs" / "data.md").read_text()
SECTION = re.compile(r"`(configs/[\w/-]+\.yaml)`(?:(?!```|`configs/).)*?```yaml\n(.*?)```", flags=re.S)
OTHER_BLOCKS = sorted(
    set(re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.S)) - {block for _, block in SECTION.findall(PAGE)}
)
QUIET = ("logger=none", "trainer.accelerator=cpu", "callbacks.model_summary=null", "callbacks.rich_progress_bar=null")
EXAMPLES = ("mnist", "mnist_mini")  # trained by tests/test_train.py


@pytest.fixture(scope="module", autouse=True)
def _prepared_in_a_folder_of_its_own(tmp_path_factory: pytest.TempPathFactory):
    """Prepare data sets neither in the user's cache nor in the project's folder, and without progress bars."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("prepared"))
        patch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
        datasets.disable_progress_bars()
        yield
        datasets.enable_progress_bars()


def test_there_is_an_experiment_for_every_source():
    assert len(EXPERIMENTS) >= 13
    names = {path.stem for path in EXPERIMENTS}
    assert {path.stem for path in OPTIONS} - names - set(EXAMPLES) == set()


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_the_check_of_its_wiring_finds_nothing(path: Path, compose_config: Compose):
    findings, graph, _ = look(compose_config(f"experiment=data/{path.stem}", config="check.yaml"))
    assert [*map(str, findings.errors), *findings.unchecked] == []
    assert graph is not None


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_it_reaches_what_its_header_says(path: Path, compose_config: Compose):
    (found,) = REACHES.findall(path.read_text())
    name, is_lower_better, value = found
    metrics, _ = train(compose_config(f"experiment=data/{path.stem}", *QUIET))
    reached = metrics[name].item()
    assert reached <= float(value) if is_lower_better else reached >= float(value), f"{name} is {reached}"


def test_the_page_shows_a_part_of_the_file_of_every_source():
    shown = {file for file, _ in SECTION.findall(PAGE)}
    assert {f"configs/data/{path.stem}.yaml" for path in EXPERIMENTS} - shown == set()


@pytest.mark.parametrize(("file", "block"), SECTION.findall(PAGE), ids=lambda text: text[:40].replace("\n", " "))
def test_a_block_of_the_page_stands_in_the_file_that_is_named_above_it(file: str, block: str):
    assert missing_of(yaml.safe_load(block), yaml.safe_load((ROOT / file).read_text())) == []


@pytest.mark.parametrize("block", OTHER_BLOCKS, ids=lambda text: text[:40].replace("\n", " "))
def test_any_other_block_sets_what_the_data_module_takes(block: str):
    node = yaml.safe_load(block).get("data", {})
    takes = {*inspect.signature(BaseDataModule).parameters, *inspect.signature(DataLoader).parameters}
    assert set(node) - takes == set()


def missing_of(part: object, whole: object, path: str = "") -> list[str]:
    """Return the paths at which `part` says something that `whole` does not."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return [
            missing
            for key, value in part.items()
            for missing in (missing_of(value, whole[key], f"{path}.{key}") if key in whole else [f"{path}.{key}"])
        ]
    return [] if part == whole else [path]


def test_a_block_that_differs_from_its_file_would_be_found():
    whole = {"a": {"b": 1, "c": [1, 2]}, "d": 2}
    assert missing_of({"a": {"b": 1}}, whole) == []
    assert missing_of({"a": {"b": 2, "e": 1}, "f": 1, "d": 2}, whole) == [".a.b", ".a.e", ".f"]
