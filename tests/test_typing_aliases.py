"""The aliases name real types, and importing them imports neither torch nor datasets."""

from __future__ import annotations

import functools
import subprocess
import sys
import typing

import datasets
from torch.utils.data import DataLoader, Dataset

from ml_core import typing_aliases

NAMES = {"datasets": datasets, "Dataset": Dataset, "DataLoader": DataLoader, "Any": typing.Any, "functools": functools}


def test_the_aliases_are_what_they_say():
    wanted = Dataset[typing.Any] | datasets.Dataset | datasets.DatasetDict | None

    assert eval(typing_aliases.DatasetLike, NAMES) == wanted
    assert eval(typing_aliases.DataLoaderPartial, NAMES) == functools.partial[DataLoader[typing.Any]]


def test_they_cost_no_import():
    code = "import sys, ml_core.typing_aliases; print({'torch', 'datasets'} & set(sys.modules))"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "set()"
