"""The small data sets that ship with the package."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ml_core.data.sources import EMBEDDED
from scripts.make_embedded import MAKERS

NAMES = sorted(path.name for path in EMBEDDED.iterdir() if path.name != "README.md")


def contents(path: Path) -> set[str]:
    return {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()} if path.is_dir() else {""}


def test_the_origin_and_the_licence_of_each_is_told():
    headings = ", ".join(re.findall(r"^# (.*)$", (EMBEDDED / "README.md").read_text(), flags=re.M))
    assert sorted(headings.split(", ")) == NAMES


def test_all_of_them_are_small():
    sizes = {name: sum(f.stat().st_size for f in [EMBEDDED / name, *(EMBEDDED / name).rglob("*")]) for name in NAMES}
    assert max(size for name, size in sizes.items() if name != "mnist_mini.parquet") < 500_000


@pytest.mark.parametrize("name", MAKERS)
def test_the_script_makes_what_is_there(name: str, tmp_path: Path):
    MAKERS[name](tmp_path / name)
    assert contents(tmp_path / name) == contents(EMBEDDED / name)
    for file in contents(tmp_path / name):
        if file.endswith((".png", ".json", ".md")) or name.endswith((".csv", ".jsonl")):
            assert (tmp_path / name / file).read_bytes() == (EMBEDDED / name / file).read_bytes(), file
