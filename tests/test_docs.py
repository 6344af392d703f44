"""What the documentation says: its commands compose, its files exist, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from setting import ROOT, Compose

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
COMMAND = re.compile(r"python ml_core/(train|eval|check)\.py\s*([^\n`|]*)")
FLAGS = {"-m", "--multirun", "--help", "--info", "--cfg", "job", "hydra", "all", "--resolve", "--package"}
PATH = re.compile(r"`((?:ml_core|configs|docs|tests|scripts)/[\w./-]+)`")
LINK = re.compile(r"\]\(([\w./-]+\.md)(?:#[\w-]+)?\)")


def commands(page: Path) -> list[tuple[str, list[str]]]:
    found = []
    for block in re.findall(r"```bash\n(.*?)```", page.read_text(), flags=re.S):
        for config, rest in COMMAND.findall(block.replace("\\\n", " ")):
            found.append((config, shlex.split(rest, comments=True)))
    return found


COMMANDS = [(page.name, config, words) for page in PAGES for config, words in commands(page)]


def test_there_are_pages_with_commands():
    assert {"README.md", "architecture.md", "configuration.md", "batch.md", "own-component.md"} <= {
        p.name for p in PAGES
    }
    assert len(COMMANDS) > 30


@pytest.mark.parametrize(("page", "config", "words"), COMMANDS, ids=lambda v: " ".join(v) if isinstance(v, list) else v)
def test_a_documented_command_composes(page: str, config: str, words: list[str], compose_config: Compose):
    words = words[: words.index("&&")] if "&&" in words else words
    words = [word for i, word in enumerate(words) if words[i - 1 : i] not in (["--info"], ["--package"])]
    if "--config-dir" in words:
        at = words.index("--config-dir")
        if words[at + 1] != "configs":
            pytest.skip("uses a folder that the page tells to make")
        words = words[:at] + words[at + 2 :]
    overrides = [
        w if "<" not in w else f"{w.partition('=')[0]}=x"
        for w in words
        if w not in FLAGS and "," not in w and "range(" not in w
    ]
    assert "data" in compose_config(*overrides, config=f"{config}.yaml")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_files_exist(page: Path):
    named = PATH.findall(page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_pages(page: Path):
    assert [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()] == []


@pytest.mark.parametrize(
    "problem",
    [
        "out of memory", "slow", "convergence", "overfit", "module", "w&b", "amd", "slurm",
    ],
)  # fmt: skip
def test_troubleshooting_has_an_entry_for_the_usual_problems(problem: str):
    headings = re.findall(r"^#+ (.*)$", (ROOT / "docs" / "troubleshooting.md").read_text(), flags=re.M)
    assert any(problem in heading.lower() for heading in headings), headings


def test_the_readme_says_what_it_is_and_how_to_start_before_line_25():
    head = "\n".join((ROOT / "README.md").read_text().splitlines()[:25])
    assert "make train" in head
    assert "make test" in head
    assert "test/accuracy" in head
