"""A resumed run goes on with exactly the samples and random numbers that the unbroken one would have had."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import load_dataset
from processes import run_python
from resumed_run import NUM_HELD_OUT, NUM_ROWS, Recorder, RecorderWithSchedule, noise, run, shards

from ml_core.data.length_buckets import LengthBucketSampler
from ml_core.data.sampling import BalancedSampler, WeightedSampler
from ml_core.data.streaming import ParquetStream, SampleStream
from ml_core.errors import ConfigError


def assert_goes_on(whole: Recorder, rest: Recorder, done: int) -> None:
    """The rest is what the whole did after so many batches, to the bit."""
    assert len(rest.seen) == len(whole.seen) - done
    assert rest.seen == whole.seen[done:]
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, rest.state_dict()[name]), name


@pytest.mark.parametrize("step", [2, 6, 8, 12, 13])  # in an epoch of 6 batches, at the end of one, in a later one
def test_a_resumed_run_sees_the_samples_and_random_numbers_that_were_left(step: int, tmp_path: Path):
    whole = run(tmp_path / "whole")

    assert_goes_on(whole, run(tmp_path / "rest", tmp_path / "whole" / f"step={step}.ckpt"), done=step)


@pytest.mark.parametrize(
    "options",
    [
        {"max_steps": 14, "max_epochs": -1},
        {"limit_train_batches": 5},
        {"val_check_interval": 2},
        {"reload_dataloaders_every_n_epochs": 1},
        {"data": {"shuffle": False}},
        {"data": {"drop_last": True}},
        {"data": {"sampler": lambda rows: BalancedSampler(rows, by="label")}},
        {"data": {"sampler": lambda rows: BalancedSampler(rows, by="label", replacement=False)}},
        {"data": {"sampler": lambda rows: WeightedSampler(rows, by="length")}},
        {"data": {"sampler": lambda rows: LengthBucketSampler(rows, by="length", max_tokens=14)}},
        {"data": {"sampler": lambda rows: torch.utils.data.RandomSampler(rows, replacement=True)}},
    ],
    ids=str,
)
def test_it_does_so_under_any_order_and_end(options: dict[str, Any], tmp_path: Path):
    whole = run(tmp_path / "whole", **options)

    assert_goes_on(whole, run(tmp_path / "rest", tmp_path / "whole" / "step=3.ckpt", **options), done=3)


def test_it_does_so_with_a_scheduler_that_asks_for_the_number_of_steps(tmp_path: Path):
    whole = run(tmp_path / "whole", model=RecorderWithSchedule)

    rest = run(tmp_path / "rest", tmp_path / "whole" / "step=8.ckpt", model=RecorderWithSchedule)
    assert_goes_on(whole, rest, done=8)


def test_it_does_so_with_accumulated_gradients(tmp_path: Path):
    options = {"accumulate_grad_batches": 2}
    whole = run(tmp_path / "whole", **options)

    assert_goes_on(whole, run(tmp_path / "rest", tmp_path / "whole" / "step=4.ckpt", **options), done=8)


@pytest.mark.parametrize("workers", [(0, 2), (2, 0), (2, 1)])
def test_it_does_so_when_the_number_of_workers_changes(workers: tuple[int, int], tmp_path: Path):
    before, after = ({"data": {"num_workers": number}, "max_epochs": 2} for number in workers)
    whole = run(tmp_path / "whole", **before)

    assert_goes_on(whole, run(tmp_path / "rest", tmp_path / "whole" / "step=3.ckpt", **after), done=3)


def test_workers_that_live_on_and_are_broken_off_in_every_epoch_change_nothing(tmp_path: Path):
    options = {"limit_train_batches": 3, "max_epochs": 2}
    whole = run(tmp_path / "whole", **options)

    live = run(tmp_path / "live", data={"num_workers": 2, "persistent_workers": True}, **options)
    assert live.seen == whole.seen


@pytest.mark.parametrize("saving", [{"every_n_epochs": 1, "save_on_train_epoch_end": True}, {"every_n_epochs": 1}])
@pytest.mark.parametrize("ends", [{"max_epochs": 3}, {"max_steps": 16, "max_epochs": -1}])
@pytest.mark.parametrize("validates", [True, False])
def test_it_does_so_from_the_end_of_an_epoch(
    saving: dict[str, Any], ends: dict[str, Any], validates: bool, tmp_path: Path
):
    options = {"saving": saving, "limit_val_batches": int(validates), **ends}
    whole = run(tmp_path / "whole", **options)

    assert_goes_on(whole, run(tmp_path / "rest", tmp_path / "whole" / "step=6.ckpt", **options), done=6)


def test_a_resumed_run_can_be_resumed(tmp_path: Path):
    whole = run(tmp_path / "whole")
    run(tmp_path / "second", tmp_path / "whole" / "step=2.ckpt", max_steps=4)

    assert_goes_on(whole, run(tmp_path / "third", tmp_path / "second" / "step=4.ckpt"), done=4)


def test_batches_that_were_trained_on_are_not_fetched_again(tmp_path: Path):
    run(tmp_path / "whole")
    fetched: list[int] = []

    def noting(batch: dict[str, Any]) -> dict[str, Any]:
        fetched.append(len(batch["id"]))
        return noise(batch)

    rest = run(tmp_path / "rest", tmp_path / "whole" / "step=5.ckpt", max_epochs=1, data={"augment": noting})
    assert len(rest.seen) == len(fetched) == 1


def test_the_position_loads_without_pickled_objects(tmp_path: Path):
    run(tmp_path, max_epochs=1)

    stored = torch.load(tmp_path / "step=4.ckpt", weights_only=True)["BaseDataModule"]["position"]
    assert stored == {"epoch": 0, "batch": 4, "batch_size": 4, "num_samples": NUM_ROWS, "num_batches": 6, "seed": 0}


def test_another_batch_size_in_the_middle_of_an_epoch_is_refused(tmp_path: Path):
    run(tmp_path / "whole")

    with pytest.raises(ConfigError) as error:
        run(tmp_path / "rest", tmp_path / "whole" / "step=4.ckpt", data={"batch_size": 2})

    assert str(error.value) == (
        "data.batch_size: is 2, but the checkpoint was written after batch 4 of 6 of an epoch with batches of 4, so it "
        "is not known which rows are left. Set data.batch_size=4, or go on from a checkpoint at the end of an epoch."
    )


def test_another_batch_size_from_the_end_of_an_epoch_is_taken(tmp_path: Path):
    saving = {"every_n_epochs": 1, "save_on_train_epoch_end": True}
    run(tmp_path / "whole", saving=saving)

    rest = run(tmp_path / "rest", tmp_path / "whole" / "step=6.ckpt", data={"batch_size": 2}, saving=saving)
    assert len(rest.seen) == 22


def parquet(folder: Path, **options: Any) -> dict[str, Any]:
    return {"train": ParquetStream(str(folder), shuffle_buffer=6, **options)}


def hub(folder: Path) -> dict[str, Any]:
    files = sorted(map(str, folder.glob("*.parquet")))
    rows = load_dataset("parquet", data_files=files, split="train", streaming=True)
    return {"train": SampleStream(rows, shuffle_buffer=6)}


@pytest.mark.parametrize(
    ("source", "options"),
    [
        (parquet, {"max_epochs": 2}),
        (parquet, {"max_epochs": 2, "data": {"num_workers": 2}}),
        (partial(parquet, repeat=True), {"max_epochs": -1, "max_steps": 9}),
        (hub, {"max_epochs": 2}),
        (hub, {"max_epochs": 2, "data": {"num_workers": 2}}),
    ],
    ids=["files", "files, 2 workers", "files without end", "of unknown length", "of unknown length, 2 workers"],
)
def test_it_does_so_from_a_stream(source: Any, options: dict[str, Any], tmp_path: Path):
    folder = shards(tmp_path / "shards")
    given = {**options, "data": {"source": lambda: source(folder), "val_ratio": 0, **options.get("data", {})}}
    whole = run(tmp_path / "whole", **given)

    for step in (3, 8):
        rest = run(tmp_path / f"rest{step}", tmp_path / "whole" / f"step={step}.ckpt", **given)
        assert_goes_on(whole, rest, done=step)


@pytest.mark.slow
def test_it_does_so_on_two_processes_each_with_its_own_rows(tmp_path: Path):
    for name, checkpoint, workers in (("whole", "", 0), ("rest", tmp_path / "whole" / "step=3.ckpt", 2)):
        (tmp_path / name).mkdir()
        run_python("tests/resumed_run.py", tmp_path / name, checkpoint, str(workers))

    ids, validated = [], []
    for rank in (0, 1):
        whole, rest = (json.loads((tmp_path / name / f"rank{rank}.json").read_text()) for name in ("whole", "rest"))
        assert rest == {**whole, "seen": whole["seen"][3:]}
        validated += whole["validated"]
        ids += [row for step in whole["seen"][:6] for row in step[0]]
    assert sorted(ids) == list(range(NUM_ROWS))
    assert sorted(validated) == list(range(NUM_HELD_OUT))  # none is counted twice
