"""The schemas that `check.py schema` writes: what they let pass, what they refuse, and what an editor can show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, ValidationError
from omegaconf import OmegaConf
from setting import ROOT

from ml_core.errors import ConfigError
from ml_core.wiring.schema.command import main, write_schemas
from ml_core.wiring.static_signatures import Resolver

CONFIGS = ROOT / "configs"
FILES = sorted(p.relative_to(CONFIGS) for p in CONFIGS.rglob("*.yaml") if p.parts[-2] != "local")

Faults = Callable[[str, str], list[str]]
Own = Callable[[str, dict[str, str]], dict[str, Any]]


def schema_of(file: Path) -> str:
    return file.stem if len(file.parts) == 1 else file.parent.as_posix()


def leaves(error: ValidationError) -> Iterator[ValidationError]:
    if not error.context:
        yield error
    for inner in error.context or ():
        yield from leaves(inner)


def faults(schema: dict[str, Any], text: str) -> list[str]:
    """Return `path: message` of everything that a schema refuses in a YAML text."""
    data = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
    errors = [leaf for error in Draft7Validator(schema).iter_errors(data) for leaf in leaves(error)]
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]


def read(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Schemas of the shipped configurations."""
    into = tmp_path_factory.mktemp("project") / "schemas"
    write_schemas([CONFIGS], into, Resolver())
    return into


@pytest.fixture
def found(folder: Path) -> Faults:
    return lambda name, text: faults(read(folder, name), text)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Own:
    """Write files, and return the schema of a group of the configurations among them."""

    def write(group: str, files: dict[str, str]) -> dict[str, Any]:
        for name, text in files.items():
            path = tmp_path / ("" if name.endswith(".py") else "configs") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        write_schemas([tmp_path / "configs"], tmp_path / "schemas", Resolver())
        return read(tmp_path / "schemas", group)

    return write


# What passes


def test_there_is_a_schema_for_every_file(folder: Path):
    assert len(FILES) > 40
    assert {schema_of(file) for file in FILES} <= {
        path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.json")
    }


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_shipped_file_passes(file: Path, found: Faults):
    assert found(schema_of(file), (CONFIGS / file).read_text()) == []


def test_the_schemas_are_valid_themselves_and_stand_alone(folder: Path):
    Draft7Validator.check_schema(read(folder, "experiment"))  # has all definitions
    for path in folder.rglob("*.json"):
        schema = json.loads(path.read_text())
        Draft7Validator.check_schema({**schema, "definitions": {}})
        assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
        assert all(ref.startswith("#/definitions/") for ref in _references(schema))


def _references(schema: Any) -> Iterator[str]:
    for key, inner in schema.items() if isinstance(schema, dict) else enumerate(schema):
        if key == "$ref":
            yield inner
        elif isinstance(inner, (dict, list)):
            yield from _references(inner)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("experiment", "trainer: {max_epochs: '${params.epochs}', min_epochs: '???'}"),
        ("experiment", "trainer: {strategy: {_target_: my.own.Strategy, anything: 1}}"),
        ("experiment", "params: {my_own: {of: [any, kind]}, instances: {net: {_target_: my.Net, width: 3}}}"),
        ("experiment", "callbacks: {mine: {_target_: my.Callback, every: 3}, early_stopping: null}"),
        ("experiment", "callbacks: null"),
        ("experiment", "model: {forward_fn: {network: {transform: {_target_: my.Net, width: 3}}}}"),
        ("experiment", "model: {forward_fn: {second: '${params.instances.second}'}}"),
        ("experiment", "model: {scheduler: {_target_: torch.optim.lr_scheduler.StepLR, step_size: 3, interval: step}}"),
        ("experiment", "model: {criterions: {criterions: {_target_: torch.nn.MSELoss}, mapping: {output: input}}}"),
        ("experiment", "defaults: [override /data: mnist, override /model/optimizer: sgd, _self_]"),
        ("experiment", "defaults: [override /hydra/launcher: joblib, optional /mine: any, override /model: '???']"),
        ("experiment", "defaults: [/model/network@params.instances.net: simple_dense_net, mnist@_here_]"),
        ("model", "defaults: [base, optimizer: sgd, override /model/scheduler: none, /logger: [csv, wandb]]"),
        ("model/optimizer", "{_target_: my.Optimizer, _partial_: true, anything: 3}"),
        ("model/scheduler", "scheduler: null"),
        ("logger", "{}"),
        ("check", "level: 2"),
        ("eval", "defaults: [data: from_checkpoint, run: from_checkpoint]"),
        ("hydra", "{run: {dir: x}, launcher: {n_jobs: 3}, job: {chdir: true}}"),
    ],
)
def test_what_is_right_passes(name: str, text: str, found: Faults):
    assert found(name, text) == []


# What is refused


STEPS = "model.forward_fn"
METRICS = "metrics_callback: {metrics: {metrics: {%s}}}"
MISTAKES = [
    # an experiment
    ("experiment", "trianer: {max_epochs: 1}", "", "trianer"),
    ("experiment", "seed: twelve", "seed", "twelve"),
    ("experiment", "trainer: gpu", "trainer", "gpu"),
    ("experiment", "trainer: {max_epochs: ten}", "trainer.max_epochs", "ten"),
    ("experiment", "extras: {print_confg: true}", "extras", "print_confg"),
    ("experiment", "model: {optimizer: {lrr: 1}}", "model.optimizer", "lrr"),
    ("experiment", "model: {optimzer: {lr: 1}}", "model", "optimzer"),
    ("experiment", "model: {defaults: [base]}", "model", "defaults"),
    ("experiment", "model: {forward_fn: {netwrk: {new_key: x}}}", f"{STEPS}.netwrk", "_target_"),
    ("experiment", "model: {forward_fn: {network: {transform: {dims: 3}}}}", f"{STEPS}.network.transform", "dims"),
    ("experiment", "callbacks: {early_stoping: {patience: 3}}", "callbacks.early_stoping", "_target_"),
    ("experiment", "params: {a: [{_target_: torch.nn.CrossEntropyLoss, weightt: 3}]}", "params.a.0", "weightt"),
    ("experiment", "logger: {x: {_target_: lightning.pytorch.loggers.CSVLogger, savedir: y}}", "logger.x", "savedir"),
    # a choice of Literal, with a target and without
    ("data", "{a: {_target_: torchmetrics.Accuracy, task: multi}}", "a.task", "multiclass"),
    ("callbacks", METRICS % "f1: {_target_: torchmetrics.F1Score, task: multi}", "f1.task", "multiclass"),
    ("callbacks", METRICS % "accuracy: {task: multi}", "accuracy.task", "multiclass"),
    ("model/scheduler", "mode: minimum", "mode", "min"),
    # defaults lists
    ("experiment", "defaults: [override /data: mnits]", "defaults.0.override /data", "mnits"),
    ("experiment", "defaults: [override /dta: mnist]", "defaults.0", "override /dta"),
    ("experiment", "defaults: [example_file]", "defaults.0", "example_file"),
    ("trainer", "defaults: [defaultt]", "defaults.0", "defaultt"),
    ("model", "defaults: [base, override optimizer: adm]", "defaults.1.override optimizer", "adm"),
    ("train", "defaults: [data: from_checkpoint]", "defaults.0.data", "from_checkpoint"),
    # a file of a group
    ("model/optimizer", "{_target_: torch.optim.Adam, lrr: 1}", "", "lrr"),
    ("model/optimizer", "{_target_: torch.optim.Muon, lrr: 1}", "", "lrr"),
    ("model/optimizer", "{_target_: torch.optim.Adam, _partial_: maybe}", "_partial_", "maybe"),
    ("model/scheduler", "{_target_: torch.optim.lr_scheduler.StepLR, intervl: step}", "", "intervl"),
    ("model/scheduler", "schedular: null", "", "schedular"),
    ("train", "trianer: {max_epochs: 1}", "", "trianer"),
    ("train", "level: 2", "", "level"),
    ("model/network", "{lin1_dims: 3}", "", "lin1_dims"),
    ("hydra", "{run: {dirr: x}}", "run", "dirr"),
]


@pytest.mark.parametrize(("name", "text", "where", "word"), MISTAKES)
def test_a_planted_mistake_is_refused(name: str, text: str, where: str, word: str, found: Faults):
    told = [fault.partition(": ") for fault in found(name, text)]
    assert any(path.endswith(where) and word in message for path, _, message in told), told


# What an editor shows


def test_an_argument_has_its_type_default_and_documentation(folder: Path):
    lr = read(folder, "experiment")["definitions"]["target.torch.optim.Adam"]["properties"]["lr"]
    assert lr["type"][0] == "number"
    assert lr["default"] == 0.001
    assert lr["description"].startswith("learning rate (default: 1e-3)")


def test_documentation_comes_through_keyword_arguments_and_base_classes(folder: Path):
    definitions = read(folder, "experiment")["definitions"]
    loader = definitions["target.ml_core.data.base_datamodule.BaseDataModule"]["properties"]["num_workers"]
    assert "how many subprocesses to use" in loader["description"]
    checkpoint = definitions["target.ml_core.callbacks.model_checkpoint.ModelCheckpoint"]["properties"]["save_top_k"]
    assert "best `k` models" in checkpoint["description"] or "save_top_k" in checkpoint["description"]


def test_a_comment_in_a_file_comes_before_the_documentation(folder: Path):
    patience = read(folder, "experiment")["definitions"]["place.callbacks.early_stopping"]["patternProperties"]
    described = patience["^patience$"]["description"]
    assert described.startswith("Validations without improvement before stopping\n\nnumber of checks")


def test_targets_of_a_place_are_offered_with_their_family(folder: Path):
    offered = read(folder, "model/optimizer")["properties"]["_target_"]["anyOf"][0]["enum"]
    assert offered[0].startswith("torch.optim.")
    assert {"torch.optim.Adam", "torch.optim.SGD", "torch.optim.Muon", "torch.optim.LBFGS"} <= set(offered)
    assert "torch.optim.Optimizer" not in offered


def test_options_are_offered_with_what_their_headers_say(folder: Path):
    entries = read(folder, "experiment")["properties"]["defaults"]["items"]["then"]["properties"]
    assert {"override /data", "/data", "override /model/optimizer"} <= set(entries)
    assert "`mnist_mini`: 5,000 MNIST digits that ship with the package" in entries["override /data"]["description"]


# Configurations of one's own


NETS = '''
class TinyNet:
    """A tiny network.

    Args:
        width: Units of the hidden layer.
    """

    def __init__(self, width: int, kind: "Literal['a', 'b']" = "a"): ...


class Deep(TinyNet):
    def __init__(self, depth: int = 3, **kwargs):
        super().__init__(**kwargs)
'''
TINY = "_target_: own_nets.TinyNet\nwidth: 3\n"
DEEP = "_target_: own_nets.Deep\n"
EXPERIMENT = "# @package _global_\n{}\n"


def test_an_own_class_is_read_from_source(own: Own):
    schema = own("net", {"own_nets.py": NETS, "net/tiny.yaml": TINY})
    width = schema["definitions"]["target.own_nets.TinyNet"]["properties"]["width"]
    assert width["description"] == "Units of the hidden layer."
    assert faults(schema, "{_target_: own_nets.TinyNet, width: 3, kind: b, defaults: [tiny]}") == []
    assert faults(schema, "{_target_: own_nets.TinyNet, width: wide}") != []
    assert faults(schema, "{_target_: own_nets.TinyNet, kind: c}") != []
    assert faults(schema, "{_target_: own_nets.Deep, depth: 3, widthh: 3}") != []
    assert "own_nets" not in sys.modules


def test_a_fragment_takes_what_any_target_at_its_place_takes(own: Own):
    options = {"data/tiny.yaml": TINY, "data/deep.yaml": DEEP}
    schema = own("experiment", {"own_nets.py": NETS, **options, "experiment/a.yaml": EXPERIMENT})
    assert faults(schema, "data: {width: 1, depth: 2}") == []
    assert faults(schema, "data: {dept: 2}") != []


def test_a_package_header_says_where_a_file_lands(own: Own):
    option = {"net/tiny.yaml": f"# @package model.forward\n{TINY}"}
    schema = own("experiment", {"own_nets.py": NETS, **option, "experiment/a.yaml": EXPERIMENT})
    assert faults(schema, "model: {forward: {width: 1}}") == []
    assert faults(schema, "model: {forward: {widthh: 1}}") != []
    assert faults(schema, "net: {width: 1}") != []


def test_a_package_header_below_another_comment_is_none_for_hydra_either(own: Own):
    option = {"net/tiny.yaml": f"# A net.\n# @package model.forward\n{TINY}"}
    schema = own("experiment", {"own_nets.py": NETS, **option, "experiment/a.yaml": EXPERIMENT})
    assert faults(schema, "model: {forward: {widthh: 1}}") == []


def test_a_package_in_a_defaults_list_says_where_a_group_lands(own: Own):
    experiment = "# @package _global_\ndefaults:\n  - /net@params.instances.teacher: tiny\n"
    schema = own("experiment", {"own_nets.py": NETS, "net/tiny.yaml": TINY, "experiment/a.yaml": experiment})
    assert faults(schema, "params: {instances: {teacher: {width: 1}}}") == []
    assert faults(schema, "params: {instances: {teacher: {widthh: 1}}}") != []


def test_an_own_file_hides_its_namesake(tmp_path: Path, own: Own):
    alone = own("data", {"own_nets.py": NETS, "data/a.yaml": TINY})
    assert faults(alone, "{depth: 3}") != []
    (tmp_path / "mine" / "data").mkdir(parents=True)
    (tmp_path / "mine" / "data" / "a.yaml").write_text(DEEP)
    write_schemas([tmp_path / "mine", tmp_path / "configs"], tmp_path / "both", Resolver())
    assert faults(read(tmp_path / "both", "data"), "{depth: 3}") == []


@pytest.mark.parametrize(
    "typo",
    [
        "data: {widthh: 3}",
        "data: {widdth: {_target_: own_nets.TinyNet}}",
        "callbacks: {mien: {every: 3}}",
        "trianer: {max_epochs: 1}",
    ],
)
def test_a_typo_is_one_though_it_stands_in_a_file_already(typo: str, own: Own):
    options = {"data/tiny.yaml": TINY, "callbacks/mine.yaml": "mine:\n  _target_: own_nets.Deep\n"}
    experiments = {
        "experiment/a.yaml": f"# @package _global_\n{typo}\n",
        "experiment/b.yaml": "# @package _global_\ndata:\n  _target_: own_nets.TinyNett\n",
    }
    schema = own("experiment", {"own_nets.py": NETS, **options, **experiments})
    assert faults(schema, typo) != []
    assert faults(schema, "data: {width: 3}") == []


def test_what_is_one_node_or_a_mapping_of_nodes_may_be_either(own: Own):
    parts = "_target_: my.Unread\nparts:\n  "
    options = {
        "data/one.yaml": f"{parts}_target_: own_nets.TinyNet\n",
        "data/two.yaml": f"{parts}first: {{_target_: own_nets.Deep}}\n  second: {{_target_: own_nets.Deep}}\n",
    }
    schema = own("experiment", {"own_nets.py": NETS, **options, "experiment/a.yaml": EXPERIMENT})
    assert faults(schema, "data: {parts: {first: {depth: 3}}}") == []
    assert faults(schema, "data: {parts: {third: {_target_: own_nets.Deep}}}") == []
    assert faults(schema, "data: {parts: {first: {dept: 3}}}") != []
    assert faults(schema, "data: {parts: {widthh: 3}}") != []


def test_a_primary_configuration_has_options_of_its_own_but_no_typos(own: Own):
    schema = own("predict", {"predict.yaml": "columns: [label]\ntrianer: {max_epochs: 1}\n"})
    assert faults(schema, "columns: [label]") == []
    assert faults(schema, "trianer: {max_epochs: 1}") != []


def test_a_target_that_is_not_installed_leaves_its_place_open(own: Own):
    option = {"data/far.yaml": "_target_: not_installed.Data\nwidth: 3\n"}
    schema = own("experiment", {**option, "experiment/a.yaml": EXPERIMENT})
    assert faults(schema, "data: {anything: 3}") == []


def test_a_file_that_is_no_yaml_is_named_with_its_line(own: Own):
    with pytest.raises(ConfigError, match=r"broken.yaml:2: is no YAML"):
        own("data", {"data/broken.yaml": "a: 1\nb: ]\n"})


def test_the_command_goes_on_past_a_file_that_is_no_yaml_and_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs" / "data").mkdir(parents=True)
    (tmp_path / "configs" / "data" / "broken.yaml").write_text("a: 1\nb: ]\n")
    assert main(["--into", "schemas"]) == 64
    printed = capsys.readouterr()
    assert printed.out.startswith("Wrote ")
    assert printed.err.startswith("ERROR [configs/data/broken.yaml:2]: is no YAML")
    assert (tmp_path / "schemas" / "data.json").is_file()


# The command


def test_the_command_writes_beside_the_configurations_and_tells_how_to_use_it(tmp_path, monkeypatch, capsys):
    (tmp_path / "configs" / "experiment").mkdir(parents=True)
    (tmp_path / "configs" / "experiment" / "mine.yaml").write_text("# @package _global_\nseed: 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr("ml_core.wiring.schema.command.config_folder", lambda: tmp_path / "configs")
    assert main([]) == 0
    assert (tmp_path / "schemas" / ".gitignore").read_text() == "*\n"
    printed = capsys.readouterr().out
    assert "# yaml-language-server: $schema=../../schemas/experiment.json" in printed
    settings = json.loads(printed[printed.index("{\n") :])
    assert settings == {"yaml.schemas": {"schemas/experiment.json": "configs/experiment/*.yaml"}}


def test_a_folder_that_is_there_already_stays_under_version_control(tmp_path: Path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "train.yaml").write_text("seed: 1\n")
    (tmp_path / "here").mkdir()
    assert write_schemas([tmp_path / "configs"], tmp_path / "here", Resolver()) == [tmp_path / "here" / "train.json"]
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["train.json"]


def test_a_mistake_ends_with_a_message_and_its_code(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["--config-dir", "missing"]) == 64
    assert "there is no folder 'missing'" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_imports_no_library_and_writes_the_same_every_time(tmp_path: Path):
    program = (
        "import sys; from ml_core.wiring.schema.command import main; code = main(['--into', sys.argv[1]]);"
        "sys.exit(code or ' '.join({'torch', 'lightning', 'datasets', 'optuna'} & {*sys.modules}) or 0)"
    )
    for seed in ("1", "2"):
        command = [sys.executable, "-c", program, str(tmp_path / seed)]
        env = {**os.environ, "PYTHONHASHSEED": seed, "XDG_CACHE_HOME": str(tmp_path)}
        subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True)
    first, second = (
        {p.relative_to(tmp_path / s): p.read_bytes() for p in (tmp_path / s).rglob("*.json")} for s in "12"
    )
    assert len(first) > 15
    assert first == second
