"""Prepared data and caches: several processes, and files that are cut off (FAULTS.md, D16 and D17)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import datasets
import pytest
from datasets import Dataset
from omegaconf import OmegaConf
from setting import ROOT

from ml_core.data.base_datamodule import BaseDataModule
from ml_core.errors import DataError
from ml_core.utils.instantiators import Builder

PREPARE = """
import sys, time
import datasets
from datasets.packaged_modules.parquet.parquet import Parquet
make = Parquet._generate_tables
def counted(self, **arguments):
    print("prepared", flush=True)
    time.sleep(1)  # so that the others come meanwhile
    yield from make(self, **arguments)
Parquet._generate_tables = counted
from ml_core.data.base_datamodule import BaseDataModule
def load():
    return datasets.load_dataset("parquet", data_files=sys.argv[1])
module = BaseDataModule(load, batch_size=10, cache=True)
module.prepare_data()
print("rows", sum(len(batch["x"]) for batch in module.train_dataloader()), flush=True)
"""


@pytest.fixture
def parquet(tmp_path: Path) -> str:
    Dataset.from_dict({"x": list(range(100))}).to_parquet(tmp_path / "numbers.parquet")
    return str(tmp_path / "numbers.parquet")


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [1, 2], ids=["shared", "node-local"])
def test_d16_four_processes_prepare_and_cache_the_data_once_a_node(tmp_path, parquet, nodes):
    folders = [tmp_path / f"node_{i % nodes}" for i in range(4)]
    processes = [
        subprocess.Popen([sys.executable, "-c", PREPARE, parquet], cwd=ROOT, text=True, stdout=subprocess.PIPE,
                         env={**os.environ, "HF_DATASETS_CACHE": str(folder), "OMP_NUM_THREADS": "1"})
        for folder in folders
    ]  # fmt: skip
    outputs = [process.communicate(timeout=300)[0].split("\n") for process in processes]

    assert [process.returncode for process in processes] == [0] * 4
    assert ["rows 90" in output for output in outputs] == [True] * 4
    assert sum(output.count("prepared") for output in outputs) == nodes
    for folder in set(folders):
        assert len(list(folder.glob("ml_core/train-*.cache"))) == 1


def test_d17_a_prepared_file_that_is_cut_off_is_named(tmp_path, parquet, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "prepared"))
    datasets.disable_progress_bars()

    node = {"_target_": "datasets.load_dataset", "path": "parquet", "data_files": parquet,
            "cache_dir": str(tmp_path / "prepared")}  # fmt: skip
    builder = Builder(cfg := OmegaConf.create({"data": {"hf_dict_dataset": node}}))

    def load():
        return builder._child(cfg.data, "hf_dict_dataset", "data.hf_dict_dataset")

    file = Path(load()["train"].cache_files[0]["filename"])
    os.truncate(file, file.stat().st_size - 200)

    with pytest.raises(DataError) as error:
        BaseDataModule(load).prepare_data()

    assert error.value.exit_code == 65
    assert str(file) in str(error.value)
    assert error.value.fix == f"Delete the folder {file.parent}: it is prepared anew."


def test_d17_a_cache_that_is_cut_off_is_named_and_built_anew(tmp_path, caplog):
    data = {"train": Dataset.from_dict({"x": list(range(100))})}

    def seen():
        loader = BaseDataModule(data, val_ratio=0, batch_size=100, cache=str(tmp_path)).train_dataloader()
        return sorted(next(iter(loader))["x"].tolist())

    assert seen() == list(range(100))
    file = next(tmp_path.glob("*.cache"))
    os.truncate(file, file.stat().st_size - 200)

    assert seen() == list(range(100))
    assert f"data.cache: {file} has 7,992 bytes, but should have 8,192, so it is built anew." in caplog.text
