"""The files around the code: set-up, lock, checks."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml
from setting import ROOT

TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
LOCK = (ROOT / "requirements.lock").read_text()


def test_the_top_level_is_the_documented_one():
    names = [
        "ml_core",
        "configs",
        "tests",
        "scripts",
        "docs",
        ".project-root",
        "pyproject.toml",
        "Makefile",
        "Dockerfile",
    ]
    assert [n for n in [*names, ".pre-commit-config.yaml", "README.md", ".ci/run"] if not (ROOT / n).exists()] == []


def test_the_usual_make_targets_are_there():
    assert {"help", "train", "test", "test-slow", "format", "lint", "lock", "clean", "clean-logs"} <= TARGETS


def test_every_requirement_of_the_lock_has_a_hash_and_no_file_names_an_index():
    pinned = re.split(r"\n(?=[a-z0-9])", LOCK)
    assert len(pinned) > 100
    assert [entry.splitlines()[0] for entry in pinned if "--hash=sha256:" not in entry] == []
    assert "://" not in LOCK
    assert "index-url" not in (ROOT / "pyproject.toml").read_text()


def test_the_lock_holds_every_dependency_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[<>=~;\s\[]", requirement)[0].lower() for requirement in wanted}
    locked = set(re.findall(r"^([a-z0-9-]+)==", LOCK, flags=re.M))
    assert names <= locked


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").iterdir()), ids=lambda path: path.name)
def test_a_workflow_runs_only_targets_that_every_developer_has(path):
    workflow = yaml.safe_load(path.read_text())
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert commands
    assert {command.removeprefix("make ") for command in commands} <= TARGETS


def test_make_lint_does_everything_that_the_commit_hooks_do():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    recipe = (ROOT / "Makefile").read_text().split("\nlint:")[1].split("\n\n")[0]
    tools = {re.match(r"\.venv/bin/([\w-]+)(?: (format|check))?", hook["entry"]).group(0) for hook in hooks}
    assert len(tools) == 6
    assert [tool for tool in tools if tool.replace(".venv/bin", "$(BIN)") not in recipe] == []


def test_ci_runs_what_users_run():
    commands = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("make ")]
    assert commands == ["make setup", "make lint", "make test", "make test-slow"]
