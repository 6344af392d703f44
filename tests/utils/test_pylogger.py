"""The logger that knows its rank."""

import logging
from pathlib import Path

import pytest

from ml_core.utils.pylogger import RANK_VARIABLES, RankedLogger, current_rank


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    """No launcher has set anything."""
    for name in (*RANK_VARIABLES, "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def messages(caplog):
    caplog.set_level(logging.DEBUG)
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("variable", ["RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK"])
def test_the_rank_comes_from_what_launchers_set(variable, monkeypatch):
    monkeypatch.setenv(variable, "3")

    assert current_rank() == 3


def test_the_global_rank_goes_before_the_local_one(monkeypatch):
    monkeypatch.setenv("RANK", "5")
    monkeypatch.setenv("LOCAL_RANK", "1")

    assert current_rank() == 5


@pytest.mark.parametrize("value", ["", "x", "-1"])
def test_without_a_launcher_the_rank_is_zero(value, monkeypatch):
    monkeypatch.setenv("RANK", value)

    assert current_rank() == 0


@pytest.mark.parametrize("rank_zero_only", [True, False])
def test_arguments_are_filled_in_lazily(rank_zero_only, messages):
    log = RankedLogger("test", rank_zero_only=rank_zero_only)

    log.info("a %s", "b")
    log.warning("%d of %d", 1, 2)
    log.info("100 %")

    assert messages() == ["a b", "1 of 2", "100 %"]


def test_ranks_of_many_are_in_front(monkeypatch, messages):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")

    RankedLogger("test").info("loss %.1f", 0.5)

    assert messages() == ["[rank 1] loss 0.5"]


def test_rank_zero_only_is_silent_on_other_ranks(monkeypatch, messages):
    log = RankedLogger("test", rank_zero_only=True)

    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        log.info("from %s", rank)

    assert messages() == ["from 0"]


@pytest.mark.parametrize("rank_zero_only", [True, False])
def test_a_message_can_be_for_one_rank(rank_zero_only, monkeypatch, messages):
    log = RankedLogger("test", rank_zero_only=rank_zero_only)

    for rank in ("0", "1", "2"):
        monkeypatch.setenv("RANK", rank)
        log.log(logging.INFO, "from %s", rank, rank=1)

    assert messages() == ["from 1"]


def test_a_record_names_the_line_that_logged(caplog):
    log = RankedLogger("test")

    log.warning("by method")
    log.log(logging.WARNING, "by level")

    assert [(Path(r.pathname).name, r.funcName) for r in caplog.records] == [
        (Path(__file__).name, "test_a_record_names_the_line_that_logged")
    ] * 2
    assert caplog.records[1].lineno == caplog.records[0].lineno + 1


def test_an_exception_is_logged_with_its_traceback(caplog):
    try:
        raise ValueError("bad")
    except ValueError:
        RankedLogger("test").exception("failed")

    assert caplog.records[0].exc_info[0] is ValueError


def test_levels_are_respected(caplog, messages):
    caplog.set_level(logging.WARNING)

    RankedLogger("test").info("quiet")

    assert messages() == []
