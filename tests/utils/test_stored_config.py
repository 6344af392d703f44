"""The configuration inside a checkpoint."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from setting import ROOT, Compose

from ml_core.errors import StorageError
from ml_core.utils.stored_config import CONFIG_KEY, composed_groups, describe_run, read_config, read_stored


def test_interpolations_are_stored_as_they_were_written(compose_config: Compose):
    stored = OmegaConf.create(describe_run(compose_config("experiment=example"))["config"])
    assert OmegaConf.to_container(stored, resolve=False)["trainer"]["default_root_dir"] == "${paths.output_dir}"


def test_a_key_of_a_logger_is_not_stored(compose_config: Compose):
    text = describe_run(compose_config("logger=wandb", "logger.wandb.api_key=canary"))["config"]
    assert "canary" not in text


def test_outside_of_a_job_no_groups_are_known():
    assert composed_groups() == []


def test_a_checkpoint_without_a_configuration_gives_none(tmp_path: Path):
    torch.save({"state_dict": {"w": torch.ones(2)}}, tmp_path / "x.ckpt")
    assert read_stored(tmp_path / "x.ckpt") == {}
    assert read_config(tmp_path / "x.ckpt") is None


def test_reading_builds_no_object_of_the_file(tmp_path: Path):
    marker = tmp_path / "marker"

    class Bomb:
        def __reduce__(self):
            return Path.touch, (marker,)

    torch.save({"bomb": Bomb(), CONFIG_KEY: {"config": "a: 1"}}, tmp_path / "x.ckpt")
    assert read_config(tmp_path / "x.ckpt").a == 1
    assert not marker.exists()


def test_reading_takes_what_checkpoints_hold(tmp_path: Path):
    module = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    content = {
        "state_dict": module.state_dict(),
        "optimizer_states": [optimizer.state_dict()],
        "half": torch.ones(1).half(),
    }
    torch.save({**content, CONFIG_KEY: {"config": "a: 1"}}, tmp_path / "x.ckpt")
    assert read_config(tmp_path / "x.ckpt").a == 1


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04torn"], ids=["empty", "text", "torn"])
def test_a_file_that_is_no_checkpoint_is_named(content: bytes, tmp_path: Path):
    (tmp_path / "x.ckpt").write_bytes(content)
    with pytest.raises(StorageError, match=r"x\.ckpt: is no whole checkpoint"):
        read_config(tmp_path / "x.ckpt")


def test_reading_does_without_torch(tmp_path: Path):
    torch.save({CONFIG_KEY: {"config": "a: 1"}}, tmp_path / "x.ckpt")
    code = (
        "import sys; from ml_core.utils.stored_config import read_config; "
        f"print(read_config({str(tmp_path / 'x.ckpt')!r}).a, 'torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout == "1 False\n"
