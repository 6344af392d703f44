"""How nodes become objects."""

import functools
import pickle
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from ml_core.errors import ConfigError, MissingPackageError, PolicyError
from ml_core.utils.instantiators import Builder
from ml_core.utils.targets import resolve_target

LINEAR = {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 1}
SGD = {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.5}


class Component:
    """Keeps what it is given."""

    def __init__(self, *args, value=None, other=None):
        self.args, self.value, self.other = args, value, other


@dataclass(frozen=True)
class Timed:
    """A factory and what stands beside its arguments."""

    factory: object
    interval: str = "epoch"

    def __post_init__(self):
        if self.interval != "epoch":
            raise ConfigError("interval", f"is {self.interval!r}.", "Choices: epoch.")


class Owner:
    """Asks for a callable and for a wrapped node."""

    deferred_parameters: ClassVar = frozenset({"source"})
    wrapped_parameters: ClassVar = {"timed": Timed}

    def __init__(self, source=None, timed=None):
        self.source, self.timed = source, timed


def broken(value=1):
    raise RuntimeError("out of order")


def node(target, **arguments):
    return {"_target_": f"{__name__}.{target.__name__}", **arguments}


def build(value, **further):
    """Build `value` as the node `part` of a configuration."""
    return Builder(OmegaConf.create({"part": value, **further})).build("part")


# ---- one node


def test_a_node_is_one_constructor_call():
    layer = build(LINEAR)

    assert type(layer) is nn.Linear
    assert (layer.in_features, layer.out_features) == (2, 1)


def test_nested_nodes_are_built_first():
    component = build(node(Component, value={"layers": [LINEAR, {"_target_": "torch.nn.ReLU"}]}))

    assert [type(layer) for layer in component.value["layers"]] == [nn.Linear, nn.ReLU]


@pytest.mark.parametrize("config", [{}, {"part": None}])
def test_no_node_is_none(config):
    assert Builder(OmegaConf.create(config)).build("part") is None


def test_further_arguments_can_be_given():
    weight = nn.Parameter(torch.zeros(1))

    optimizer = Builder(OmegaConf.create({"part": {**SGD, "_partial_": False}})).build("part", params=[weight])

    assert optimizer.param_groups[0]["params"] == [weight]


def test_args_come_by_position():
    component = build(node(Component, _args_=[1, "${two}", LINEAR], value=3), two=2)

    assert component.args[:2] == (1, 2)
    assert type(component.args[2]) is nn.Linear
    assert component.value == 3


def test_a_partial_is_the_one_of_functools():
    partial = build(SGD)

    assert type(partial) is functools.partial
    assert (partial.func, partial.args, partial.keywords) == (torch.optim.SGD, (), {"lr": 0.5})


def test_containers_reach_the_component_as_plain_python():
    component = build(node(Component, value={"a": [1, {"b": [2]}]}, other="${list}"), list=[1, {"x": "${..[0]}"}])

    assert component.value == {"a": [1, {"b": [2]}]}
    assert [type(v) for v in (component.value, component.value["a"], component.value["a"][1])] == [dict, list, dict]
    assert component.other == [1, {"x": 1}]
    assert [type(v) for v in (component.other, component.other[1])] == [list, dict]


def test_a_node_that_is_not_recursive_gets_its_nodes_as_plain_data():
    component = build(node(Component, _recursive_=False, value={**LINEAR, "in_features": "${width}"}), width=5)

    assert component.value == {**LINEAR, "in_features": 5}
    assert type(component.value) is dict


def test_values_are_interpolated():
    assert build({**LINEAR, "in_features": "${params.width}"}, params={"width": 7}).in_features == 7


# ---- shared instances


def shared(**nodes):
    return {"params": {"instances": {"net": LINEAR}, "list": [1]}, **nodes}


def test_an_instance_is_built_once_for_all_that_point_at_it():
    builder = Builder(
        OmegaConf.create(
            shared(
                model=node(Component, value="${params.instances.net}", other=["${params.instances.net}"]),
                data=node(Component, value={"inner": "${params.instances.net}"}),
            )
        )
    )
    model, data = builder.build("model"), builder.build("data")

    assert type(model.value) is nn.Linear
    assert model.value is model.other[0]
    assert model.value is data.value["inner"]


def test_an_instance_is_shared_through_another_interpolation():
    component = build(
        node(Component, value="${params.instances.net}", other="${alias}"), **shared(alias="${params.instances.net}")
    )

    assert component.value is component.other


def test_instances_may_point_at_instances():
    instances = {"net": LINEAR, "wrapped": node(Component, value="${params.instances.net}")}

    component = build(
        node(Component, value="${params.instances.net}", other="${params.instances.wrapped}"),
        params={"instances": instances},
    )

    assert component.other.value is component.value


@pytest.mark.parametrize(
    "get",
    [
        lambda builder: builder.build("model").value,
        lambda builder: builder.build("alone"),
        lambda builder: builder.build_each("callbacks")[0],
        lambda builder: builder.build_each("loggers")[0],
    ],
    ids=["inside a node", "a node of its own", "an entry of a mapping", "an entry of a list"],
)
def test_an_instance_is_shared_wherever_it_is_pointed_at_from(get):
    point = "${params.instances.net}"
    builder = Builder(
        OmegaConf.create(
            shared(model=node(Component, value=point), alone=point, callbacks={"a": point}, loggers=[point])
        )
    )

    assert get(builder) is builder.build("model").value


def test_another_builder_builds_other_instances():
    config = OmegaConf.create(shared(part=node(Component, value="${params.instances.net}")))

    assert Builder(config).build("part").value is not Builder(config).build("part").value


@pytest.mark.parametrize("value", ["${head}", {"nested": "${head}"}, ["${head}"], "${group}"])
def test_pointing_at_a_node_elsewhere_is_refused(value):
    config = {"part": node(Component, value=value), "head": LINEAR, "group": {"head": LINEAR}}

    with pytest.raises(ConfigError, match="would become a second object") as error:
        Builder(OmegaConf.create(config)).build("part")

    where, source = {
        "${head}": ("part.value", "head"),
        "${group}": ("part.value", "group"),
    }.get(str(value), ("part.value.nested" if isinstance(value, dict) else "part.value[0]", "head"))
    assert str(error.value) == (
        f"{where}: points at the node '{source}', which has a `_target_`, so it would become a second object. "
        "Move that node to params.instances and point both places at it."
    )


def test_instances_that_point_at_each_other_are_refused():
    instances = {
        "a": node(Component, value="${params.instances.b}"),
        "b": node(Component, value="${params.instances.a}"),
    }

    with pytest.raises(ConfigError, match=r"^params\.instances\.a: is made of itself"):
        build(node(Component, value="${params.instances.a}"), params={"instances": instances})


# ---- several nodes


@pytest.mark.parametrize(
    "entries", [{"a": LINEAR, "b": {"_target_": "torch.nn.ReLU"}}, [LINEAR, {"_target_": "torch.nn.ReLU"}]]
)
def test_every_entry_of_a_mapping_or_list_is_built_in_order(entries):
    built = Builder(OmegaConf.create({"callbacks": entries})).build_each("callbacks")

    assert [type(entry) for entry in built] == [nn.Linear, nn.ReLU]


@pytest.mark.parametrize("config", [{}, {"callbacks": None}, {"callbacks": {}}])
def test_nothing_gives_an_empty_list(config):
    assert Builder(OmegaConf.create(config)).build_each("callbacks") == []


def test_fragments_without_a_target_are_skipped():
    entries = {"early_stopping": {"patience": 3}, "off": None, "layer": LINEAR}

    built = Builder(OmegaConf.create({"callbacks": entries})).build_each("callbacks")

    assert [type(entry) for entry in built] == [nn.Linear]


@pytest.mark.parametrize(
    ("entries", "messages"),
    [
        ({"layer": LINEAR, "off": None}, []),
        ({"layer": {"patience": 3}}, []),
        ({"layer": LINEAR, "patience": {"value": 3}}, ["callbacks.patience has no `_target_`, so it is passed over."]),
        (
            {"layer": LINEAR, "layers": {"in_features": 3}},
            ["callbacks.layers has no `_target_`, so it is passed over. Did you mean 'layer'?"],
        ),
    ],
)
def test_a_fragment_among_others_is_warned_about(entries, messages, caplog):
    Builder(OmegaConf.create({"callbacks": entries})).build_each("callbacks")

    assert [record.getMessage() for record in caplog.records] == messages


def test_something_else_has_no_entries():
    with pytest.raises(ConfigError) as error:
        Builder(OmegaConf.create({"callbacks": 3})).build_each("callbacks")

    assert str(error.value) == "callbacks: is 3, but must be a mapping of nodes with `_target_`, or null."


# ---- what a class may ask for


def test_a_deferred_parameter_is_built_when_it_is_called():
    owner = build(node(Owner, source=LINEAR))

    first, second = owner.source(), owner.source()
    assert type(first) is nn.Linear
    assert first is not second


def test_a_deferred_parameter_without_a_target_is_a_plain_value():
    assert build(node(Owner, source={"train": [1]})).source == {"train": [1]}


def test_a_deferred_instance_is_the_shared_one():
    config = shared(
        owner=node(Owner, source="${params.instances.net}"), other=node(Component, value="${params.instances.net}")
    )
    builder = Builder(OmegaConf.create(config))

    assert builder.build("owner").source() is builder.build("other").value


def test_a_deferred_parameter_travels_to_other_processes():
    owner = build(node(Owner, source={**LINEAR, "in_features": "${width}"}), width=3)

    assert pickle.loads(pickle.dumps(owner.source))().in_features == 3


def test_a_misspelt_key_of_a_deferred_parameter_is_found_at_once():
    with pytest.raises(ConfigError, match=r"^part\.source\.in_feature: torch\.nn\.Linear takes no 'in_feature'"):
        build(node(Owner, source={"_target_": "torch.nn.Linear", "in_feature": 1, "out_features": 1}))


def test_fields_beside_the_arguments_go_to_the_wrapper():
    owner = build(node(Owner, timed={**SGD, "interval": "epoch", "lr": "${rate}"}), rate=0.25)

    assert type(owner.timed) is Timed
    assert owner.timed.interval == "epoch"
    assert owner.timed.factory.func is torch.optim.SGD
    assert owner.timed.factory.keywords == {"lr": 0.25}


def test_a_wrapped_parameter_may_be_null():
    assert build(node(Owner, timed=None)).timed is None


def test_a_bad_field_of_the_wrapper_has_its_path():
    with pytest.raises(ConfigError) as error:
        build(node(Owner, timed={**SGD, "interval": "batch"}))

    assert str(error.value) == "part.timed.interval: is 'batch'. Choices: epoch."


def test_a_wrapped_node_without_a_target_is_refused():
    with pytest.raises(ConfigError) as error:
        build(node(Owner, timed={"interval": "epoch"}))

    assert str(error.value) == "part.timed: has no `_target_`. Choose one, or set the whole node to null."


# ---- mistakes


@pytest.mark.parametrize("partial", [True, False])
def test_an_unknown_key_is_refused_with_its_path(partial):
    with pytest.raises(ConfigError) as error:
        build({"inner": {"_target_": "torch.nn.Linear", "_partial_": partial, "in_featurs": 2}})

    assert str(error.value) == (
        "part.inner.in_featurs: torch.nn.Linear takes no 'in_featurs'. Did you mean 'in_features'? "
        "It takes: in_features, out_features, bias, device, dtype."
    )


def test_missing_arguments_are_all_named():
    with pytest.raises(ConfigError) as error:
        build([{"_target_": "torch.nn.Conv2d", "in_channels": 1}])

    assert str(error.value) == "part[0]: torch.nn.Conv2d needs 'out_channels', 'kernel_size', which are not given."


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("???", "part.value: is required and not given. Give it in a file, or type part.value=<value>."),
        ("${nowhere}", "part.value: is ${nowhere}, but there is no key 'nowhere'. Point it at a key that exists."),
        (
            "${oc.env:NOT_SET_ANYWHERE}",
            "part.value: needs the environment variable NOT_SET_ANYWHERE, which is not set. "
            "Set it, in the shell or in .env, or give a default: ${oc.env:NOT_SET_ANYWHERE,null}",
        ),
    ],
)
def test_a_value_that_is_not_there_is_told(value, message):
    with pytest.raises(ConfigError) as error:
        build(node(Component, value=value))

    assert str(error.value) == message


def test_a_constructor_that_fails_is_told_with_its_path():
    with pytest.raises(ConfigError) as error:
        build(node(Component, value=node(broken)))

    assert str(error.value) == f"part.value: {__name__}.broken could not be built: RuntimeError: out of order"
    assert isinstance(error.value.__cause__, RuntimeError)


def test_an_error_of_the_constructor_itself_gets_the_path_in_front():
    with pytest.raises(ConfigError) as error:
        build(
            {
                "ratio": {
                    "_target_": "ml_core.data.base_datamodule.BaseDataModule",
                    "hf_dict_dataset": {},
                    "val_ratio": 2,
                }
            }
        )

    assert str(error.value) == "part.ratio.val_ratio: is 2, but must be a share from 0 (no validation) to below 1."


@pytest.mark.parametrize(
    ("directive", "message"),
    [
        ({"_partial_": "yes"}, "part._partial_: is 'yes', but must be true or false."),
        ({"_convert_": "none"}, "part._convert_: 'none' is not to be had: components get plain containers."),
    ],
)
def test_a_bad_directive_is_refused(directive, message):
    with pytest.raises(ConfigError) as error:
        build({**LINEAR, **directive})

    assert str(error.value) == message


@pytest.mark.parametrize("target", ["torch.nn.Linaer", "ml_core.nothing.Thing", "ml_core.models.utils.Nothing"])
def test_a_target_that_does_not_exist_is_told(target):
    with pytest.raises(ConfigError) as error:
        build({"_target_": target})

    assert type(error.value) is ConfigError
    assert str(error.value).startswith(f"part._target_: there is no {target}: ")


@pytest.mark.parametrize(("target", "kind"), [("torch.nn", "module"), ("torch.float32", "dtype")])
def test_a_target_that_cannot_be_called_is_told(target, kind):
    with pytest.raises(ConfigError) as error:
        build({"_target_": target})

    assert str(error.value) == (
        f"part._target_: {target} is of type {kind}, which cannot be called. A `_target_` names a class or a function."
    )


@pytest.mark.parametrize(
    ("target", "where"),
    [("mlflow.start_run", "part._target_"), ("lightning.pytorch.loggers.MLFlowLogger", "part")],
    ids=["a package", "a logger that imports it when it is made"],
)
def test_a_missing_package_is_told_with_the_extra_that_holds_it(target, where):
    with pytest.raises(MissingPackageError) as error:
        build({"_target_": target})

    assert str(error.value) == (
        f"{where}: {target} needs the package 'mlflow'. Install the extra that holds it: uv pip install '.[loggers]'"
    )


@pytest.mark.parametrize("target", ["os.system", "posix.system", "builtins.eval", "subprocess.Popen"])
def test_hydra_refuses_dangerous_targets(target):
    with pytest.raises(PolicyError, match=rf"^part\._target_: {target} is refused: .*blocklisted"):
        build({"_target_": target, "_partial_": True})


def test_a_module_that_fails_to_import_is_told(tmp_path, monkeypatch):
    (tmp_path / "module_that_fails.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ConfigError) as error:
        build({"_target_": "module_that_fails.Thing"})

    assert str(error.value) == (
        "part._target_: importing module_that_fails.Thing failed: ZeroDivisionError: division by zero. Mend that module."  # noqa: E501
    )


def test_a_target_is_looked_up_by_its_dotted_path():
    assert resolve_target("torch.nn.Linear") is nn.Linear
    assert resolve_target("torch.nn.functional.mse_loss") is nn.functional.mse_loss


# ---- the guard


def test_the_guard_sees_every_node_before_it_is_built():
    seen = []

    def guard(name, target, keys, path):
        seen.append((name, target, sorted(keys), path))

    config = shared(part=node(Owner, source=[{"_target_": "torch.nn.ReLU"}], timed=SGD))
    config["part"]["timed"]["lr"] = 0.5
    builder = Builder(OmegaConf.create(config), guard)
    builder.build("part")

    assert (f"{__name__}.Owner", Owner, ["_target_", "source", "timed"], "part") in seen
    assert ("torch.optim.SGD", torch.optim.SGD, ["_partial_", "_target_", "lr"], "part.timed") in seen
    assert ("torch.nn.ReLU", nn.ReLU, ["_target_"], "part.source[0]") in seen


def test_the_guard_may_refuse():
    def guard(name, target, keys, path):
        raise PolicyError(path, f"{name} is refused.")

    with pytest.raises(PolicyError, match=r"^part: torch\.nn\.Linear is refused\.$"):
        Builder(OmegaConf.create({"part": LINEAR}), guard).build("part")
