"""Batches of a stream: every row once, as many on every rank, and the rest after any of them."""

import io
import itertools
from types import SimpleNamespace

import datasets
import numpy as np
import pytest
import torch
from data.streaming.shards import write
from torch.utils.data import DataLoader

from ml_core.data.batches import identity
from ml_core.data.streaming import ParquetStream, SampleStream, StreamedBatches
from ml_core.errors import ConfigError, DataError
from ml_core.step_errors import StepError

SIZES = [37, 0, 20, 64, 11]
COUNT = sum(SIZES)


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, SIZES)
    return str(tmp_path)


def batches(stream, worker=0, **options):
    """What one worker of a rank gives, as `(values of x, state)`."""
    dataset = StreamedBatches(stream, **options)
    return [(batch["x"].tolist(), state) for _, batch, state in of_worker(dataset, worker)]


def of_worker(dataset, worker):
    """Iterate as a worker process does."""
    info, module = SimpleNamespace(id=worker), torch.utils.data._utils.worker
    try:
        module._worker_info = info
        yield from dataset
    finally:
        module._worker_info = None


def stored(state):
    """A state as it comes out of a checkpoint."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("batch_size", [2, 7, 16, 200])
@pytest.mark.parametrize(("ranks", "workers"), [(1, 1), (2, 2), (3, 1), (1, 5)])
def test_all_readers_together_see_every_row_once_in_as_many_batches(folder, ranks, workers, batch_size, shuffle):
    stream = ParquetStream(folder, shuffle_buffer=30)
    options = {"batch_size": batch_size, "num_replicas": ranks, "num_workers": workers, "shuffle": shuffle}

    found = {
        rank: [batches(stream, worker, rank=rank, **options) for worker in range(workers)] for rank in range(ranks)
    }

    rows = [x for readers in found.values() for reader in readers for values, _ in reader for x in values]
    assert sorted(rows) == list(range(COUNT))
    counts = {rank: sum(map(len, readers)) for rank, readers in found.items()}
    assert set(counts.values()) == {StreamedBatches(stream, **options).num_batches()}


@pytest.mark.parametrize(("sizes", "batch_size"), [([5], 1), ([3], 4)])
def test_where_there_are_too_few_rows_to_go_round_one_is_doubled_and_none_left_out(tmp_path, sizes, batch_size):
    count = write(tmp_path, sizes)
    options = {"batch_size": batch_size, "num_replicas": 2, "num_workers": 2}

    readers = [
        batches(ParquetStream(str(tmp_path)), worker, rank=rank, **options) for rank in (0, 1) for worker in (0, 1)
    ]

    assert {x for reader in readers for values, _ in reader for x in values} == set(range(count))
    assert len({len(reader) for reader in readers}) == 1


def test_dropping_the_last_gives_full_batches_and_as_many_on_every_rank(folder):
    options = {"batch_size": 7, "num_replicas": 3, "drop_last": True, "shuffle": True}

    ranks = [batches(ParquetStream(folder), rank=rank, **options) for rank in range(3)]

    assert {len(values) for rank in ranks for values, _ in rank} == {7}
    assert {len(rank) for rank in ranks} == {COUNT // 3 // 7}


def test_worker_processes_give_the_rows_of_their_batches_in_one_piece(folder):
    stream = ParquetStream(folder, shuffle_buffer=30)
    dataset = StreamedBatches(stream, batch_size=7, num_workers=2, shuffle=True)

    loaded = list(DataLoader(dataset, batch_size=None, num_workers=2, collate_fn=identity))

    alone = [batches(stream, worker, batch_size=7, num_workers=2, shuffle=True) for worker in (0, 1)]
    expected = [batch for pair in itertools.zip_longest(*alone) for batch in pair if batch]
    assert [(batch["x"].tolist(), state) for _, batch, state in loaded] == expected
    for worker, batch, _ in loaded:
        assert worker in (0, 1)
        assert batch["name"] == [str(x) for x in batch["x"].tolist()]
        torch.testing.assert_close(batch["pair"][:, 1], batch["x"] + 0.5, check_dtype=False)


def test_the_order_follows_from_seed_and_epoch(folder):
    def order(seed, epoch, shuffle=True):
        dataset = StreamedBatches(ParquetStream(folder, shuffle_buffer=30), batch_size=7, shuffle=shuffle, seed=seed)
        dataset.set_epoch(epoch)
        return [x for _, batch, _ in dataset for x in batch["x"].tolist()]

    assert order(1, 0) == order(1, 0)
    assert len({tuple(order(seed, epoch)) for seed in (1, 2) for epoch in (0, 1)}) == 4
    assert order(1, 1, shuffle=False) == list(range(COUNT))


def test_rows_are_shuffled_across_row_groups_and_files(folder):
    first = [x for values, _ in batches(ParquetStream(folder, shuffle_buffer=50), batch_size=25, shuffle=True)[:2]
             for x in values]  # fmt: skip

    groups = {x // 8 for x in first}
    assert len(groups) > 4
    assert not np.array_equal(first, sorted(first))


def hub(folder):
    files = [f"{folder}/{number}.parquet" for number, size in enumerate(SIZES) if size]
    return datasets.load_dataset("parquet", data_files=files, streaming=True, split="train")


def iterable_of_dicts(folder):
    return [{"x": x, "name": str(x)} for x in range(COUNT)]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("make", [None, hub, iterable_of_dicts], ids=["Parquet", "Hugging Face", "iterable"])
def test_after_any_batch_exactly_the_rest_comes(folder, make, shuffle):
    stream = SampleStream(make(folder), shuffle_buffer=30) if make else ParquetStream(folder, shuffle_buffer=30)
    options = {"batch_size": 7, "shuffle": shuffle, "seed": 3}
    dataset = StreamedBatches(stream, **options)
    dataset.set_epoch(2)
    whole = [(batch["x"].tolist(), state) for _, batch, state in dataset]
    assert sorted(x for values, _ in whole for x in values) == list(range(COUNT))

    for number in range(0, len(whole), 3):
        resumed = StreamedBatches(stream, **options)
        resumed.load_state_dict({0: stored(whole[number][1])})
        rest = [batch["x"].tolist() for _, batch, _ in resumed]
        assert rest == [values for values, _ in whole[number + 1 :]]


def test_a_resumed_worker_does_what_that_of_the_broken_pass_did(folder):
    stream = ParquetStream(folder, shuffle_buffer=30)
    options = {"batch_size": 7, "num_workers": 2, "shuffle": True}
    whole = [batches(stream, worker, **options) for worker in (0, 1)]

    resumed = StreamedBatches(stream, **options)  # broken off behind two batches of worker 0 and one of worker 1
    resumed.load_state_dict({0: whole[0][1][1], 1: whole[1][0][1]}, first=1)
    first, second = (list(of_worker(resumed, worker)) for worker in (0, 1))

    assert [(worker, batch["x"].tolist()) for worker, batch, _ in first] == [(1, x) for x, _ in whole[1][1:]]
    assert [(worker, batch["x"].tolist()) for worker, batch, _ in second] == [(0, x) for x, _ in whole[0][2:]]


def test_the_pass_after_a_resumed_one_begins_at_the_start(folder):
    stream = ParquetStream(folder)
    dataset = StreamedBatches(stream, batch_size=7)
    dataset.load_state_dict({0: batches(stream, batch_size=7)[5][1]})
    list(dataset)

    dataset.set_epoch(1)

    assert [x for _, batch, _ in dataset for x in batch["x"].tolist()] == list(range(COUNT))


def test_another_number_of_readers_cannot_go_on(folder):
    state = batches(ParquetStream(folder), batch_size=7, num_workers=2)[0][1]

    with pytest.raises(ConfigError) as error:
        StreamedBatches(ParquetStream(folder), batch_size=7, num_workers=3).load_state_dict({0: state})

    assert str(error.value) == (
        "data.num_workers: the stream was split among 2 readers (workers of all devices), now there are 3, which would "
        "have other rows. Resume with as many workers and devices as before."
    )


def test_a_stream_that_repeats_goes_through_all_rows_in_another_order_each_time(folder):
    dataset = StreamedBatches(ParquetStream(folder, shuffle_buffer=30, repeat=True), batch_size=11, shuffle=True)
    passes = [(batch["x"].tolist(), state) for _, batch, state in itertools.islice(dataset, 3 * COUNT // 11)]
    rows = [x for values, _ in passes for x in values]

    first, second, third = rows[:COUNT], rows[COUNT : 2 * COUNT], rows[2 * COUNT :]
    assert sorted(first) == sorted(second) == sorted(third) == list(range(COUNT))
    assert first != second
    assert dataset.num_batches() is None

    for number in (0, 13, 20):
        resumed = StreamedBatches(dataset.stream, batch_size=11, shuffle=True)
        resumed.load_state_dict({0: stored(passes[number][1])})
        rest = [batch["x"].tolist() for _, batch, _ in itertools.islice(resumed, 5)]
        assert rest == [values for values, _ in passes[number + 1 : number + 6]]


def test_random_numbers_of_a_batch_follow_from_its_place_alone(folder):
    def noise(batch):
        return {"noise": torch.rand(len(batch["x"]))}

    def noisy(state=None):
        dataset = StreamedBatches(ParquetStream(folder), [("data.augment", noise)], batch_size=30, is_random=True)
        if state:
            dataset.load_state_dict({0: state})
        return [(batch["noise"].tolist(), state) for _, batch, state in dataset]

    before = torch.get_rng_state()
    whole = noisy()
    assert torch.equal(torch.get_rng_state(), before)
    assert noisy() == whole
    assert noisy(whole[1][1]) == whole[2:]
    assert whole[0][0] != whole[1][0]


def test_a_failing_row_is_named_by_file_and_number(folder):
    def fail_on_40(batch):
        if (batch["x"] == 40).any():
            raise ValueError("no forties")
        return {}

    dataset = StreamedBatches(ParquetStream(folder), [("data.transform", fail_on_40)], name="data, split train",
                              batch_size=16, shuffle=True)  # fmt: skip

    with pytest.raises(StepError) as error:
        list(dataset)

    assert f"no forties. Only these rows fail (data, split train): {folder}/2.parquet row 3." in str(error.value)


def test_a_file_that_is_gone_is_told(folder, tmp_path):
    stream = ParquetStream(folder)
    (tmp_path / "3.parquet").unlink()

    with pytest.raises(DataError) as error:
        list(StreamedBatches(stream, name="data, split train", batch_size=16))

    assert str(error.value).startswith(f"{tmp_path}/3.parquet: row group 0 cannot be read: ")


def test_a_collate_function_gets_samples_of_python_values(folder):
    def collate(samples):
        assert samples[0] == {"x": 0, "name": "0", "pair": [0.0, 0.5]}
        return {"total": torch.tensor(sum(sample["x"] for sample in samples))}

    _, batch, _ = next(iter(StreamedBatches(ParquetStream(folder), collate=collate, batch_size=4)))

    assert batch["total"] == 6


def test_images_that_the_hub_stores_as_bytes_are_decoded(tmp_path):
    from PIL import Image

    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["no", "yes"])})
    rows = {"image": [Image.new("L", (2, 2), color=shade) for shade in (0, 200)], "label": [0, 1]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "a.parquet")
    stream = ParquetStream(str(tmp_path))

    _, batch, _ = next(iter(StreamedBatches(stream, batch_size=2)))

    assert [image.getpixel((0, 0)) for image in batch["image"]] == [0, 200]
    assert stream.features["label"].names == ["no", "yes"]


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        ([0, 0], {}, "data, split train: there is no row."),
        ([5], {"batch_size": 4, "num_workers": 2, "drop_last": True},
         "data, split train: 5 rows give each of the 2 readers (workers of all devices) less than one batch of 4. "
         "Lower data.batch_size or data.num_workers, or set data.drop_last=false."),
    ],
)  # fmt: skip
def test_no_batch_at_all_is_an_error(tmp_path, sizes, options, message):
    write(tmp_path, sizes)

    with pytest.raises(DataError) as error:
        StreamedBatches(ParquetStream(str(tmp_path)), name="data, split train", **options)

    assert str(error.value) == message
