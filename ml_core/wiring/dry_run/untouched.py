"""How does a check leave a process as it found it?"""

from __future__ import annotations

import logging
import os
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def untouched() -> Iterator[None]:
    """Put back random states, gradient mode, default dtype, environment and working folder; say nothing meanwhile."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002, the global one is the run's
    cpu, cuda = torch.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    grad, dtype = torch.is_grad_enabled(), torch.get_default_dtype()
    environment, folder, level = dict(os.environ), os.getcwd(), logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
        os.chdir(folder)
        _restore_environment(environment)
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad)
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)


def _restore_environment(environment: dict[str, str]) -> None:
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)
