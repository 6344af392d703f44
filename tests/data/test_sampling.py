"""Samplers: which rows an epoch is made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict

from ml_core.data.base_datamodule import BaseDataModule
from ml_core.data.sampling import BalancedSampler, TorchOrder, WeightedSampler
from ml_core.errors import ConfigError, DataError
from ml_core.wiring.check import look

RARE = [int(i % 10 == 0) for i in range(200)]  # 20 of 200


def rows(**columns) -> Dataset:
    return Dataset.from_dict({"id": list(range(len(next(iter(columns.values()))))), **columns})


def drawn(sampler, seed: int = 0) -> np.ndarray:
    return sampler.draw(torch.Generator().manual_seed(seed)).numpy()


def balanced(**options) -> BalancedSampler:
    return BalancedSampler(rows(label=RARE), by="label", **options)


# ---- balanced


def test_a_rare_class_comes_as_often_as_the_others():
    for seed in range(5):
        epoch = drawn(balanced(), seed)
        assert len(epoch) == 200
        assert np.bincount(np.take(RARE, epoch)).tolist() == [100, 100]


def test_rows_of_one_class_come_with_equal_weight():
    epochs = np.concatenate([drawn(balanced(), seed) for seed in range(100)])

    counts = np.bincount(epochs, minlength=200)  # expected: 100 x 100 / 180 a row of the large class, / 20 of the small
    large, small = counts[np.equal(RARE, 0)], counts[np.equal(RARE, 1)]
    assert large.mean() == pytest.approx(100 * 100 / 180)
    assert small.mean() == pytest.approx(100 * 100 / 20)
    assert np.abs(large - large.mean()).max() < 5 * large.mean() ** 0.5  # five standard deviations
    assert np.abs(small - small.mean()).max() < 5 * small.mean() ** 0.5


def test_classes_are_in_random_order():
    labels = np.take(RARE, drawn(balanced()))
    assert np.count_nonzero(np.diff(labels)) > 60  # of about 100 changes; sorted there would be one


def test_what_cannot_be_divided_goes_to_any_class():
    sampler = BalancedSampler(rows(label=["a", "b", "c"] * 4), by="label", num_samples=10)

    counts = [np.bincount(drawn(sampler, seed) % 3).tolist() for seed in range(30)]
    assert {tuple(sorted(c)) for c in counts} == {(3, 3, 4)}
    assert {c.index(4) for c in counts} == {0, 1, 2}


def test_without_replacement_the_large_class_is_thinned_out():
    epochs = [drawn(balanced(replacement=False), seed) for seed in (0, 1)]

    for epoch in epochs:
        assert len(set(epoch)) == len(epoch) == 40
        assert np.bincount(np.take(RARE, epoch)).tolist() == [20, 20]
    assert set(epochs[0]) != set(epochs[1])


def test_classes_may_be_named_numbered_or_in_a_plain_data_set():
    numbers = rows(label=[0, 1, 1, 1])
    named = numbers.cast_column("label", ClassLabel(names=["few", "many"]))
    plain = [{"label": value} for value in ("x", "y", "y", "y")]

    for source in (numbers, named, plain, named.select([3, 2, 1, 0])):
        sampler = BalancedSampler(source, by="label", num_samples=2)
        labels = [source[int(row)]["label"] for row in drawn(sampler)]
        assert len(set(labels)) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "lable"}, "by: there is no column 'lable'. Did you mean 'label'? Columns: id, label."),
        ({"by": "label", "num_samples": 0}, "num_samples: is 0, but must be a whole number from 1."),
        ({"by": "label", "num_samples": 2.5}, "num_samples: is 2.5, but must be a whole number from 1."),
        ({"by": "label", "num_samples": 41, "replacement": False},
         "num_samples: is 41, but without replacement there are 40 rows to draw. Lower it, or set replacement: true."),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(ConfigError) as error:
        BalancedSampler(rows(label=RARE), **options)

    assert str(error.value) == message


# ---- weighted


def test_rows_come_as_often_as_their_weights_say():
    weights = [0.0, 1.0, 2.0, 5.0]
    sampler = WeightedSampler(rows(weight=weights), by="weight", num_samples=80_000)

    shares = np.bincount(drawn(sampler), minlength=4) / 80_000
    np.testing.assert_allclose(shares, np.array(weights) / 8, atol=0.01)
    assert shares[0] == 0


def test_weights_without_replacement_are_torchs_multinomial_in_distribution():
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0])
    sampler = WeightedSampler(rows(weight=weights.tolist()), by="weight", num_samples=2, replacement=False)
    ours = np.array([drawn(sampler, seed) for seed in range(4_000)])

    reference = torch.multinomial(weights.expand(4_000, 4), 2, generator=torch.Generator().manual_seed(0)).numpy()
    for place in (0, 1):
        both = [np.bincount(draws[:, place], minlength=4) / 4_000 for draws in (ours, reference)]
        np.testing.assert_allclose(*both, atol=0.04)
    assert (ours[:, 0] != ours[:, 1]).all()


def test_an_epoch_without_replacement_has_every_row_that_has_a_weight():
    sampler = WeightedSampler(rows(weight=[0.0, 1.0, 2.0, 0.0]), by="weight", replacement=False)

    assert sorted(drawn(sampler)) == [1, 2]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -1.0], "by: row 1 has the weight -1: weights are finite numbers from 0."),
        ([float("nan"), 1.0], "by: row 0 has the weight nan: weights are finite numbers from 0."),
        ([0.0, 0.0], "by: no row has a weight above 0 in the column 'weight'."),
        (["a", "b"], "by: the column 'weight' holds object, but weights are numbers."),
    ],
)
def test_weights_that_are_none_are_told(weights, message):
    with pytest.raises(DataError) as error:
        WeightedSampler(rows(weight=weights), by="weight")

    assert str(error.value) == message


# ---- samplers of torch


def test_a_sampler_of_torch_draws_from_the_seed_and_leaves_the_global_numbers_alone():
    order = TorchOrder(torch.utils.data.RandomSampler(range(50)))
    before = torch.get_rng_state()

    assert drawn(order, 1).tolist() == drawn(order, 1).tolist()
    assert drawn(order, 1).tolist() != drawn(order, 2).tolist()
    assert sorted(drawn(order)) == list(range(50))
    assert torch.equal(torch.get_rng_state(), before)


# ---- in the data module


def module(sampler, **options) -> BaseDataModule:
    source = DatasetDict(train=rows(label=RARE), validation=rows(label=[0, 1]))
    return BaseDataModule(source, sampler=sampler, batch_size=20, **options)


def test_the_sampler_is_for_train_alone():
    datamodule = module(lambda rows: BalancedSampler(rows, by="label"))

    labels = torch.cat([batch["label"] for batch in datamodule.train_dataloader()])
    assert labels.bincount().tolist() == [100, 100]
    assert [batch["id"].tolist() for batch in datamodule.val_dataloader()] == [[0, 1]]


def test_every_pass_draws_anew():
    loader = module(lambda rows: BalancedSampler(rows, by="label")).train_dataloader()

    first, second = ([row for batch in loader for row in batch["id"].tolist()] for _ in range(2))
    assert first != second


def test_a_mistake_names_the_place_in_the_configuration():
    with pytest.raises(ConfigError) as error:
        module(lambda rows: BalancedSampler(rows, by="lable")).train_dataloader()

    assert str(error.value) == (
        "data.sampler.by: there is no column 'lable'. Did you mean 'label'? Columns: id, label."
    )


@pytest.mark.parametrize(
    ("sampler", "options", "message"),
    [
        (balanced, {"shuffle": False},
         "shuffle: is false, but data.sampler chooses the order. Leave one of the two out."),
        ("balanced", {},
         "sampler: is a str, but must still be given the rows. Write a node with "
         "`_target_: ml_core.data.sampling.BalancedSampler` and `_partial_: true`."),
    ],
)  # fmt: skip
def test_a_sampler_that_cannot_be_used_is_refused_at_once(sampler, options, message):
    with pytest.raises(ConfigError) as error:
        module(sampler, **options)

    assert str(error.value) == message


SAMPLER = ("_target_=ml_core.data.sampling.BalancedSampler", "_partial_=true")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((*SAMPLER, "by=label"), []),
        ((*SAMPLER, "by=lable"),
         ["data.sampler.by: there is no column 'lable'. Did you mean 'label'? Columns: image, label."]),
        ((*SAMPLER, "column=label"),
         ["data.sampler.column: ml_core.data.sampling.BalancedSampler takes no 'column'. It takes: dataset, by, "
          "num_samples, replacement."]),
        (("_target_=ml_core.data.sampling.LengthBucketSampler", "_partial_=true", "by=image"),
         ["data.sampler.by: the column 'image' has no lengths: struct<bytes: binary, path: string>. Name one of lists, "
          "strings or whole numbers."]),
    ],
)  # fmt: skip
def test_the_check_of_the_wiring_understands_it(words, found, compose_config):
    overrides = [f"+data.sampler.{word}" for word in words]
    findings, _, _ = look(compose_config("experiment=example", *overrides, config="check.yaml"))

    assert [str(error) for error in findings.errors] == found


def test_what_makes_no_sampler_is_refused():
    with pytest.raises(ConfigError) as error:
        module(len).train_dataloader()

    assert str(error.value) == "data.sampler: makes a int, but must make a sampler of row numbers."
