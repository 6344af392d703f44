"""Transforms on dict batches: compose, wrap, rename."""

import copy
import pickle
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import torch
from torch import nn

from ml_core.errors import BatchKeyError, ConfigError
from ml_core.transforms.base import ComposeTransform, RenameTransform, WrapTransform, stack_rows


def double(x):
    return x * 2


def minimum_and_maximum(x):
    return x.min(), x.max()


def negation(key, new_key):
    return WrapTransform(torch.neg, new_key=new_key, mapping={key: "input"})


# ---- ComposeTransform


class Pair(NamedTuple):
    left: int
    right: int


def test_each_step_sees_what_the_earlier_ones_added():
    steps = ComposeTransform(first=negation("x", "y"), second=negation("y", "z"))

    assert steps({"x": torch.tensor(3)}) == {"x": 3, "y": -3, "z": 3}


def test_composing_leaves_the_input_as_it_was():
    batch = {"x": torch.tensor([1.0, 2.0])}

    result = ComposeTransform(change=WrapTransform(double, "x", {"x": "x"}))(batch)

    assert list(batch) == ["x"]
    torch.testing.assert_close(batch["x"], torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(result["x"], torch.tensor([2.0, 4.0]))


def test_a_step_that_adds_to_the_dict_it_gets_does_not_reach_the_caller():
    def careless(batch):
        batch["extra"] = 1
        return batch

    batch = {"x": 0}

    assert ComposeTransform(careless=careless)(batch) == {"x": 0, "extra": 1}
    assert batch == {"x": 0}


@pytest.mark.parametrize("name", ["type", "train", "update", "float", "pop", "forward", "names", "functions", "x y"])
def test_a_step_may_have_any_name(name):
    network = WrapTransform(nn.Linear(2, 1), "output", {"x": "input"})

    steps = ComposeTransform(**{name: network})

    assert steps({"x": torch.ones(4, 2)})["output"].shape == (4, 1)
    assert {key.split(".transform.")[0] for key in steps.state_dict()} == {name}
    assert steps.train() is steps


def test_a_step_name_with_a_dot_is_refused():
    with pytest.raises(ConfigError) as error:
        ComposeTransform(**{"a.b": double})

    assert str(error.value) == "a.b: is no usable name: it holds a dot."


def test_plain_callables_are_steps():
    steps = ComposeTransform(add=lambda batch: {"y": batch["x"] + 1}, double=lambda batch: {"z": batch["y"] * 2})

    assert steps({"x": 1}) == {"x": 1, "y": 2, "z": 4}


def test_a_step_that_is_none_is_left_out():
    steps = ComposeTransform(add=RenameTransform({"x": "y"}), noise=None)

    assert steps({"x": 1}) == {"x": 1, "y": 1}
    assert steps.names == ("add",)
    assert steps.writes == ("y",)


def test_something_that_cannot_be_called_is_no_step():
    with pytest.raises(ConfigError) as error:
        ComposeTransform(scale=3)

    assert str(error.value) == "scale: is 3, but must be something that can be called."


def test_networks_inside_are_trained_and_saved():
    encoder, decoder = nn.Linear(3, 2), nn.Linear(2, 3)
    steps = ComposeTransform(
        encode=WrapTransform(encoder, "code", {"x": "input"}),
        decode=WrapTransform(decoder, "x_hat", {"code": "input"}),
    )
    optimizer = torch.optim.SGD(steps.parameters(), lr=0.1)
    before = {name: value.clone() for name, value in steps.state_dict().items()}

    steps({"x": torch.randn(5, 3)})["x_hat"].square().sum().backward()
    optimizer.step()

    assert list(before) == [f"{step}.transform.{part}" for step in ("encode", "decode") for part in ("weight", "bias")]
    assert all(not torch.equal(before[name], value) for name, value in steps.state_dict().items())


def test_a_step_that_overwrites_an_earlier_result_is_refused():
    with pytest.raises(ConfigError) as error:
        ComposeTransform(first=negation("x", "y"), second=negation("x", "y"))

    assert str(error.value) == (
        "second.new_key: would overwrite 'y', which the step 'first' made. "
        "Give it a name of its own, or read that key in its mapping."
    )


def test_a_step_may_overwrite_the_result_that_it_reads():
    steps = ComposeTransform(first=negation("x", "y"), second=negation("y", "y"))

    assert steps({"x": torch.tensor(3)}) == {"x": 3, "y": 3}


def test_a_step_may_overwrite_a_column_of_the_data():
    assert ComposeTransform(only=negation("x", "x"))({"x": torch.tensor(3)}) == {"x": -3}


def test_a_nested_composition_may_not_overwrite_either():
    with pytest.raises(ConfigError, match="would overwrite 'y'"):
        ComposeTransform(first=negation("x", "y"), second=ComposeTransform(inner=negation("x", "y")))


def test_an_error_names_the_path_of_nested_steps():
    steps = ComposeTransform(outer=ComposeTransform(inner=negation("imgae", "y")))

    with pytest.raises(BatchKeyError) as error:
        steps({"image": 0})

    assert str(error.value) == "outer.inner.mapping: no key 'imgae' in the batch. Did you mean 'image'? Keys: image."


def test_only_a_dict_can_be_composed():
    with pytest.raises(TypeError, match="ComposeTransform: a batch must be a dict of named values, got tuple"):
        ComposeTransform(first=double)((1, 2))


# ---- WrapTransform


def test_wrapping_takes_arguments_by_mapping_and_adds_one_key():
    add = WrapTransform(torch.add, "sum", {"a": "input", "b": "other"})
    batch = {"a": torch.tensor(1.0), "b": torch.tensor(2.0)}

    assert add(batch) == {"sum": 3.0}
    assert list(batch) == ["a", "b"]


def test_one_key_feeds_two_parameters():
    loss = WrapTransform(nn.functional.mse_loss, "loss", {"x": ["input", "target"]})

    assert loss({"x": torch.randn(3)}) == {"loss": 0.0}


def test_without_a_mapping_the_whole_batch_is_passed():
    assert WrapTransform(lambda a, b: a - b, "difference")({"b": 1, "a": 5}) == {"difference": 4}


@pytest.mark.parametrize(
    ("function", "new_key", "expected"),
    [
        (lambda x: x + 1, "y", {"y": 2}),
        (lambda x: (x, x + 1), ["a", "b"], {"a": 1, "b": 2}),
        (lambda x: [x, x + 1], ("a", "b"), {"a": 1, "b": 2}),
        (lambda x: {"mean": x, "std": x + 1}, {"std": "s"}, {"s": 2}),
        (lambda x: SimpleNamespace(logits=x, hidden=x + 1), {"logits": "o", "hidden": "h"}, {"o": 1, "h": 2}),
        (lambda x: {"mean": x, "std": x + 1}, None, {"mean": 1, "std": 2}),
    ],
    ids=["key", "tuple", "list", "some fields of a dict", "fields of an object", "all of a dict"],
)
def test_new_key_says_where_results_go(function, new_key, expected):
    assert WrapTransform(function, new_key, {"x": "x"})({"x": 1}) == expected


def test_a_named_tuple_of_torch_is_unpacked_by_field():
    result = WrapTransform(torch.max, {"indices": "argmax"}, {"x": "input", "axis": "dim"})(
        {"x": torch.tensor([[1, 5, 2]]), "axis": 1}
    )

    assert result == {"argmax": torch.tensor([1])}


@pytest.mark.parametrize(
    ("function", "new_key", "message"),
    [
        (lambda x: (x,), ["a", "b"], "new_key: names 2 keys (a, b), but the result is 1 values."),
        (lambda x: x, ["a", "b"], "new_key: names 2 keys (a, b), but the result is int."),
        (lambda x: {"mean": x}, {"maen": "m"}, "new_key: no key 'maen' in the batch. Did you mean 'mean'? Keys: mean."),
        (
            lambda x: SimpleNamespace(logits=x),
            {"hidden": "h"},
            "new_key: SimpleNamespace has no field 'hidden'. Fields: logits.",
        ),
        (
            lambda x: torch.max(torch.zeros(1, 2), dim=1),
            {"value": "v"},
            "new_key: max has no field 'value'. Did you mean 'values'? Fields: values, indices.",
        ),
        (lambda x: Pair(x, x), {"count": "c"}, "new_key: Pair has no field 'count'. Fields: left, right."),
    ],
)
def test_a_result_that_does_not_fit_new_key_is_told(function, new_key, message):
    with pytest.raises(ConfigError) as error:
        WrapTransform(function, new_key, {"x": "x"})({"x": 1})

    assert str(error.value) == message


def test_null_as_new_key_needs_a_dict():
    with pytest.raises(TypeError, match="new_key: null: a batch must be a dict of named values, got int"):
        WrapTransform(double, None, {"x": "x"})({"x": 1})


def test_per_sample_calls_once_a_sample_and_stacks():
    seen = []

    def centre(image):
        seen.append(image.shape)
        return image - image.mean()

    images = torch.rand(3, 2, 2)
    result = WrapTransform(centre, "image", {"image": "image"}, per_sample=True)({"image": images})

    assert seen == [(2, 2)] * 3
    torch.testing.assert_close(result["image"], images - images.mean(dim=(1, 2), keepdim=True))


def test_per_sample_keeps_results_of_several_shapes_as_a_list():
    result = WrapTransform(torch.arange, "range", {"end": "end"}, per_sample=True)({"end": [1, 3]})

    assert [row.tolist() for row in result["range"]] == [[0], [0, 1, 2]]


@pytest.mark.parametrize("size", [2, 3])
def test_per_sample_stores_several_results_under_several_keys(size):
    rows = torch.arange(4.0 * size).reshape(size, 4)

    result = WrapTransform(minimum_and_maximum, ["low", "high"], {"x": "x"}, per_sample=True)({"x": rows})

    torch.testing.assert_close(torch.as_tensor(result["low"]), rows.amin(dim=1))
    torch.testing.assert_close(torch.as_tensor(result["high"]), rows.amax(dim=1))


def test_a_mapping_to_an_unknown_parameter_is_refused():
    with pytest.raises(ConfigError) as error:
        WrapTransform(nn.Linear(2, 1), "y", {"image": "inputs"})

    assert str(error.value) == (
        "mapping.image: torch.nn.modules.linear.Linear has no parameter 'inputs'. "
        "Did you mean 'input'? It takes: input."
    )


def test_a_mapping_that_is_turned_round_is_recognised():
    with pytest.raises(ConfigError) as error:
        WrapTransform(nn.CrossEntropyLoss(), "loss", {"input": "output", "target": "label"})

    assert str(error.value) == (
        "mapping.input: torch.nn.modules.loss.CrossEntropyLoss has no parameter 'output'. "
        "A mapping reads {batch_key: parameter}, so turn it round: {output: input}. It takes: input, target."
    )


def test_a_callable_without_a_signature_takes_any_mapping():
    assert WrapTransform(torch.neg, "y", {"x": "input"}).reads == ("x",)


# ---- RenameTransform


def test_renaming_gives_only_the_new_names_and_the_very_same_values():
    image = torch.ones(2)

    result = RenameTransform({"image": "x"})({"image": image, "label": 1})

    assert list(result) == ["x"]
    assert result["x"] is image


def test_renaming_a_missing_key_is_an_error():
    with pytest.raises(BatchKeyError) as error:
        RenameTransform({"imag": "x"})({"image": 1})

    assert str(error.value) == "mapping: no key 'imag' in the batch. Did you mean 'image'? Keys: image."


# ---- all of them


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_transforms_survive_copies_and_other_processes(travel):
    network = nn.Linear(2, 2)
    steps = ComposeTransform(
        rename=RenameTransform({"image": "x"}),
        double=WrapTransform(double, "x2", {"x": "x"}),
        network=WrapTransform(network, "output", {"x2": "input"}),
        range=WrapTransform(minimum_and_maximum, ["low", "high"], {"output": "x"}),
    )
    image = torch.randn(3, 2)

    copied = travel(steps)

    assert copied["network"].transform is not network
    expected = network(image * 2)
    torch.testing.assert_close(copied({"image": image})["output"], expected)
    torch.testing.assert_close(copied({"image": image})["high"], expected.max())


@pytest.mark.parametrize(
    "rows",
    [
        [torch.zeros(2), torch.zeros(3)],
        [torch.zeros(2), torch.zeros(2, dtype=torch.int64)],
        [torch.zeros(2), "a"],
        ["a", "b"],
        [],
    ],
)
def test_rows_that_do_not_fit_stay_a_list(rows):
    assert stack_rows(rows) is rows


def test_rows_of_one_shape_are_stacked():
    torch.testing.assert_close(stack_rows([torch.zeros(2), torch.ones(2)]), torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
