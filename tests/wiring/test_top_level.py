"""Plain values at the top level and under `paths`."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from ml_core.wiring.top_level import value_mistakes


@pytest.mark.parametrize(
    "text",
    [
        "seed: null\ntags: [a]\ntrain: true\ntest: 1\ntask_name: x\nckpt_path: ???",
        "seed: ${params.seed}\nparams: {seed: 3}",
        "paths: {log_dir: /x, scratch: /y}",
        "data: 3",
    ],
)
def test_what_a_run_can_use_is_left_alone(text: str):
    assert list(value_mistakes(OmegaConf.create(text))) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: abc", "seed: is 'abc' (text), but must be a whole number or null."),
        ("seed: ${params.seed}\nparams: {seed: x}", "seed: is 'x' (text), but must be a whole number or null."),
        ("tags: ${params.tags}", "tags: is ${params.tags}, but there is no key 'params.tags'. Point it at a key that "
         "exists."),
        ("paths: {log_dri: x}", "paths.log_dri: nothing reads it. Did you mean 'log_dir'? "
         "There are: root_dir, data_dir, log_dir, output_dir, work_dir."),
    ],
)  # fmt: skip
def test_what_it_cannot_use_is_told(text: str, message: str):
    assert list(map(str, value_mistakes(OmegaConf.create(text)))) == [message]
