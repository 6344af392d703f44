"""Errors say where, what and what to do, are caught as Python's own kinds, and carry an exit code."""

import copy
import os
import pickle

import pytest

from ml_core.errors import (
    BatchKeyError,
    BatchTypeError,
    ConfigError,
    DataError,
    MissingPackageError,
    NumericsError,
    OutOfMemoryError,
    PolicyError,
    StorageError,
    UserError,
    listed,
    nearest,
)

KINDS = [
    (UserError, Exception, 70),
    (ConfigError, ValueError, os.EX_USAGE),
    (BatchKeyError, KeyError, os.EX_USAGE),
    (BatchTypeError, TypeError, os.EX_USAGE),
    (MissingPackageError, ImportError, os.EX_USAGE),
    (DataError, ValueError, os.EX_DATAERR),
    (StorageError, OSError, os.EX_IOERR),
    (PolicyError, PermissionError, os.EX_NOPERM),
    (NumericsError, ArithmeticError, os.EX_SOFTWARE),
    (OutOfMemoryError, MemoryError, os.EX_SOFTWARE),
]


@pytest.mark.parametrize(("kind", "base", "exit_code"), KINDS)
def test_every_kind_says_where_what_and_what_to_do(kind, base, exit_code):
    error = kind("model.lr", "is -1.", "Use a positive number.")

    assert str(error) == "model.lr: is -1. Use a positive number."
    assert isinstance(error, base)
    assert error.exit_code == exit_code


@pytest.mark.parametrize("kind", [kind for kind, _, _ in KINDS])
def test_a_message_without_a_fix_ends_with_what_happened(kind):
    assert str(kind("data", "is empty.")) == "data: is empty."


@pytest.mark.parametrize("kind", [kind for kind, _, _ in KINDS])
@pytest.mark.parametrize("travel", [copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_errors_travel_out_of_worker_processes_whole(kind, travel):
    error = kind("mapping", "no key 'x'.", "Keys: y.")
    error.within("data.transform")

    assert str(travel(error)) == "data.transform.mapping: no key 'x'. Keys: y."


def test_what_a_worker_hands_over_keeps_its_traceback_for_the_log():
    text = "Caught DataError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n  ...\n"
    error = DataError(f"{text}ml_core.errors.DataError: data: row 3 cannot be read: no file.")

    assert (error.where, error.what) == ("data", "row 3 cannot be read: no file.")
    assert error.__notes__[0].startswith(text)


def test_within_puts_the_outer_path_in_front():
    error = ConfigError("", "is missing.")
    error.within("network")
    error.within("model")

    assert str(error) == "model.network: is missing."


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("lable", ["label", "image"], " Did you mean 'label'?"),
        ("zzz", ["label", "image"], ""),
        ("x", [], ""),
        (1, ["11"], " Did you mean '11'?"),
    ],
)
def test_the_nearest_name_is_proposed(name, known, hint):
    assert nearest(name, known) == hint


def test_lists_of_names_read_as_text():
    assert listed(["a", 1]) == "a, 1"
    assert listed([]) == "none"
