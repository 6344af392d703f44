"""The check looks at every data set of every stage, and at the first rows alone of files that nobody has opened yet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from setting import Compose

from ml_core.wiring.findings import Findings
from ml_core.wiring.flow import check_flow


@pytest.fixture(autouse=True)
def _nothing_is_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def checked(compose_config: Compose, *overrides: str) -> list[str]:
    findings = Findings()
    check_flow(compose_config("experiment=data/csv", *overrides, config="check.yaml"), findings)
    return [*map(str, findings.errors), *map(str, findings.unchecked)]


def write(path: Path, lines: list[str], more: str = "") -> Path:
    header = "sepal_length,sepal_width,petal_length,petal_width,species,plot,day"
    path.write_text("\n".join([header + more, *lines]) + "\n")
    return path


@pytest.fixture
def plots(tmp_path: Path) -> Path:
    """100 flowers of 2 plots: the first 60 rows are all of the first plot and of one day."""
    kinds = ("setosa", "versicolor", "virginica")
    lines = [f"5.{i % 9},3.1,1.4,0.2,{kinds[i % 3]},{int(i >= 60)},{max(i, 60)}" for i in range(100)]
    return write(tmp_path / "plots.csv", lines)


@pytest.mark.parametrize(
    "words",
    [
        ["data.group_by=plot"],
        ["data.stratify_by=null", "data.order_by=day"],
        ["data.num_folds=40", "data.fold=39"],
        ["data.stratify_by=null", "data.order_by=day", "data.num_folds=4", "data.fold=1"],
    ],
)
def test_the_first_rows_of_a_file_may_have_too_few_groups_or_times(compose_config: Compose, plots: Path, words):
    assert checked(compose_config, f"data.hf_dict_dataset.data_files={plots}", *words) == []


def test_a_column_to_split_by_is_looked_for_in_the_first_rows(compose_config: Compose, plots: Path):
    (error,) = checked(compose_config, f"data.hf_dict_dataset.data_files={plots}", "data.group_by=plt")

    assert error.startswith("data.group_by: there is no column 'plt'. Did you mean 'plot'? Columns: sepal_length, ")


def test_every_validation_set_is_looked_at(compose_config: Compose, plots: Path, tmp_path: Path):
    other = tmp_path / "other.csv"
    other.write_text("\n".join(re.sub(r"^[^,]*,", "", line) for line in plots.read_text().splitlines()) + "\n")
    files = f"data.hf_dict_dataset.data_files={{train: {plots}, a: {plots}, b: {other}}}"
    sets = "data.splits={val: {first: a, second: b}}"
    tracked = "callbacks.metrics_callback.tracked_metric_name=second/accuracy"

    errors = checked(compose_config, files, sets, tracked, "data.test_ratio=0")

    assert len(errors) == 1
    assert "sepal_length" in errors[0]
