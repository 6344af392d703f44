"""Hydra's refusals in this project's words, with the place they were written in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from setting import ROOT

from ml_core.errors import ConfigError
from ml_core.train import main
from ml_core.utils.composition_errors import explained
from ml_core.utils.project_root import config_folder

TOP = (
    "There are: callbacks, check, ckpt_path, data, debug, experiment, extras, hparams_search, logger, model, "
    "optimized_metric, params, paths, seed, tags, task_name, test, train, trainer, trust."
)
GROUPS = (
    "Groups: callbacks, data, debug, experiment, experiment/data, extras, hparams_search, logger, model, "
    "model/criterions, model/network, model/optimizer, model/scheduler, paths, trainer."
)
QUOTES = (
    "Put quotes round what holds spaces, commas, brackets or '=': once for the shell, and once more inside for Hydra "
    "where the value is text: 'key=\"a=b\"'."
)


def options(group: str) -> str:
    return ", ".join(sorted(path.stem for path in (config_folder() / group).glob("*.yaml")))


def mistake_in(*overrides: str, folder: Path | None = None) -> ConfigError:
    GlobalHydra.instance().clear()
    search = [f"hydra.searchpath=[file://{folder}]"] if folder else []
    with initialize_config_dir(str(config_folder()), version_base="1.3"), pytest.raises(Exception) as caught:
        compose("train.yaml", [*overrides, *search])
    error = explained(caught.value)
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "model=clasifier",
            "model: there is no option 'clasifier' of the group 'model'. Did you mean 'classifier'? "
            f"Options: {options('model')}.",
        ),
        (
            "model/optimizer=adm",
            "model/optimizer: there is no option 'adm' of the group 'model/optimizer'. Did you mean 'adam'? "
            f"Options: {options('model/optimizer')}.",
        ),
        (
            "trianer.max_epochs=2",
            "trianer: there is no 'trianer' at the top level, so it would change nothing. "
            f"Did you mean 'trainer'? {TOP}",
        ),
        (
            "optimizer.lr=0.1",
            "optimizer: there is no 'optimizer' at the top level, so it would change nothing. "
            f"Did you mean 'model.optimizer.lr'? {TOP}",
        ),
        (
            "modle=base",
            f"modle: there is no 'modle' at the top level, so it would change nothing. Did you mean 'model'? {TOP}",
        ),
        (
            "model/optimzer=adam",
            "model/optimzer: there is no group 'model/optimzer' here. Did you mean 'model/optimizer'? " + GROUPS,
        ),
        (
            "model/optimizer=sgd",
            "model/optimizer: there is a group 'model/optimizer', but the chosen model is not made of it. "
            "Choose a model whose list of defaults names 'optimizer', or set the node itself: "
            "model.optimizer._target_=<target>",
        ),
        (
            "paths.log_dirr=/tmp",
            "paths.log_dirr: paths has no key 'log_dirr'. Did you mean 'log_dir'? "
            "There are: data_dir, embedded_dir, log_dir, output_dir, root_dir, work_dir.",
        ),
        (
            "~data.transfrom",
            "data.transfrom: there is no 'data.transfrom' to take away. Did you mean 'transform'? "
            "There are: batch_size, hf_dict_dataset, num_workers, stratify_by, transform, val_ratio.",
        ),
        (
            "+trainer=cpu",
            "trainer: the group 'trainer' has a choice already. Leave the plus sign away: trainer=<option>.",
        ),
        (
            "trainer.max_epochs=1,2",
            "trainer.max_epochs: names several values for one run. "
            "A list is written 'trainer.max_epochs=[1,2]'; several runs, one a value, need -m in front.",
        ),
        (
            "model.optimizer.lr=interval(1,3)",
            "model.optimizer.lr: is a sweep over several values. Put -m in front of the overrides.",
        ),
        ("tags=[a,", f"tags: cannot be read as key=value: no viable alternative at input '[a,'. {QUOTES}"),
        ("ckpt_path=a=b", f"ckpt_path: cannot be read as key=value: mismatched input '=' expecting <EOF>. {QUOTES}"),
    ],
)
def test_an_override_is_told_as_it_was_typed(override: str, message: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["train.py", override])
    error = mistake_in(override, *(["model=mnist"] if override == "model/optimizer=sgd" else []))
    assert str(error) == message
    assert error.origin == f"command line: {override}"
    assert error.exit_code == 64


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            "override /data: mnsit",
            f"data: there is no option 'mnsit' of the group 'data'. Did you mean 'mnist'? Options: {options('data')}.",
        ),
        (
            "override /model/optimzer: adam",
            "model/optimzer: there is no group 'model/optimzer' here. Did you mean 'model/optimizer'? " + GROUPS,
        ),
    ],
)
def test_an_entry_of_a_defaults_list_is_told_with_its_line(
    entry: str, message: str, tmp_path: Path, run_command, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "configs" / "experiment" / "mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(f"# @package _global_\n\ndefaults:\n  - {entry}\nseed: 1\n")
    with pytest.raises(SystemExit) as end:
        run_command(main, "--config-dir", str(tmp_path / "configs"), "experiment=mine")
    assert end.value.code == 64
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"{file}:4  {message.partition(': ')[0]}"
    assert told[1] + told[2][1:] == f"  {message.partition(': ')[2]}"


def test_a_file_that_is_no_yaml_is_told_with_line_and_column(tmp_path: Path):
    file = tmp_path / "experiment" / "bad.yaml"
    file.parent.mkdir()
    file.write_text("# @package _global_\ndata:\n  batch_size: 3\n   num_workers: 4\n")
    assert str(mistake_in("experiment=bad", folder=tmp_path)) == (
        f"{file}:4:15: is no YAML here: mapping values are not allowed here. "
        "Look at the indentation and quotes of that line."
    )


def test_other_errors_are_left_to_others():
    assert explained(RuntimeError("boom")) is None


def test_every_group_is_a_folder_of_the_configurations():
    folders = {str(p.parent.relative_to(ROOT / "configs")) for p in (ROOT / "configs").rglob("*.yaml")}
    assert set(GROUPS.removeprefix("Groups: ").rstrip(".").split(", ")) <= folders
