"""FAULTS.md, "Data": what a user reads on the terminal, and with which exit code the run ends.

The real command runs in this process, or in processes of its own where the fault is one of processes.
"""

from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import datasets
import pytest
import torch
from setting import ROOT

from ml_core.train import main

SMALL = (
    "experiment=example", "trainer.accelerator=cpu", "trainer.min_epochs=1", "trainer.max_epochs=1",
    "+trainer.num_sanity_val_steps=0", "+trainer.enable_progress_bar=false", "trainer.enable_checkpointing=false",
    "model/scheduler=none", "callbacks=none", "logger=none", "test=false", "data.stratify_by=null", "data.batch_size=8",
)  # fmt: skip
NUMBERS = ("model.forward_fn.network.transform.input_size=4", "data.transform=null")
IMAGES = ("model.forward_fn.network.transform.input_size=64",)
WORKERS = ("data.num_workers=2",)
SECONDS = 30


def source(function: str, **arguments: object) -> str:
    given = "".join(f", {name}: {'null' if value is None else value}" for name, value in arguments.items())
    return f"data.hf_dict_dataset={{_target_: faults.broken_data.{function}{given}}}"


def parquet(folder: Path) -> str:
    return f"data.hf_dict_dataset={{_target_: datasets.load_dataset, path: parquet, data_files: '{folder}/*.parquet'}}"


def step(function: str, **arguments: object) -> tuple[str, ...]:
    """Return the overrides that put a step in the place of the transforms."""
    given = "".join(f", {name}: {value}" for name, value in arguments.items())
    inner = f"{{_target_: faults.broken_data.{function}, _partial_: true{given}}}"
    return (
        NUMBERS[0], "data.transform.to_tensor=null", "data.transform.normalize=null",
        "data.transform.own={_target_: ml_core.transforms.base.WrapTransform, "
        f"transform: {inner}, mapping: {{image: image}}, new_key: image}}",
    )  # fmt: skip


class Ended:
    """How a run has ended.

    Attributes:
        code: Exit code.
        shown: What it wrote to stderr.
        last: The last line of that.
        log: Its log file.
    """

    def __init__(self, code: int, shown: str, folder: Path) -> None:
        self.code, self.shown = code, shown
        self.last = shown.strip().splitlines()[-1] if shown.strip() else ""
        self.log = "".join(path.read_text() for path in folder.glob("train/runs/*/train.log"))


@pytest.fixture
def train(
    run_command: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Ended]:
    """Train the example with overrides, and return how that has ended."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "prepared")

    def run(*overrides: str) -> Ended:
        try:
            run_command(main, *SMALL, *overrides)
            code = 0
        except SystemExit as end:
            code = end.code
        return Ended(code, capsys.readouterr().err, tmp_path)

    return run


def test_the_data_that_is_not_broken_trains(train):
    ended = train(source("numbers"), *NUMBERS)
    assert ended.code == 0, ended.shown


@pytest.mark.parametrize("workers", [(), WORKERS], ids=["here", "in workers"])
def test_d1_corrupt_image(train, tmp_path, workers):
    ended = train(source("image_files", folder=tmp_path), *IMAGES, *workers)
    assert ended.code == 65
    text = f"row 17 cannot be read ({tmp_path / '17.png'}): OSError: image file is truncated"
    assert ended.last.startswith(f"ERROR [data, split train]: {text}")


@pytest.mark.parametrize("workers", [(), WORKERS], ids=["here", "in workers"])
def test_d1_corrupt_image_skipped_and_counted(train, tmp_path, workers):
    ended = train(source("image_files", folder=tmp_path, bad="[3, 17]"), *IMAGES, *workers, "data.on_bad=skip",
                  "data.max_bad=2")  # fmt: skip
    assert ended.code == 0, ended.shown
    assert ended.log.count("Left out: data, split train: row ") == 1
    assert "data, split train: 2 of 40 rows are left out (data.on_bad=skip): 3, 17." in ended.log
    assert "data, split validation: 1 of 10 rows are left out (data.on_bad=skip): 3." in ended.log


def test_d1_corrupt_images_skipped_up_to_a_limit(train, tmp_path):
    overrides = ("data.on_bad=skip", "data.max_bad=0.05", *WORKERS)
    ended = train(source("image_files", folder=tmp_path, bad="[13, 14, 15]"), *IMAGES, *overrides)
    assert ended.code == 65
    assert "So 3 of 40 rows are bad, and data.max_bad allows 2. Correct the data, or allow more" in ended.last


def test_d1_corrupt_image_in_the_middle_of_a_parquet_shard(train, tmp_path):
    from faults.broken_data import image_shards

    image_shards(tmp_path)
    ended = train(parquet(tmp_path), *IMAGES)
    assert ended.code == 65
    assert re.search(r"ERROR \[data, split (train|validation)\]: row \d+ cannot be read: OSError: image file is trunc",
                     ended.last)  # fmt: skip


def test_d2_missing_batch_key(train):
    ended = train(source("without_labels"), *NUMBERS)
    assert ended.code == 64
    assert ended.last.startswith(
        "ERROR [model.criterions.mapping.ce]: reads 'label', which the data does not have in train. "
        "Keys at this point: image, output, prediction"
    )


def test_d2_missing_column_in_a_sample_of_a_batch(train):
    ended = train(source("a_sample_without_labels"), *NUMBERS)
    assert ended.code == 65
    assert "row 7 lacks the key 'label' that others have" in ended.last


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_d3_not_finite_feature(train, value):
    ended = train(source("not_finite", value=f"'{value}'"), *NUMBERS)
    assert ended.code == 65
    assert ended.last.startswith("ERROR [data, split train]: the data holds nan or inf: 'image' in row 7")


def test_d3_not_finite_feature_after_the_searched_batch_is_found_by_the_loss(train):
    ended = train(source("not_finite", row=39), *NUMBERS, "data.shuffle=false")
    assert ended.code == 65
    assert "The data holds nan or inf: 'image' in row 39 of the train split" in ended.last


def test_d3_not_finite_feature_skipped(train):
    ended = train(source("not_finite", row=39), *NUMBERS, "data.on_bad=skip")
    assert ended.code == 0, ended.shown
    assert "data, split train: 1 of 40 rows are left out (data.on_bad=skip): 39." in ended.log


def test_d4_wrong_dtype_of_a_feature(train):
    ended = train(source("whole_images"), *NUMBERS)
    assert ended.code == 65
    assert "cannot take int64 [8, 4]" in ended.shown
    assert "must have the same dtype, but got Long and Float" in ended.shown
    assert "x comes from 'image' (int64 [8, 4], a column of the data). Convert it in data.transform." in ended.shown


def test_d4_wrong_dtype_of_a_label(train):
    ended = train(source("float_labels"), *NUMBERS)
    assert ended.code == 65
    assert "expected target dtype to be Long or Byte, but got Float" in ended.last
    assert "target comes from 'label' (float32 [8], a column of the data). Convert it" in ended.shown


@pytest.mark.parametrize("value", [10, -1])
def test_d5_label_out_of_range(train, value):
    ended = train(source("labels", value=value), *NUMBERS)
    assert ended.code == 65
    assert ended.last.startswith(
        f"ERROR [model.criterions.criterions.ce]: 'label' holds {value}, but 'output' has 10 classes, 0 to 9."
    )


def test_d5_label_out_of_its_class_list(train):
    ended = train(source("class_labels", value=10), *NUMBERS)
    assert ended.code == 65
    assert "'label'" in ended.last
    assert "10" in ended.last


@pytest.mark.parametrize(("value", "more"), [(-100, ()), (-1, ("+model.criterions.criterions.ce.ignore_index=-1",))])
def test_d5_label_that_the_loss_ignores(train, value, more):
    ended = train(source("labels", value=value), *NUMBERS, *more)
    assert ended.code == 0, ended.shown


def test_d6_empty_train_split(train):
    ended = train(source("few", train=0), *NUMBERS)
    assert ended.code == 65
    assert ended.last == "ERROR [data]: the train split is empty"


def test_d7_no_validation(train):
    nothing = (source("few", train=16, validation=None), *NUMBERS, "data.val_ratio=0")
    ended = train(*nothing, "model/scheduler=plateau")
    assert ended.code == 64
    assert "'val/total' is logged in validation, but this run has no validation batches" in ended.last
    assert "model.scheduler.monitor=train/total" in ended.shown
    assert train(*nothing).code == 0


@pytest.mark.parametrize("value", ["1", "-0.1", "1.5"])
def test_d8_val_ratio_out_of_range(train, value):
    ended = train(source("few", train=16, validation=None), *NUMBERS, f"data.val_ratio={value}")
    assert ended.code == 64
    assert ended.last.startswith(f"ERROR [data.val_ratio]: is {value}, but must be a share from 0")


def test_d8_one_row(train):
    ended = train(source("few", train=1, validation=None), *NUMBERS)
    assert ended.code == 64
    assert ended.last == (
        "ERROR [data.val_ratio]: is 0.1, but the train split has 1 sample: too few to split any off and keep some to "
        "train on; Set data.val_ratio=0 for no validation."
    )


def test_d9_no_test_split_stands_in_the_result(train):
    ended = train(source("few", train=16, test=None), *NUMBERS, "test=true")
    assert ended.code == 0, ended.shown
    assert re.search(r"WARNING\S* - The data set has no test split: nothing is tested\.", ended.log)
    assert re.search(r"Result: .*; not tested: the data has no test split$", ended.log, flags=re.MULTILINE)


def test_d9_no_test_split_where_none_is_asked_for(train):
    ended = train(source("few", train=16, test=None), *NUMBERS)
    assert ended.code == 0, ended.shown
    assert "test split" not in ended.log


def test_d10_a_set_smaller_than_a_batch(train):
    ended = train(source("few", train=3), *NUMBERS, "data.drop_last=true")
    assert ended.code == 65
    assert ended.last == (
        "ERROR [data]: the train split has 3 samples, less than one batch of 8; "
        "Lower data.batch_size or set data.drop_last=false."
    )


def test_d11_worker_killed(train):
    start = time.monotonic()
    ended = train(source("numbers"), *step("dies_in_worker"), *WORKERS)
    assert ended.code == 65
    assert re.search(
        r"ERROR \[data.num_workers\]: the worker process \d+ of the data loader is killed by signal: Killed", ended.last
    )
    assert time.monotonic() - start < SECONDS


def test_d12_worker_hangs(train):
    ended = train(source("numbers"), *step("hangs_in_worker"), *WORKERS, "+data.timeout=2")
    assert ended.code == 65
    assert re.search(
        r"ERROR \[data.timeout\]: the worker 1 \(process \d+\) of the data loader gave no batch within 2 seconds",
        ended.last,
    )


def test_d12_there_is_a_timeout_where_there_are_workers():
    from ml_core.data.base_datamodule import BaseDataModule
    from ml_core.data.loading import DEFAULT_TIMEOUT

    rows = [{"x": 1.0}] * 4
    splits = {"train": rows, "validation": rows}
    assert BaseDataModule(splits, num_workers=1).train_dataloader().timeout == DEFAULT_TIMEOUT > 0
    assert BaseDataModule(splits, num_workers=1, timeout=5).train_dataloader().timeout == 5
    assert BaseDataModule(splits).train_dataloader().timeout == 0


@pytest.mark.slow
def test_d13_tiny_shared_memory(tmp_path):
    namespace = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    mount = "mount -t tmpfs -o size=1M tmpfs /dev/shm"
    if shutil.which("unshare") is None or subprocess.run([*namespace, mount], capture_output=True).returncode:
        pytest.skip("this machine makes no namespaces")
    size = "model.forward_fn.network.transform.input_size=262144"
    words = [*SMALL, source("numbers"), *step("large"), *WORKERS, size, f"paths.log_dir={tmp_path}", "check=false"]
    command = shlex.join([sys.executable, "ml_core/train.py", *words])
    environment = {**os.environ, "PYTHONPATH": "tests", "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [*namespace, f"{mount} && {command}"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 70, ended.stderr[-2000:]
    assert "the workers ran out of shared memory (/dev/shm)" in ended.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("workers", [(), WORKERS], ids=["here", "in workers"])
def test_d14_transform_raises(train, workers):
    ended = train(source("seventeen"), *step("fails_at", value=17), *workers)
    assert ended.code == 64
    assert ended.last.startswith("ERROR [data.transform.own]: faults.broken_data.fails_at failed (broken_data.py:")
    assert "ArithmeticError: no 17 please. Only these rows fail (data, split train): 17" in ended.last
    assert 'raise ArithmeticError(f"no {value:g} please")' in ended.log


def test_d14_transform_raises_on_a_row_that_is_skipped(train):
    ended = train(source("seventeen"), *step("fails_at", value=17), *WORKERS, "data.on_bad=skip")
    assert ended.code == 0, ended.shown
    assert "data, split train: 1 of 40 rows are left out (data.on_bad=skip): 17." in ended.log


@pytest.mark.parametrize(("name", "kind"), [("ragged", "list"), ("strings", "str")])
def test_d15_a_column_that_is_no_tensor(train, name, kind):
    ended = train(source(name), *NUMBERS)
    assert ended.code in (64, 65)
    assert re.search(rf"x comes from 'image' \(.*{kind}.*a column of the data\)", ended.shown)


@pytest.mark.slow
def test_d16_four_processes_prepare_a_data_set_once(tmp_path):
    from faults.broken_data import image_shards

    image_shards(tmp_path, bad=())
    code = f"""
import sys; sys.path[0] = "."
import datasets
from ml_core.data.base_datamodule import BaseDataModule

data = BaseDataModule(lambda: datasets.load_dataset("parquet", data_files="{tmp_path}/*.parquet"))
data.prepare_data()
print(sum(len(batch["label"]) for batch in data.train_dataloader()))
"""
    environment = {**os.environ, "HF_DATASETS_CACHE": str(tmp_path / "empty"), "OMP_NUM_THREADS": "1"}
    start = functools.partial(subprocess.Popen, cwd=ROOT, env=environment, text=True)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    started = [start([sys.executable, "-c", code], **pipes) for _ in range(4)]
    ended = [process.communicate(timeout=300) for process in started]
    assert [process.returncode for process in started] == [0] * 4, ended
    assert [out.strip() for out, _ in ended] == ["36"] * 4
    assert sum("Generating train split" in err for _, err in ended) == 1


def test_d17_a_truncated_arrow_file_is_named(train, tmp_path):
    from faults.broken_data import image_shards

    image_shards(tmp_path, bad=())
    assert train(parquet(tmp_path), *IMAGES).code == 0
    (prepared,) = (tmp_path / "prepared").rglob("*.arrow")
    prepared.write_bytes(prepared.read_bytes()[:-2000])
    ended = train(parquet(tmp_path), *IMAGES)
    assert ended.code == 65
    assert ended.last.startswith(f"ERROR [{prepared}]: is cut off or broken: ")
    assert f"Delete the folder {prepared.parent}: it is prepared anew." in ended.shown


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_d18_gpu_out_of_memory(train):
    ended = train(source("numbers"), *NUMBERS, "trainer.accelerator=gpu", "data.batch_size=1048576")
    assert ended.code == 70


def test_every_row_of_the_table_has_a_test():
    names = [name for name in globals() if name.startswith("test_d")]
    assert {int(re.match(r"test_d(\d+)_", name).group(1)) for name in names} == set(range(1, 19))
