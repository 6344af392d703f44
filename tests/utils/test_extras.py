"""What a run does before it builds anything."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from setting import Compose

from ml_core.utils import origins
from ml_core.utils.extras import (
    TOP_LEVEL_KEYS,
    apply_extras,
    enforce_tags,
    show_config,
    top_level_mistakes,
    use_data_folder,
)


@pytest.mark.parametrize("config", ["train.yaml", "eval.yaml"])
def test_every_key_of_the_primary_configurations_is_known(config: str, compose_config: Compose):
    cfg = compose_config("ckpt_path=x", config=config)
    assert list(top_level_mistakes(cfg)) == []
    assert set(cfg) <= TOP_LEVEL_KEYS


def test_keys_that_nothing_reads_are_told_with_the_nearest_one(compose_config: Compose):
    cfg = compose_config("+trianer.max_epochs=3", "+extras.print_confg=true")
    first, second = map(str, top_level_mistakes(cfg))
    assert first.startswith(
        "trianer: there is no 'trianer' at the top level, so it would change nothing. "
        "Did you mean 'trainer'? There are: "
    )
    assert second == (
        "extras.print_confg: there is no such extra. Did you mean 'print_config'? "
        "There are: enforce_tags, ignore_warnings, print_config."
    )


@pytest.mark.parametrize(("text", "told"), [("trainer: {}", True), ("experiment: {a: 1}", False)])
def test_a_file_without_its_header_is_told_by_its_first_line(text: str, told: bool, tmp_path: Path):
    file = tmp_path / "experiment" / "mine.yaml"
    file.parent.mkdir()
    file.write_text(f"# Mine\n{text}\n")
    origins.start().add_file(file, "experiment" if told else "")
    (error,) = top_level_mistakes(OmegaConf.create({"experiment": {"a": 1}}))
    message = (
        f"{file}:1: the line '# @package _global_' is missing, so all of the file lands under 'experiment'. "
        "Make it the first line of the file."
    )
    assert (str(error) == message) is told


@pytest.mark.parametrize("is_wanted", [True, False])
def test_the_configuration_is_printed_on_request(is_wanted: bool, compose_config: Compose, capsys):
    show_config(compose_config(f"extras.print_config={is_wanted}"))
    assert ("CONFIG" in capsys.readouterr().out) is is_wanted


def test_without_tags_and_terminal_a_run_is_tagged_dev(compose_config: Compose):
    cfg = compose_config("tags=null")
    enforce_tags(cfg)
    assert list(cfg.tags) == ["dev"]


def test_tags_are_asked_for_on_a_terminal(compose_config: Compose, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: "a, b")
    cfg = compose_config("tags=[]")
    enforce_tags(cfg)
    assert list(cfg.tags) == ["a", "b"]


def test_warnings_are_silenced_on_request(compose_config: Compose):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        apply_extras(compose_config("extras.ignore_warnings=true"))
        warnings.warn("hush", stacklevel=1)
    assert not [w for w in caught if "hush" in str(w.message)]


def test_data_caches_follow_the_data_folder(monkeypatch: pytest.MonkeyPatch):
    for name in ("HF_HOME", "HF_DATASETS_CACHE", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    use_data_folder("/x")
    assert os.environ["HF_DATASETS_CACHE"] == "/x/huggingface/datasets"
    assert os.environ["HF_HUB_CACHE"] == "/x/huggingface/hub"


def test_the_environment_has_the_last_word_on_caches(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_HOME", "/mine")
    monkeypatch.setenv("HF_DATASETS_CACHE", "")
    monkeypatch.delenv("HF_DATASETS_CACHE")
    use_data_folder("/x")
    assert "HF_DATASETS_CACHE" not in os.environ
