"""Names in `mapping`, `weights` and `stages` that belong to no part."""

from __future__ import annotations

from ml_core.utils.part_names import strangers, without_mapping, wrong_stages, wrong_weights


def test_a_name_of_no_part_is_told_with_the_nearest_and_all_that_there_are():
    assert list(map(str, strangers(["ce", "cee", "x"], ["ce", "kl"], "weights", "loss"))) == [
        "weights.cee: names no loss. Did you mean 'ce'? There are: ce, kl.",
        "weights.x: names no loss. There are: ce, kl.",
    ]


def test_a_part_without_a_mapping_is_told():
    assert list(map(str, without_mapping(["ce"], ["ce", "kl"], "loss"))) == [
        "mapping.kl: is missing: the loss 'kl' needs {batch_key: parameter}."
    ]


def test_what_is_no_stage_is_told():
    assert list(map(str, wrong_stages({"f1": ["val"], "fid": ["valid"], "x": ["train", "a", "b"]}))) == [
        "stages.fid: names 'valid', which is no stage. Stages: train, val, test.",
        "stages.x: names 'a', 'b', which are no stages. Stages: train, val, test.",
    ]


def test_a_weight_that_is_no_number_is_told():
    assert list(map(str, wrong_weights({"a": 1, "b": 0.5, "c": True, "d": "high"}))) == [
        "weights.c: is True, but must be a number.",
        "weights.d: is 'high', but must be a number.",
    ]
