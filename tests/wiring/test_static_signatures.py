"""Signatures read off source, against `inspect.signature` of the imported libraries."""

import importlib.util
import inspect
import subprocess
import sys

import pytest
from setting import ROOT

from ml_core.errors import MissingPackageError
from ml_core.utils.targets import resolve_target
from ml_core.wiring.static_signatures import Reference, Resolver, Unresolved

SPEC = importlib.util.spec_from_file_location("bench_signatures", ROOT / "scripts" / "bench_signatures.py")
bench = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(bench)

TARGETS = bench.config_targets(ROOT / "configs")


@pytest.fixture(scope="module")
def resolver() -> Resolver:
    return Resolver()


@pytest.mark.parametrize(
    ("namespace", "least"),
    [
        ("torch.nn", 160),
        ("torch.optim", 15),
        ("torch.optim.lr_scheduler", 15),
        ("torchmetrics", 95),
        ("torchvision.transforms.v2", 65),
        ("lightning.pytorch.callbacks", 20),
        ("lightning.pytorch.loggers", 4),
        ("optuna.samplers", 10),
    ],
)
def test_no_signature_of_a_library_contradicts_the_imported_one(resolver, namespace, least):
    verdicts = {target: bench.verdict(resolver, target, value) for target, value in bench.public_callables(namespace)}

    assert {target: verdict for target, verdict in verdicts.items() if ":" in verdict} == {}
    assert sum(verdict == "same" for verdict in verdicts.values()) >= least


@pytest.mark.parametrize(
    "target",
    ["torch.utils.data.DataLoader", "datasets.load_dataset", "datasets.Dataset.from_dict", "datasets.Dataset.map"],
)
def test_no_signature_of_these_contradicts_the_imported_one(resolver, target):
    assert bench.contradiction(resolver.signature(target), resolve_target(target)) is None


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_of_the_configurations_is_read_as_it_is(resolver, target):
    try:
        value = resolve_target(target)
    except MissingPackageError:
        with pytest.raises(Unresolved) as failure:
            resolver.signature(target)
        assert failure.value.kind == "package"
        return

    static = resolver.signature(target)
    try:
        assert bench.contradiction(static, value) is None
    except ValueError:  # `torch.argmax` has no signature at run time
        assert static.names


def test_there_are_targets():
    assert len(TARGETS) > 20


@pytest.mark.parametrize(
    "target", ["ml_core.callbacks.early_stopping.EarlyStopping", "ml_core.callbacks.model_checkpoint.ModelCheckpoint"]
)
def test_our_callbacks_take_what_they_say_at_run_time(resolver, target):
    real = inspect.signature(resolve_target(target)).parameters
    static = resolver.signature(target)

    assert {*static.names} == {*real}
    assert {p.name: p.default for p in static.parameters}["mode"] == "'auto'"


def test_our_data_module_takes_the_arguments_of_the_loader(resolver):
    static = resolver.signature("ml_core.data.base_datamodule.BaseDataModule")

    assert not static.is_open
    assert {"hf_dict_dataset", "transform", "batch_size", "num_workers", "pin_memory"} <= {*static.names}
    assert not {"dataset", "batch_sampler", "generator"} & {*static.names}
    assert static.required == {"hf_dict_dataset"}


def test_a_class_that_makes_others_takes_the_arguments_of_all(resolver):
    static = resolver.signature("torchmetrics.Accuracy")

    assert {"task", "num_classes", "top_k", "multidim_average", "sync_on_compute"} <= {*static.names}
    assert (static.required, static.is_open) == ({"task"}, False)
    assert resolver.method("torchmetrics.Accuracy", "update").names == ("preds", "target")


@pytest.mark.parametrize(
    ("target", "name", "names"),
    [
        ("torch.nn.CrossEntropyLoss", "forward", ("input", "target")),
        ("torch.nn.LSTM", "forward", ("input", "hx")),
        ("torch.nn.TransformerEncoder", "forward", ("src", "mask", "src_key_padding_mask", "is_causal")),
        ("torchmetrics.MeanSquaredError", "update", ("preds", "target")),
        ("torchmetrics.classification.MulticlassAccuracy", "update", ("preds", "target")),
        ("ml_core.models.components.simple_dense_net.SimpleDenseNet", "forward", ("x",)),
        ("datasets.Dataset", "from_dict", ("mapping", "features", "info", "split", "on_mixed_types")),
    ],
)
def test_methods_are_read_without_self_inherited_ones_too(resolver, target, name, names):
    assert resolver.method(target, name).names == names


def test_a_network_without_a_forward_takes_anything(resolver):
    assert resolver.method("torch.nn.Module", "forward").takes_args


@pytest.mark.parametrize(
    ("target", "name", "kind"),
    [
        ("torch.nn.CrossEntropyLoss", "forwrd", "name"),
        ("torchvision.models.resnet18", "forward", "dynamic"),
        ("absent.Net", "forward", "package"),
    ],
)
def test_a_method_that_is_not_there_says_why(resolver, target, name, kind):
    with pytest.raises(Unresolved) as failure:
        resolver.method(target, name)

    assert failure.value.kind == kind


@pytest.mark.parametrize(
    "target", ["torch.nn.LSTM", "torchmetrics.Accuracy", "torch.optim.AdamW", "lightning.pytorch.callbacks.Timer"]
)
def test_the_ancestors_are_those_of_python(resolver, target):
    real = {f"{base.__module__}.{base.__qualname__}" for base in resolve_target(target).__mro__[:-1]}

    assert {*resolver.bases(target)} == real


def test_a_function_has_no_ancestors(resolver):
    assert resolver.bases("torch.argmax") == frozenset()


def test_class_attributes_that_are_written_out_are_read(resolver):
    assert resolver.class_attribute("torchmetrics.classification.MulticlassAccuracy", "higher_is_better") is True
    assert resolver.class_attribute("torch.nn.LSTM", "__constants__") == resolve_target("torch.nn.LSTM").__constants__
    wrapped = resolver.class_attribute("ml_core.models.base_module.BaseLitModule", "wrapped_parameters")
    assert wrapped == {"scheduler": Reference("ml_core.models.optimization.SchedulerSpec")}


def test_a_question_is_answered_once(resolver):
    assert resolver.signature("torch.optim.Adam") is resolver.signature("torch.optim.Adam")


@pytest.mark.slow
def test_reading_the_targets_imports_none_of_their_libraries():
    code = f"""
import sys
from ml_core.wiring.static_signatures import Resolver, Unresolved
resolver = Resolver()
for target in {TARGETS}:
    try:
        resolver.signature(target)
        resolver.bases(target)
    except Unresolved:
        pass
heavy = {{name.split(".")[0] for name in sys.modules}} & {{target.split(".")[0] for target in {TARGETS}}}
print(sorted(heavy - {{"ml_core", "datetime"}}))
print(sorted(name for name in sys.modules if name.startswith("ml_core.") and "wiring" not in name))
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True).stdout

    assert output.splitlines() == ["[]", "[]"]
