"""In which file and line a key was written."""

from __future__ import annotations

from pathlib import Path

import pytest
from setting import ROOT, Compose

from ml_core.utils import origins
from ml_core.utils.origins import Origin, Origins, marks

NETWORK = "configs/model/network/simple_dense_net.yaml"


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def line_of(file: str, text: str) -> int:
    return (ROOT / file).read_text().splitlines().index(text) + 1


@pytest.mark.parametrize(
    ("path", "file", "text"),
    [
        ("seed", "configs/experiment/example.yaml", "seed: 12345"),
        ("model.optimizer.lr", "configs/experiment/example.yaml", "    lr: 0.002"),
        ("model.optimizer.weight_decay", "configs/model/optimizer/adam.yaml", "weight_decay: 0.0"),
        ("model.forward_fn.network.transform.lin1_size", NETWORK, "lin1_size: 256"),
        ("data.transform.normalize.transform.mean[0]", "configs/data/mnist_mini.yaml", "      mean: [0.1307]"),
        ("callbacks.model_checkpoint.monitor", "configs/callbacks/model_checkpoint.yaml", "  monitor: val/best"),
        ("task_name", "configs/train.yaml", "task_name: train"),
    ],
)  # fmt: skip
def test_every_key_knows_the_file_that_had_the_last_word(path: str, file: str, text: str, compose_config: Compose):
    compose_config("experiment=example")
    assert origins.current().of(path) == Origin(file, line_of(file, text))


def test_what_was_not_written_is_looked_for_around_it(compose_config: Compose):
    compose_config("experiment=example")
    file = "configs/experiment/example.yaml"
    assert origins.current().of("model.optimizer.lr.nothing[3].here") == Origin(file, line_of(file, "    lr: 0.002"))
    assert origins.current().of("nowhere.at.all") is None


def test_the_command_line_is_an_origin_as_it_was_typed(compose_config: Compose):
    compose_config("experiment=example", "model.optimizer.lr=1", "+trainer.deterministic=true", "logger=csv")
    current = origins.current()
    assert str(current.of("model.optimizer.lr")) == "command line: model.optimizer.lr=1"
    assert str(current.of("trainer.deterministic")) == "command line: +trainer.deterministic=true"
    assert str(current.of("logger.csv")) == "configs/logger/csv.yaml:4"  # a choice of a group is no value


def test_a_new_composition_forgets_the_one_before(compose_config: Compose):
    compose_config("experiment=example")
    compose_config("seed=3")
    assert str(origins.current().of("seed")) == "command line: seed=3"
    assert origins.current().of("trainer.max_epochs").place == "configs/trainer/default.yaml"


def test_an_override_of_a_whole_node_replaces_what_files_have_below_it(tmp_path: Path):
    file = tmp_path / "a.yaml"
    file.write_text("# a comment\nbetas: [0.9, 0.99]\nlr: 1\n")
    found = Origins()
    found.add_file(file, "model.optimizer")
    assert found.of("model.optimizer.betas[1]") == Origin(str(file), 2)
    found.add_override("model.optimizer.betas", "model.optimizer.betas=[1,1]")
    assert str(found.of("model.optimizer.betas[1]")) == "command line: model.optimizer.betas=[1,1]"
    assert found.keys_under("model.optimizer") == ["betas", "lr"]


def test_marks_leave_the_defaults_list_out():
    assert list(marks("defaults:\n  - a: b\nx:\n  y: [1,\n      2]\n")) == [
        ("x", 3), ("x.y", 4), ("x.y[0]", 4), ("x.y[1]", 5),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "# nothing", "- 1", "3", "a: [", "a: b: c"])
def test_a_file_that_is_no_mapping_marks_nothing_else(text: str):
    assert [path for path, _ in marks(text) if path != "[0]"] == []
