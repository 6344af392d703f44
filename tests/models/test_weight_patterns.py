"""Patterns in YAML that mean weights."""

import pytest

from ml_core.errors import ConfigError
from ml_core.models.weight_patterns import matching, short_name

NAMES = (
    "forward_fn.backbone.transform.layer1.0.weight",
    "forward_fn.backbone.transform.layer12.0.weight",
    "forward_fn.backbone.transform.norm.bias",
    "forward_fn.head.transform.weight",
    "criterions.centres.weight",
)
WEIGHTS = dict.fromkeys(NAMES)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("forward_fn.network.transform.fc1.weight", "network.fc1.weight"),
        ("forward_fn.transform.fc1.weight", "fc1.weight"),
        ("forward_fn.head.weight", "head.weight"),
        ("inference_fn.decoder.transform.weight", "decoder.weight"),
    ],
)
def test_a_weight_is_known_by_its_step_and_its_place_in_the_network(name, short):
    assert short_name(name) == short


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        ("*.bias", [2]),
        ("backbone.*", [0, 1, 2]),
        ("*norm*|head.*", [2, 3]),
        ("backbone.layer?.*", [0]),
        ("backbone.layer#.*", [0, 1]),
        ("backbone.layer[12].0.weight", [0]),
        ("forward_fn.head.transform.weight", [3]),
        ("centres.weight", [4]),
    ],
)
def test_a_pattern_matches_whole_names(pattern, places):
    assert list(matching(pattern, WEIGHTS, "here")) == [NAMES[place] for place in places]


def test_a_hash_stands_for_the_number_of_the_layer():
    assert [number for _, number in matching("backbone.layer#.*", WEIGHTS, "here").values()] == [1, 12]


def test_a_dot_is_a_dot():
    with pytest.raises(ConfigError):
        matching("backbone.layer1x0.weight", WEIGHTS, "here")


def test_a_pattern_that_matches_nothing_lists_near_names():
    with pytest.raises(ConfigError) as caught:
        matching("backbon.norm.bias", WEIGHTS, "model.freeze.match")

    assert str(caught.value) == (
        "model.freeze.match: 'backbon.norm.bias' matches no weight. Near: backbone.norm.bias. "
        "Weights: backbone.layer1.0.weight, backbone.layer12.0.weight, backbone.norm.bias, head.weight, "
        "centres.weight."
    )


@pytest.mark.parametrize("pattern", ["", None, 3])
def test_a_pattern_is_a_text(pattern):
    with pytest.raises(ConfigError, match=r"must be a pattern such as"):
        matching(pattern, WEIGHTS, "here")
