"""What may be built from the configuration of a checkpoint."""

import builtins
import contextlib
import importlib
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import torch
import yaml
from omegaconf import OmegaConf
from setting import ROOT

from ml_core.data.base_datamodule import BaseDataModule
from ml_core.errors import PolicyError, UserError
from ml_core.models.base_module import BaseLitModule
from ml_core.utils.instantiators import Builder
from ml_core.utils.targets import resolve_target
from ml_core.utils.trust import Trust, origin_of

STORED_GROUPS = ("data", "model", "callbacks", "experiment", "debug")


def targets_of(value):
    """Yield every `_target_` in plain data."""
    if isinstance(value, dict):
        if "_target_" in value:
            yield value["_target_"]
        for child in value.values():
            yield from targets_of(child)
    elif isinstance(value, list):
        for child in value:
            yield from targets_of(child)


CONFIGS = [path for group in STORED_GROUPS for path in sorted((ROOT / "configs" / group).rglob("*.yaml"))]
TARGETS = sorted({target for path in CONFIGS for target in targets_of(yaml.safe_load(path.read_text()))})


def check(target, *, name="a.b", keys=(), packages=(), folders=()):
    Trust(packages, folders)(name, target, keys, "model.x")


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    """A module of the user's own project."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "module_of_my_own.py").write_text(
        "from subprocess import Popen\nclass Network:\n    @classmethod\n    def make(cls): ...\ndef function(): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "project")
    yield importlib.import_module("module_of_my_own")
    del sys.modules["module_of_my_own"]


# ---- what is allowed


def test_the_glob_found_the_configurations():
    assert {path.parent.name for path in CONFIGS} >= {"data", "model", "callbacks", "experiment"}
    assert len(TARGETS) >= 15


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_of_our_own_configurations_is_allowed(target):
    check(resolve_target(target), name=target)


@pytest.mark.parametrize(
    "target",
    [
        "torch.nn.functional.mse_loss",
        "torch.cat",
        "torch.einsum",
        "torch.optim.lr_scheduler.OneCycleLR",
        "torchvision.models.resnet18",
        "torchvision.transforms.v2.RandomCrop",
        "torchmetrics.functional.accuracy",
        "datasets.load_dataset",
        "datasets.Dataset.from_dict",
        "lightning.pytorch.callbacks.LearningRateMonitor",
    ],
)
def test_the_libraries_are_allowed(target):
    check(resolve_target(target), name=target)


def test_a_module_of_the_users_own_folder_is_allowed(own_module):
    folder = Path(own_module.__file__).parent

    for target in (own_module.Network, own_module.Network.make, own_module.function):
        check(target, folders=[folder])
        check(target, folders=[folder.parent])


def test_a_package_that_the_user_vouches_for_is_allowed():
    check(yaml.safe_load, packages=["yaml"])


# ---- what is refused


def test_a_refusal_names_target_path_and_the_way_out():
    with pytest.raises(PolicyError) as error:
        check(yaml.safe_load, name="yaml.safe_load")

    assert str(error.value) == (
        "model.x._target_: yaml.safe_load comes out of a checkpoint and is not among the libraries that are built "
        "from one. If you trust where the file comes from: trust=[yaml]"
    )


REEXPORTED = [getattr(builtins, name) for name in ("eval", "exec", "getattr", "open", "__import__", "compile", "print")]


@pytest.mark.parametrize(
    "target",
    [
        os.system,
        os.remove,
        subprocess.Popen,
        importlib.import_module,
        torch.load,
        torch.save,
        torch.hub.load,
        torch.hub.load_state_dict_from_url,
        torch.from_file,
        torch.jit.load,
        torch.ops.load_library,
        torch.compile,
        torch.nn.modules.module.warnings.warn,
        torch.Tensor.apply_,
        BaseLitModule.load_from_checkpoint,
        BaseDataModule.load_from_checkpoint,
        *REEXPORTED,
    ],
    ids=origin_of,
)
def test_what_reaches_beyond_the_process_is_refused_by_whatever_name(target):
    with pytest.raises(PolicyError):
        check(target, name="torch.nn.innocent")


@pytest.mark.parametrize(
    "target", ["datasets.Dataset.to_csv", "datasets.Dataset.to_json", "datasets.Dataset.push_to_hub"]
)
def test_methods_that_write_files_are_refused(target):
    with pytest.raises(PolicyError):
        check(resolve_target(target), name=target)


def test_a_configuration_cannot_write_a_file(tmp_path):
    text = {"_target_": "datasets.Dataset.from_dict", "mapping": {"import os": ["os.system('true')"]}}
    config = {
        "part": {
            "_target_": "datasets.Dataset.to_csv",
            "_args_": [text, f"{tmp_path}/sitecustomize.py"],
            "index": False,
        }
    }

    with pytest.raises(PolicyError):
        Builder(OmegaConf.create(config), Trust([], [])).build("part")

    assert list(tmp_path.iterdir()) == []


def test_importing_a_module_by_name_is_refused():
    with pytest.raises(PolicyError):
        check(resolve_target("datasets.load.import_main_class"))


def test_a_configuration_cannot_delete_a_folder(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("")
    config = {
        "part": {
            "_target_": "lightning.pytorch.callbacks.ModelCheckpoint._link_checkpoint",
            "trainer": {
                "_target_": "torch.nn.ModuleDict",
                "modules": {"is_global_zero": {"_target_": "torch.nn.ReLU"}},
            },
            "filepath": "anything",
            "linkpath": str(tmp_path / "home"),
        }
    }

    with contextlib.suppress(UserError):
        Builder(OmegaConf.create(config), Trust([], [])).build("part")

    assert (tmp_path / "home" / "thesis.tex").exists()


def test_a_configuration_cannot_overwrite_a_file(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    callback = "lightning.pytorch.callbacks.ModelCheckpoint"
    config = {"part": {"_target_": f"{callback}.to_yaml", "_args_": [{"_target_": callback}, f"{tmp_path}/thesis.tex"]}}

    with contextlib.suppress(UserError):
        Builder(OmegaConf.create(config), Trust([], [])).build("part")

    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize(
    "target",
    ["torchmetrics.multimodal.clip_score.CLIPScore", "torchmetrics.functional.multimodal.clip_score.clip_score"],
)
def test_metrics_that_load_foreign_code_are_refused(target):
    with pytest.raises(PolicyError):
        check(resolve_target(target), name=target, keys=["model_name_or_path"])


def test_foreign_code_of_a_data_set_is_refused():
    with pytest.raises(PolicyError) as error:
        check(resolve_target("datasets.load_dataset"), keys=["path", "trust_remote_code"])

    assert str(error.value) == "model.x.trust_remote_code: comes out of a checkpoint and would load foreign code."


def test_foreign_code_stays_refused_where_the_package_is_trusted():
    with pytest.raises(PolicyError):
        check(resolve_target("datasets.load_dataset"), keys=["trust_remote_code"], packages=["datasets"])


def test_a_module_outside_of_the_users_folders_is_refused(own_module, tmp_path):
    for folders in ([], [tmp_path / "elsewhere"]):
        with pytest.raises(PolicyError, match=r"trust=\[module_of_my_own\]"):
            check(own_module.Network, folders=folders)


def test_what_a_module_of_the_user_imported_is_not_the_users_own(own_module):
    with pytest.raises(PolicyError):
        check(own_module.Popen, folders=[Path(own_module.__file__).parent])


def test_installed_packages_below_the_users_folder_are_not_the_users_own():
    with pytest.raises(PolicyError):
        check(yaml.safe_load, folders=[Path(yaml.__file__).parents[2]])


def test_the_standard_library_below_the_users_folder_is_not_the_users_own():
    with pytest.raises(PolicyError):
        check(subprocess.Popen, folders=[Path(sysconfig.get_path("stdlib")).parent])


def test_a_package_whose_name_only_starts_alike_is_refused():
    with pytest.raises(PolicyError):
        check(yaml.safe_load, packages=["yam"])


def test_our_own_modules_that_are_not_listed_are_refused():
    with pytest.raises(PolicyError):
        check(resolve_target("ml_core.utils.checkpoint_io.AtomicCheckpointIO"), folders=[ROOT])


def test_the_guard_reaches_nested_nodes():
    config = {
        "part": {"_target_": "torch.nn.Sequential", "_args_": [{"_target_": "yaml.safe_load", "_partial_": True}]}
    }

    with pytest.raises(PolicyError, match=r"^part\._args_\[0\]\._target_: yaml\.safe_load comes out of a checkpoint"):
        Builder(OmegaConf.create(config), Trust([], [])).build("part")


# ---- where an object comes from


@pytest.mark.parametrize(
    ("target", "origin"),
    [
        (torch.nn.Linear, "torch.nn.modules.linear.Linear"),
        (torch.argmax, "torch._VariableFunctionsClass.argmax"),
        (torch.nn.Embedding.from_pretrained, "torch.nn.modules.sparse.Embedding.from_pretrained"),
        (os.system, f"{os.name}.system"),
        (len, "builtins.len"),
    ],
)
def test_the_origin_is_where_an_object_was_defined(target, origin):
    assert origin_of(target) == origin
