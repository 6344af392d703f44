"""Mixtures: shares, ends, and positions."""

import math

import datasets
import pytest
import torch
from data.streaming.shards import write

from ml_core.data.columns import TensorColumns
from ml_core.data.mixing import MixedRows
from ml_core.data.sources import mixture
from ml_core.data.streaming import ParquetStream, StreamedBatches
from ml_core.data.streaming.mixed import MixedStream
from ml_core.errors import ConfigError, DataError


def rows(start, count, name):
    return datasets.Dataset.from_dict({"x": list(range(start, start + count)), "from": [name] * count})


def two(stop="first_exhausted", **weights):
    return mixture({"wiki": rows(0, 1000, "wiki"), "code": rows(10_000, 3000, "code")}, weights, seed=1, stop=stop)


def test_the_shares_over_ten_thousand_rows_are_the_weights():
    sources = {name: rows(0, 10_000, name) for name in ("a", "b", "c")}

    mixed = mixture(sources, {"a": 5, "b": 3, "c": 2}, seed=3)[range(10_000)]

    for name, share in (("a", 0.5), ("b", 0.3), ("c", 0.2)):
        deviation = math.sqrt(10_000 * share * (1 - share))
        assert abs(mixed["from"].count(name) - 10_000 * share) < 3 * deviation


def test_rows_come_once_until_the_first_source_has_no_more():
    mixed = two(wiki=0.5, code=0.5)

    every = mixed[range(len(mixed))]
    assert len(set(every["x"].tolist())) == len(mixed)
    assert 1000 in (every["from"].count("wiki"), every["from"].count("code"))
    assert every["x"][:500].tolist() != sorted(every["x"][:500].tolist())  # nor in the order of the sources


def test_or_until_the_last_one_was_read_to_its_end():
    mixed = two("all_exhausted", wiki=0.5, code=0.5)

    every = mixed[range(len(mixed))]["x"].tolist()
    assert set(every) == {*range(1000), *range(10_000, 13_000)}
    assert sum(x >= 10_000 for x in every) == 3000
    counts = torch.bincount(torch.tensor([x for x in every if x < 10_000]))
    assert counts.max() - counts.min() == 1  # each as often as the others before one comes again


def test_the_same_seed_gives_the_same_mixture():
    sources = {"a": rows(0, 50, "a"), "b": rows(50, 50, "b")}

    def order(seed):
        mixed = mixture(sources, {"a": 1, "b": 1}, seed=seed)
        return mixed[range(40)]["x"].tolist()

    assert order(1) == order(1) != order(2)


def test_rows_of_any_map_style_source_are_had_by_number_name_and_part():
    sources = {
        "tensors": TensorColumns({"x": torch.arange(20), "y": torch.zeros(20)}),
        "table": datasets.Dataset.from_dict({"x": list(range(20, 40)), "y": [1.0] * 20}),
        "list": [{"x": x, "y": 2.0} for x in range(40, 60)],
    }

    mixed = mixture(sources, dict.fromkeys(sources, 1.0))

    assert isinstance(mixed, MixedRows)
    assert mixed.column_names == ["x", "y"]
    columns = mixed[[3, 0, 5]]
    assert columns["x"].tolist() == [mixed[3]["x"], mixed[0]["x"], mixed[5]["x"]]
    assert columns["y"].tolist() == [x // 20 for x in columns["x"].tolist()]
    assert mixed["x"].tolist() == mixed[range(len(mixed))]["x"].tolist()
    assert mixed.select([3, 0, 5])[[0, 2]]["x"].tolist() == [mixed[3]["x"], mixed[5]["x"]]


def streams(folder, repeat=False):
    count = write(folder / "a", [40, 40])
    parquet = ParquetStream(str(folder / "a"), columns=["x", "name"], shuffle_buffer=16, repeat=repeat)
    other = datasets.Dataset.from_dict({"x": list(range(1000, 1300)), "name": [str(x) for x in range(1000, 1300)]})
    return count, {"parquet": parquet, "table": other}


def passes(mixed, **options):
    dataset = StreamedBatches(mixed, batch_size=16, shuffle=True, **options)
    return dataset, [(batch, state) for _, batch, state in dataset]


@pytest.mark.parametrize("stop", ["first_exhausted", "all_exhausted"])
@pytest.mark.parametrize("is_known", [True, False], ids=["known sizes", "unknown size"])
def test_a_stream_is_mixed_and_goes_on_after_any_batch(tmp_path, stop, is_known):
    count, sources = streams(tmp_path)
    if not is_known:
        sources["table"] = sources["table"].to_iterable_dataset()
    mixed = mixture(sources, {"parquet": 0.5, "table": 0.5}, seed=2, stop=stop)

    dataset, found = passes(mixed)

    every = [x for batch, _ in found for x in batch["x"].tolist()]
    assert isinstance(mixed, MixedStream)
    assert dataset.num_batches() == (len(found) if is_known else None)
    assert all(batch["name"] == [str(x) for x in batch["x"].tolist()] for batch, _ in found)
    if stop == "first_exhausted":
        assert len(every) == len(set(every))
        assert sum(x < 1000 for x in every) == count
    else:
        assert set(every) == {*range(count), *range(1000, 1300)}
    for number in (0, 3, len(found) - 2, len(found) - 1):
        resumed = StreamedBatches(mixed, batch_size=16, shuffle=True)
        resumed.load_state_dict({0: found[number][1]})
        rest = [batch["x"].tolist() for _, batch, _ in resumed]
        assert rest == [batch["x"].tolist() for batch, _ in found[number + 1 :]]


def test_all_ranks_have_as_many_batches_and_no_row_in_common(tmp_path):
    _, sources = streams(tmp_path)
    mixed = mixture(sources, {"parquet": 0.3, "table": 0.7}, seed=2)

    ranks = [passes(mixed, rank=rank, num_replicas=3) for rank in range(3)]

    assert len({len(found) for _, found in ranks}) == 1
    assert {len(found) for _, found in ranks} == {ranks[0][0].num_batches()}
    every = [x for _, found in ranks for batch, _ in found for x in batch["x"].tolist()]
    assert len(every) == len(set(every))


def test_a_source_that_repeats_never_ends_a_mixture(tmp_path):
    _, sources = streams(tmp_path, repeat=True)

    dataset, found = passes(mixture(sources, {"parquet": 0.9, "table": 0.1}, seed=2))

    every = [x for batch, _ in found for x in batch["x"].tolist()]
    assert sum(x >= 1000 for x in every) == 300
    assert dataset.num_batches() == len(found)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": {"wiki": 1, "cod": 1}},
         "weights.cod: there is no such source. Did you mean 'code'? Sources: wiki, code."),
        ({"weights": {"wiki": 1}}, "weights: has none for code. Give each source a weight."),
        ({"weights": {"wiki": 1, "code": 0}}, "weights.code: is 0, but must be a number above 0."),
        ({"weights": {"wiki": 1, "code": "2"}}, "weights.code: is '2', but must be a number above 0."),
        ({"seed": -1}, "seed: is -1, but must be a whole number from 0."),
        ({"stop": "first_exausted"}, "stop: is 'first_exausted'. Did you mean 'first_exhausted'? "
                                     "Choose one of: first_exhausted, all_exhausted."),
        ({"sources": {}}, "sources: is {}, but must name at least one data set."),
        ({"sources": {"wiki": {"train": [], "test": []}}},
         "sources.wiki: is a dict of splits: train, test. Name one, as in split: train."),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit_are_told(arguments, message):
    fitting = {"sources": {"wiki": rows(0, 5, "a"), "code": rows(0, 5, "b")}, "weights": {"wiki": 1, "code": 1}}

    with pytest.raises(ConfigError) as error:
        mixture(**(fitting | arguments))

    assert str(error.value) == message


def test_a_source_without_rows_is_told():
    with pytest.raises(DataError) as error:
        mixture({"a": rows(0, 0, "a")}, {"a": 1})

    assert str(error.value) == "sources.a: has no row."


def test_sources_with_other_columns_are_told(tmp_path):
    other = datasets.Dataset.from_dict({"y": [1, 2]})
    with pytest.raises(DataError) as error:
        mixture({"a": rows(0, 5, "a"), "b": other}, {"a": 1, "b": 1})

    assert str(error.value) == (
        "sources.b: has the columns y, but 'a' has x, from. The sources of a mixture must have the same columns."
    )

    write(tmp_path, [20])
    mixed = mixture({"a": ParquetStream(str(tmp_path)), "b": other}, {"a": 1, "b": 1}, stop="all_exhausted")
    with pytest.raises(DataError) as error:
        list(StreamedBatches(mixed, name="data, split train", batch_size=16))

    assert str(error.value) == (
        "data, split train: the source 'b' has the columns y, but 'a' has x, name, pair. "
        "The sources of a mixture must have the same columns."
    )
