"""A project of one's own, outside of the checkout, with the installed wheel: `docs/own-project.md`, word for word."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from processes import install_wheel, run
from setting import ROOT

from ml_core.train import main as train_main
from ml_core.utils.targets import resolve_target

PAGE = (ROOT / "docs" / "own-project.md").read_text()
FILES = dict(re.findall(r"\*\*([\w./-]+)\*\*:\n\n```\w+\n(.*?)```", PAGE, flags=re.S))
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, flags=re.S) for line in block.splitlines()]
QUIET = ("extras.print_config=false", "logger=none", "callbacks.rich_progress_bar=null")
SHORT = (*QUIET, "trainer.max_epochs=1", "trainer.limit_train_batches=2", "trainer.limit_test_batches=2")

SHORTEST = """# @package _global_
# My first experiment. Run: python ml_core/train.py --config-dir my_configs experiment=mine
defaults:
  - override /data: mnist_mini
  - override /model: mnist
model:
  forward_fn:
    network:
      transform:
        _target_: my_package.nets.TinyNet
        width: 32
"""
SEED_7 = "# @package _global_\nseed: 7\n"
COMPONENTS = (ROOT / "docs" / "own-component.md").read_text()
MODULES = {"network": "nets", "loss": "losses", "metric": "metrics", "transform": "transforms", "data set": "data"}
RUNS = sorted(set(re.findall(r"^# Run: python ml_core/train.py (.*)$", COMPONENTS, flags=re.M)))

Result = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the installed commands."""
    return install_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the files of the page."""
    for name, text in FILES.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "project"


def typed(line: str, commands: Path, folder: Path, *more: str, code: int = 0) -> Result:
    """Run a line as it is typed in a shell in which the environment is activated."""
    return run(*shlex.split(line), *more, cwd=folder, code=code, PATH=f"{commands}{os.pathsep}{os.environ['PATH']}")


def composed(line: str, commands: Path, folder: Path) -> object:
    return OmegaConf.to_container(OmegaConf.create(typed(f"{line} --cfg job", commands, folder).stdout), resolve=False)


def said(result: Result, what: str) -> str:
    return re.findall(rf"- {what}: (.*)", result.stdout)[-1]


def value(result: Result, name: str) -> float:
    return float(re.findall(rf"{name} (\d\.\d+)", said(result, "Result"))[0])


def test_the_page_has_files_and_commands():
    assert list(FILES) == [
        "my_package/nets.py",
        "configs/experiment/mine.yaml",
        "my_package/data.py",
        "configs/experiment/stripes.yaml",
    ]
    assert len(COMMANDS) == 7


@pytest.mark.slow
def test_the_page_word_for_word(commands: Path, project: Path):
    _, trained, evaluated, wider, stripes, searched, shown = (typed(line, commands, project) for line in COMMANDS)
    assert value(trained, "test/accuracy") > 0.8
    assert value(evaluated, "test/accuracy") == value(trained, "test/accuracy") != value(wider, "test/accuracy")
    assert value(stripes, "test/ce") < 0.3
    best = Path(said(trained, "Best checkpoint").partition(" ")[0])
    assert best.parents[4] == project / "logs"
    assert said(trained, "Evaluate it again") == f"ml-core-eval ckpt_path={best.relative_to(project)}"
    assert f"Loaded model weights from the checkpoint at {best.with_name('last.ckpt')}" in evaluated.stdout
    assert str(project / "configs") in searched.stdout
    assert "width: 32" in shown.stdout


@pytest.mark.slow
def test_the_printed_command_evaluates_what_two_processes_trained(commands: Path, project: Path, tmp_path: Path):
    """With the configurations, and the modules beside them, in another place than the working folder."""
    project.rename(tmp_path / "other")
    (tmp_path / "other" / "configs").rename(tmp_path / "other" / "my_configs")
    (tmp_path / "other" / "my_configs" / "experiment" / "mine.yaml").write_text(SHORTEST)
    project.mkdir()
    line = "ml-core-train experiment=mine --config-dir ../other/my_configs trainer=ddp_sim trainer.devices=2"
    trained = typed(line, commands, project, *SHORT)
    command = said(trained, "Evaluate it again")
    assert command.startswith(f"ml-core-eval --config-dir {tmp_path}/other/my_configs ckpt_path=logs/train/runs/")
    evaluated = typed(command, commands, project, "trainer=cpu", *QUIET)
    assert value(evaluated, "test/ce") > 0


def test_a_changed_target_drops_the_arguments_of_the_old_one(commands: Path, project: Path):
    """What is dropped is decided when the node is built; the composition names what it inherited."""
    cfg = composed("ml-core-train experiment=mine", commands, project)
    network = cfg["model"]["forward_fn"]["network"]["transform"]
    assert network["_target_"] == "my_package.nets.TinyNet"
    assert set(network) - {"_target_", "width"} == {"input_size", "output_size", "_inherited_"}
    assert network["_inherited_"] == ["input_size", "output_size"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "text", "line", "changed"),
    [
        ("configs/model/mnist.yaml", "mine: 1", "ml-core-train model=mnist", {"model": {"mine": 1}}),
        ("configs/experiment/example.yaml", SEED_7, "ml-core-train experiment=example", {"seed": 7}),
        ("configs/local/default.yaml", SEED_7, "ml-core-train experiment=mine", {"seed": 7}),
        ("other/local/default.yaml", SEED_7, "ml-core-train --config-dir other", {"seed": 7}),
    ],
)  # fmt: skip
def test_a_file_of_the_project_comes_before_ours(
    file: str, text: str, line: str, changed: dict[str, object], commands: Path, project: Path
):
    (project / file).parent.mkdir(parents=True, exist_ok=True)
    (project / file).write_text(text)
    assert composed(line, commands, project).items() >= changed.items()


def test_a_module_of_the_project_hides_no_library(commands: Path, project: Path):
    for name in ("random", "datasets", "hydra"):
        (project / f"{name}.py").write_text("raise RuntimeError('a file of the user')\n")
    assert composed("ml-core-train experiment=mine", commands, project)["seed"] == 1


def component_files() -> dict[str, str]:
    """Return the files of the page on components by name, which the section, the prose or the command tells."""
    files = {}
    for section in COMPONENTS.split("\n## ")[1:]:
        module = MODULES.get(section.splitlines()[0].removeprefix("A "))
        for prose, language, text in re.findall(r"([^\n]*)\n\n```(python|yaml)\n(.*?)```", section, flags=re.S):
            told = re.search(r"my_configs/[\w/]+\.yaml", prose)
            used = re.search(r"^# Run: .* ([\w/]+)=(\w+)$", text, flags=re.M)
            option = told.group() if told else used and f"my_configs/{used[1]}/{used[2]}.yaml"
            files[f"my_package/{module}.py" if language == "python" else option] = text
    return files


@pytest.fixture
def components(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in component_files().items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_package"]:
        del sys.modules[name]
    resolve_target.cache_clear()


def test_the_page_on_components_has_a_file_for_every_part():
    assert sorted(component_files()) == [
        "my_configs/data/blobs.yaml",
        *(f"my_configs/experiment/{n}.yaml" for n in ("ecosystem", "my_data", "my_loss", "my_metric", "my_network")),
        "my_configs/experiment/my_transform.yaml",
        "my_configs/model/network/conv_net.yaml",
        "my_configs/model/points.yaml",
        *(f"my_package/{name}.py" for name in sorted(MODULES.values())),
    ]
    assert len(RUNS) == 7


@pytest.mark.slow
@pytest.mark.parametrize("line", RUNS)
def test_an_example_of_the_page_on_components_trains(
    line: str, components: Path, run_command: Callable[..., Path], capsys: pytest.CaptureFixture[str]
):
    run_command(train_main, *line.split(), *SHORT[1:], "trainer.limit_val_batches=1", "data.batch_size=8")
    assert "Result: test/" in capsys.readouterr().out
