"""Which rows of a train split become validation and test."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import Dataset

from ml_core.data.columns import TensorColumns
from ml_core.data.splitting import ChosenRows, SplitRule, divide
from ml_core.errors import ConfigError, DataError


def patients(count: int = 100) -> Dataset:
    """Rows with an id, a class, a patient of 4 rows, and a day that runs backwards."""
    return Dataset.from_dict(
        {
            "x": list(range(count)),
            "label": [int(i % 5 == 0) for i in range(count)],
            "patient": [f"p{i // 4}" for i in range(count)],
            "day": [count - i for i in range(count)],
        }
    )


def ids(parts: dict) -> dict[str, list[int]]:
    return {name: list(rows["x"]) for name, rows in parts.items()}


def everything(parts: dict) -> list[int]:
    return sorted(row for part in ids(parts).values() for row in part)


# ---- shares


def test_test_and_validation_are_shares_of_all_rows_and_share_none():
    parts = divide(patients(), SplitRule(val_ratio=0.1, test_ratio=0.2), takes_test=True)

    assert {name: len(rows) for name, rows in parts.items()} == {"train": 70, "test": 20, "validation": 10}
    assert everything(parts) == list(range(100))


def test_the_rows_follow_from_the_seed_alone():
    def chosen(seed, noise):
        np.random.seed(noise)  # noqa: NPY002, must change nothing
        torch.manual_seed(noise)
        return ids(divide(patients(), SplitRule(test_ratio=0.2, seed=seed), takes_test=True))

    assert chosen(1, noise=0) == chosen(1, noise=99)
    assert chosen(1, noise=0) != chosen(2, noise=0)


def test_no_group_is_on_both_sides():
    parts = divide(patients(), SplitRule(val_ratio=0.2, test_ratio=0.2, group_by="patient"), takes_test=True)

    seen = {name: set(rows["patient"]) for name, rows in parts.items()}
    assert not seen["train"] & seen["validation"]
    assert not seen["train"] & seen["test"]
    assert not seen["validation"] & seen["test"]
    assert {name: len(rows) for name, rows in parts.items()} == {"train": 60, "test": 20, "validation": 20}


def test_groups_and_classes_are_kept_together():
    rule = SplitRule(val_ratio=0.2, group_by="patient", stratify_by="label")
    validation = divide(patients(), rule)["validation"]

    assert set(np.bincount([int(name[1:]) for name in validation["patient"]]).tolist()) == {0, 4}
    assert np.mean(validation["label"]) == pytest.approx(0.2, abs=0.05)


def test_training_has_the_earliest_rows_and_the_test_split_the_latest():
    parts = divide(patients(), SplitRule(val_ratio=0.1, test_ratio=0.2, order_by="day"), takes_test=True)

    days = {name: (min(rows["day"]), max(rows["day"])) for name, rows in parts.items()}
    assert days == {"train": (1, 70), "validation": (71, 80), "test": (81, 100)}


def test_a_column_that_chooses_nothing_is_warned_about(caplog):
    parts = divide(patients(), SplitRule(group_by="patient", val_ratio=0.1), takes_validation=False)

    assert list(parts) == ["train"]
    assert "data.group_by: changes nothing, as no rows are split off train." in caplog.text


# ---- folds


@pytest.mark.parametrize("rule", [{}, {"stratify_by": "label"}, {"group_by": "patient"},
                                  {"stratify_by": "label", "group_by": "patient"}])  # fmt: skip
def test_the_folds_together_validate_every_row_once(rule):
    folds = [divide(patients(), SplitRule(fold=fold, num_folds=5, **rule)) for fold in range(5)]

    assert sorted(row for fold in folds for row in fold["validation"]["x"]) == list(range(100))
    assert all(everything(fold) == list(range(100)) for fold in folds)


def test_all_folds_leave_out_the_same_test_rows():
    folds = [divide(patients(), SplitRule(test_ratio=0.2, fold=i, num_folds=4), takes_test=True) for i in range(4)]

    assert len({tuple(fold["test"]["x"]) for fold in folds}) == 1
    assert [len(fold["validation"]) for fold in folds] == [20] * 4


def test_folds_in_time_learn_from_what_came_before():
    folds = [divide(patients(), SplitRule(order_by="day", fold=i, num_folds=4)) for i in range(4)]

    assert [(max(f["train"]["day"]), min(f["validation"]["day"])) for f in folds] == [
        (20, 21), (40, 41), (60, 61), (80, 81)
    ]  # fmt: skip


# ---- kinds of data sets


@pytest.mark.parametrize("rule", [SplitRule(), SplitRule(group_by="g"), SplitRule(order_by="g")])
def test_every_kind_of_data_set_is_divided_alike(rule):
    columns = {"x": list(range(40)), "g": [i // 2 for i in range(40)]}
    samples = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    class Table:
        column_names = ("x", "g")

        def __len__(self):
            return 40

        def __getitem__(self, index):
            return columns[index] if isinstance(index, str) else {n: np.array(c)[index] for n, c in columns.items()}

    kinds = [
        Dataset.from_dict(columns),
        TensorColumns({name: torch.tensor(column) for name, column in columns.items()}),
        Table(),
        samples,
    ]
    found = [divide(kind, rule)["validation"] for kind in kinds]

    assert isinstance(found[2], ChosenRows)
    numbers = [[int(part[row]["x"]) for row in range(len(part))] for part in found]
    assert numbers[0] == numbers[1] == numbers[2] == numbers[3]
    assert len(numbers[0]) == 4
    np.testing.assert_array_equal(found[2][[0, 1]]["x"], numbers[0][:2])
    np.testing.assert_array_equal(found[2]["x"], numbers[0])


def test_a_part_of_a_data_set_on_disk_is_not_copied(tmp_path):
    patients(10_000).save_to_disk(tmp_path / "rows")
    rows = Dataset.load_from_disk(tmp_path / "rows")

    train = divide(rows, SplitRule())["train"]

    assert train.cache_files == rows.cache_files
    assert train.data.nbytes == rows.data.nbytes


# ---- what cannot be


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"val_ratio": 0.6, "test_ratio": 0.5}, "test_ratio: is 0.5 and val_ratio 0.6, which leaves no rows to train "
                                                "on. Keep their sum below 1."),
        ({"test_ratio": 1}, "test_ratio: is 1, but must be a share from 0 (no test split of train's rows) to below 1."),
        ({"test_ratio": "10%"}, "test_ratio: is '10%', but must be a share from 0 (no test split of train's rows) to "
                                "below 1."),
        ({"fold": 0}, "num_folds: is None, but must be a whole number from 2 when there is a fold."),
        ({"fold": 0, "num_folds": 1}, "num_folds: is 1, but must be a whole number from 2 when there is a fold."),
        ({"num_folds": 5}, "fold: is None, but must be a whole number from 0 to 4, as num_folds is 5."),
        ({"fold": 5, "num_folds": 5}, "fold: is 5, but must be a whole number from 0 to 4, as num_folds is 5."),
        ({"fold": True, "num_folds": 5}, "fold: is True, but must be a whole number from 0 to 4, as num_folds is 5."),
        ({"fold": 0, "num_folds": 5, "val_ratio": 0.2}, "val_ratio: is 0.2, but with data.fold the validation split "
         "is one of 5 folds. Set data.val_ratio=0 or data.fold=null data.num_folds=null."),
        ({"order_by": "day", "stratify_by": "y"}, "order_by: splits in time, so stratify_by cannot choose rows too. "
                                                  "Set data.stratify_by=null."),
        ({"order_by": "day", "group_by": "who"}, "order_by: splits in time, so group_by cannot choose rows too. "
                                                 "Set data.group_by=null."),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_is_refused(rule, message):
    with pytest.raises(ConfigError) as error:
        SplitRule(**rule)

    assert str(error.value) == message


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"test_ratio": 0.95, "val_ratio": 0}, "data.test_ratio: is 0.95, but the train split has 4 samples: too few "
         "to split any off and keep some to train on. Set data.test_ratio=0 for no test split."),
        ({"test_ratio": 0.6, "val_ratio": 0.3}, "data.val_ratio: is 0.3, but the train split has 4 samples: too few "
         "to split any off and keep some to train on. Set data.val_ratio=0 for no validation."),
        ({"fold": 0, "num_folds": 5}, "data.num_folds: is 5, but there are 4 rows: too few."),
        ({"fold": 0, "num_folds": 4, "order_by": "x"}, "data.num_folds: is 4, but there are 4 rows: too few."),
        ({"group_by": "patient"}, "data.group_by: no rows are left for the validation split. Rows of one 'patient' "
                                  "stay together: it has too few different values."),
        ({"fold": 1, "num_folds": 2, "group_by": "patient"}, "data.group_by: no rows are left for the validation "
         "split. Rows of one 'patient' stay together: it has too few different values."),
        ({"order_by": "patient"}, "data.order_by: no rows are left for the validation split. Rows of one 'patient' "
                                  "stay together: it has too few different values."),
    ],
)  # fmt: skip
def test_too_few_rows_are_told(rule, message):
    with pytest.raises(ConfigError) as error:
        divide(patients(4), SplitRule(**rule), takes_test=True)

    assert str(error.value) == message


def test_no_rows_at_all_are_a_mistake_of_the_data():
    with pytest.raises(DataError, match=r"^data: the train split is empty\.$"):
        divide(patients(0), SplitRule())
