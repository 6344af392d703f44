"""How a mapping takes arguments out of a batch, and what it says when it cannot."""

import numpy as np
import pytest
import torch

from ml_core.batch import batch_size, require_batch, resolve_mapping, select
from ml_core.errors import BatchKeyError, ConfigError


def test_a_mapping_reads_batch_key_to_parameter():
    pairs = resolve_mapping({"output": "input", "label": "target"})

    assert select({"label": 1, "output": 2, "image": 3}, pairs) == {"input": 2, "target": 1}


def test_a_mapping_feeds_one_key_to_two_parameters():
    image = torch.ones(2)

    arguments = select({"image": image}, resolve_mapping({"image": ["input", "target"]}))

    assert arguments["input"] is image
    assert arguments["target"] is image


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("image", "mapping: is 'image', but must read {batch_key: parameter}."),
        (["image"], "mapping: is ['image'], but must read {batch_key: parameter}."),
        (
            {"a": "x", "b": "x"},
            "mapping.b: feeds the parameter 'x', which 'a' feeds already. "
            "A mapping is joined with the one that it changes; 'a: []' takes 'a' out of it.",
        ),
        (
            {"a": ["x", "x"]},
            "mapping.a: feeds the parameter 'x', which 'a' feeds already. "
            "A mapping is joined with the one that it changes; 'a: []' takes 'a' out of it.",
        ),
        ({"a": [3]}, "mapping.a: is 3, but must name a parameter."),
    ],
)
def test_a_bad_mapping_is_refused_with_its_path(mapping, message):
    with pytest.raises(ConfigError) as error:
        resolve_mapping(mapping)

    assert str(error.value) == message


@pytest.mark.parametrize("parameter", [3, None])
def test_a_mapping_to_no_name_is_refused_with_its_path(parameter):
    with pytest.raises(ConfigError) as error:
        resolve_mapping({"a": parameter})

    assert str(error.value) == f"mapping.a: is {parameter!r}, but must name a parameter."


def test_a_missing_key_is_named_with_its_neighbours():
    pairs = resolve_mapping({"lable": "target"})

    with pytest.raises(BatchKeyError) as error:
        select({"label": 0, "image": 1}, pairs, "mapping.ce")

    assert str(error.value) == "mapping.ce: no key 'lable' in the batch. Did you mean 'label'? Keys: label, image."
    assert isinstance(error.value, KeyError)


def test_a_missing_key_without_a_near_name_lists_the_keys_alone():
    with pytest.raises(BatchKeyError) as error:
        select({}, (("image", "x"),))

    assert str(error.value) == "mapping: no key 'image' in the batch. Keys: none."


def test_a_batch_is_a_mapping():
    batch = {"image": 1}

    assert require_batch(batch, "here") is batch


@pytest.mark.parametrize(("value", "kind"), [((1, 2), "tuple"), ([1], "list"), (None, "NoneType")])
def test_anything_else_is_no_batch(value, kind):
    with pytest.raises(TypeError) as error:
        require_batch(value, "the data loader")

    assert str(error.value) == (
        f"the data loader: a batch must be a dict of named values, got {kind}. "
        "Give each column a name, for example {'image': x, 'label': y}."
    )


@pytest.mark.parametrize(
    ("batch", "size"),
    [
        ({"image": torch.zeros(3, 2), "label": torch.zeros(3)}, 3),
        ({"scale": torch.tensor(1.0), "image": torch.zeros(4, 2)}, 4),
        ({"names": ["a", "b"], "image": torch.zeros(2, 5)}, 2),
        ({"names": ["a", "b", "c"]}, 3),
        ({"array": np.zeros((5, 1))}, 5),
    ],
)
def test_the_batch_size_is_the_first_dimension(batch, size):
    assert batch_size(batch) == size


def test_a_batch_of_scalars_has_no_size():
    with pytest.raises(ConfigError) as error:
        batch_size({"scale": torch.tensor(1.0), "name": "a"})

    assert str(error.value) == "batch: holds no tensor and no list, so it has no size. Keys: scale, name."
