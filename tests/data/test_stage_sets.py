"""Which data sets each stage goes through."""

from __future__ import annotations

import pytest

from ml_core.data.splitting import SplitRule
from ml_core.data.stage_sets import check_splits, stage_sets
from ml_core.errors import ConfigError

GLUE = ("train", "validation_matched", "validation_mismatched", "test_matched")


def source(*names: str) -> dict[str, list]:
    return {name: [{"from": name, "x": i} for i in range(20)] for name in names}


def found(names: tuple[str, ...], splits: dict, **rule) -> dict[str, list[tuple[str, str, int]]]:
    sets = stage_sets(source(*names), splits, SplitRule(**rule))
    return {stage: [(part.name, part.split, len(part.rows)) for part in parts] for stage, parts in sets.items()}


def test_stages_look_for_splits_of_their_names():
    assert found(("train", "validation", "test", "extra"), {}) == {
        "train": [("", "train", 20)], "val": [("", "validation", 20)], "test": [("", "test", 20)],
    }  # fmt: skip


def test_splits_of_other_names_are_named():
    assert found(GLUE, {"val": "validation_matched", "test": "test_matched"}) == {
        "train": [("", "train", 20)], "val": [("", "validation_matched", 20)], "test": [("", "test_matched", 20)],
    }  # fmt: skip


def test_several_validation_sets_have_names():
    splits = {"val": {"matched": "validation_matched", "mismatched": "validation_mismatched"}}

    assert found(GLUE, splits)["val"] == [
        ("matched", "validation_matched", 20), ("mismatched", "validation_mismatched", 20)
    ]  # fmt: skip


def test_validation_and_test_can_be_taken_from_another_train_split():
    assert found(("small", "large"), {"train": "small"}, test_ratio=0.25) == {
        "train": [("", "small", 13)], "val": [("", "validation", 2)], "test": [("", "test", 5)],
    }  # fmt: skip


def test_null_leaves_a_split_out_so_that_its_rows_come_from_train():
    sets = found(("train", "validation", "test"), {"val": None, "test": None}, test_ratio=0.5)

    assert sets == {"train": [("", "train", 8)], "val": [("", "validation", 2)], "test": [("", "test", 10)]}
    assert "val" not in found(("train", "validation"), {"val": None}, val_ratio=0)


def test_a_split_that_no_stage_uses_is_told(caplog):
    found(("train", "val", "test"), {})

    assert caplog.messages == ["data: no stage uses the split val; data.splits={val: val} would."]


@pytest.mark.parametrize("splits", [{"val": "dev"}, {"val": None}])
def test_a_split_that_is_used_or_left_out_on_purpose_is_not(splits, caplog):
    found(("train", "dev" if splits["val"] else "validation", "test"), splits)

    assert caplog.messages == []


def test_only_what_is_there_is_there():
    assert found(("test",), {}) == {"test": [("", "test", 20)]}


@pytest.mark.parametrize(
    ("splits", "rule", "message"),
    [
        ("train", {}, "splits: is 'train', but must read {stage: split}. Stages: train, val, test."),
        ({"vall": "x"}, {}, "splits: names no stage 'vall'. Did you mean 'val'? Stages: train, val, test."),
        ({"val": 3}, {}, "splits.val: is 3, but must name a split of the data."),
        ({"train": None}, {}, "splits.train: is None, but must name a split of the data."),
        ({"train": {"a": "b"}}, {}, "splits.train: names several splits, but there is one to train on. Name one."),
        ({"val": {}}, {}, "splits.val: is empty. Name a split, or several as {name: split}."),
        ({"val": {"a": None}}, {}, "splits.val.a: is None, but must name a split of the data."),
        ({"val": {"a/b": "c"}}, {}, "splits.val: 'a/b' cannot stand in a log key such as val/a/b/f1."),
        ({"val": "train"}, {}, "splits.val: is the split to train on, 'train'. Take rows of it with val_ratio and "
                               "leave this out."),
        ({"train": "a", "test": {"x": "a"}}, {}, "splits.test: is the split to train on, 'a'. Take rows of it with "
                                                 "test_ratio and leave this out."),
        ({"val": "v"}, {"fold": 0, "num_folds": 3}, "splits.val: and fold exclude each other: both say what the "
                                                    "validation split is."),
        ({"test": "t"}, {"test_ratio": 0.1}, "splits.test: and test_ratio exclude each other: both say what the test "
                                             "split is."),
    ],
)  # fmt: skip
def test_splits_that_no_data_could_fit_are_refused(splits, rule, message):
    with pytest.raises(ConfigError) as error:
        check_splits(splits, SplitRule(**rule))

    assert str(error.value) == message


@pytest.mark.parametrize(
    ("splits", "rule", "message"),
    [
        ({"val": "validation"}, {}, "data.splits.val: there is no split 'validation'. Did you mean "
         "'validation_matched'? Splits: train, validation_matched, validation_mismatched, test_matched."),
        ({"val": {"a": "validaton_matched"}}, {}, "data.splits.val.a: there is no split 'validaton_matched'. Did you "
         "mean 'validation_matched'? Splits: train, validation_matched, validation_mismatched, test_matched."),
        ({"train": "trian"}, {}, "data.splits.train: there is no split 'trian'. Did you mean 'train'? "
         "Splits: train, validation_matched, validation_mismatched, test_matched."),
    ],
)  # fmt: skip
def test_a_split_that_is_not_there_is_told_with_the_nearest(splits, rule, message):
    with pytest.raises(ConfigError) as error:
        found(GLUE, splits, **rule)

    assert str(error.value) == message


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"test_ratio": 0.1}, "data.test_ratio: is 0.1, but the data has a split for test already: 'test'. "
                              "Keep that one: data.test_ratio=0. Or set data.splits={test: null} to leave it out."),
        ({"fold": 1, "num_folds": 3}, "data.fold: is 1, but the data has a split for val already: 'validation'. "
                                      "Keep that one: data.fold=null data.num_folds=null. "
                                      "Or set data.splits={val: null} to leave it out."),
    ],
)  # fmt: skip
def test_a_split_that_is_there_is_not_replaced_silently(rule, message):
    with pytest.raises(ConfigError) as error:
        found(("train", "validation", "test"), {}, **rule)

    assert str(error.value) == message
