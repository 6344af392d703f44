"""What goes into every checkpoint beside weights."""

from __future__ import annotations

import random

import numpy as np
import torch

from ml_core.callbacks import run_state
from ml_core.callbacks.run_state import CONFIG_KEY, RunState
from ml_core.utils import stored_config


class OneProcess:
    world_size, global_rank = 1, 0


def draws() -> tuple:
    return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002, the global one is meant


def test_random_numbers_go_on_where_the_checkpoint_was_written(tmp_path):
    checkpoint: dict = {}
    state = RunState({"config": "a: 1\n"})
    state.on_save_checkpoint(OneProcess(), None, checkpoint)
    expected = draws()
    torch.save(checkpoint, tmp_path / "x.ckpt")
    draws()
    resumed = RunState({})
    resumed.on_load_checkpoint(OneProcess(), None, torch.load(tmp_path / "x.ckpt", weights_only=True))
    resumed.on_train_start(OneProcess(), None)
    assert draws() == expected


def test_a_resume_on_another_number_of_ranks_leaves_random_numbers_alone():
    state = RunState({})
    state._restored = [run_state._random_state()] * 2
    before = torch.get_rng_state()
    state.on_train_start(OneProcess(), None)
    assert torch.equal(torch.get_rng_state(), before)


def test_writer_and_reader_agree_on_the_key():
    assert CONFIG_KEY == stored_config.CONFIG_KEY


def test_the_configuration_is_read_back_without_torch(tmp_path):
    checkpoint: dict = {"state_dict": {"w": torch.ones(3)}}
    RunState({"config": "a: ${b}\nb: 2\n", "groups": []}).on_save_checkpoint(OneProcess(), None, checkpoint)
    torch.save(checkpoint, tmp_path / "x.ckpt")
    assert stored_config.read_config(tmp_path / "x.ckpt").a == 2
