"""Data sets that can only be iterated over."""

import datasets
import pytest
from datasets import IterableDataset

from ml_core.data.streaming import SampleStream, StreamedBatches
from ml_core.errors import BatchTypeError, ConfigError, DataError


def batches(samples, **options):
    return [batch for _, batch, _ in StreamedBatches(SampleStream(samples), name="data, split train", **options)]


def test_samples_become_batches_of_columns():
    samples = [{"x": [float(i), i + 0.5], "label": i, "name": str(i)} for i in range(5)]

    first, second = batches(samples, batch_size=3)

    assert first["x"].tolist() == [[0.0, 0.5], [1.0, 1.5], [2.0, 2.5]]
    assert second["label"].tolist() == [3, 4]
    assert second["name"] == ["3", "4"]


@pytest.mark.parametrize(("shards", "readers"), [(4, 2), (3, 2), (1, 3)])
@pytest.mark.parametrize("shuffle", [False, True])
def test_the_readers_of_a_hugging_face_stream_share_its_rows(shards, readers, shuffle):
    dataset = datasets.Dataset.from_dict({"x": list(range(60))}).to_iterable_dataset(num_shards=shards)

    parts = [
        [x for batch in batches(dataset, batch_size=7, rank=rank, num_replicas=readers, shuffle=shuffle)
         for x in batch["x"].tolist()]
        for rank in range(readers)
    ]  # fmt: skip

    assert sorted(x for part in parts for x in part) == list(range(60))
    assert all(parts)


def failing():
    yield {"x": 1}
    raise OSError("the line is down")


@pytest.mark.parametrize(
    ("samples", "kind", "message"),
    [
        ([{"x": 1}, {"x": 1, "y": 2}], DataError,
         "data, split train: sample 1 of the stream has the keys x, y, but those before it have x."),
        ([(1, 2)], BatchTypeError,
         "data: a batch must be a dict of named values, got tuple. "
         "Give each column a name, for example {'image': x, 'label': y}."),
        (IterableDataset.from_generator(failing), DataError,
         "data, split train: the stream cannot be read after sample 0 of this reader: OSError: the line is down."),
    ],
)  # fmt: skip
def test_samples_that_make_no_batch_are_told(samples, kind, message):
    with pytest.raises(kind) as error:
        batches(samples, batch_size=2)

    assert str(error.value) == message


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ({"train": [], "test": []}, "dataset: is a dict of splits: train, test. Name one, as in split: train."),
        (3, "dataset: is a int, which cannot be iterated over."),
    ],
)
def test_what_is_no_stream_is_refused(dataset, message):
    with pytest.raises(ConfigError) as error:
        SampleStream(dataset)

    assert str(error.value) == message
