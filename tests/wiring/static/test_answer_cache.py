"""Answers of an earlier run: used while nothing that they rest on changed, never after."""

import json
import os
from pathlib import Path

import pytest

from ml_core.wiring.static_signatures import Resolver, Unresolved


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """A search path, on a clock on which every file is old enough to show its next edit."""
    monkeypatch.setattr("ml_core.wiring.static.module.SETTLED_SECONDS", -1.0)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    write(tmp_path, "second/net.py", "from base import Base\nclass Net(Base):\n    limit = {'a': (1, 2)}\n")
    write(tmp_path, "second/base.py", "class Base:\n    def __init__(self, a): ...\n    def forward(self, x): ...\n")
    return tmp_path


def write(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text, encoding="utf-8")


def resolver(folder: Path) -> Resolver:
    return Resolver([str(folder / "first"), str(folder / "second")], cache=folder / "kept" / "cache.json")


def ask(folder: Path, target: str = "net.Net") -> tuple[str, ...]:
    """Ask as a run does: a new resolver, the answer, and the cache written."""
    one = resolver(folder)
    try:
        return one.signature(target).names
    finally:
        one.save()


def mark(folder: Path) -> None:
    """Rename the parameter in the kept answers, so that an answer shows where it comes from."""
    file = folder / "kept" / "cache.json"
    file.write_text(file.read_text().replace('["a","positional', '["kept","positional'))


def test_a_second_run_is_answered_from_the_file(folder):
    assert ask(folder) == ("a",)
    mark(folder)
    assert ask(folder) == ("kept",)


def test_all_four_questions_have_the_same_answers_from_the_file(folder):
    def answers(one: Resolver) -> tuple[object, ...]:
        attribute = one.class_attribute("net.Net", "limit")
        return one.signature("net.Net"), one.method("net.Net", "forward"), one.bases("net.Net"), attribute

    fresh = resolver(folder)
    expected = answers(fresh)
    fresh.save()

    assert answers(resolver(folder)) == expected
    assert len(json.loads((folder / "kept" / "cache.json").read_text())["answers"]) == 4


CHANGES = {
    "the base is edited": ("second/base.py", "class Base:\n    def __init__(self, b, c): ...\n", ("b", "c")),
    "the class is edited": ("second/net.py", "class Net:\n    def __init__(self, d): ...\n", ("d",)),
    "the base is hidden by a module earlier on the path": ("first/base.py", "class Base: ...\n", ()),
    "the base is hidden by a package": ("second/base/__init__.py", "class Base: ...\n", ()),
    "the module is hidden": ("first/net.py", "class Net:\n    def __init__(self, e): ...\n", ("e",)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_no_answer_outlives_a_change(folder, change):
    path, text, names = CHANGES[change]
    ask(folder)
    mark(folder)

    write(folder, path, text)
    assert ask(folder) == names
    assert ask(folder) == names


def test_an_edit_of_the_same_length_at_the_same_time_is_seen(folder):
    ask(folder)
    file = folder / "second" / "base.py"
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)

    file.write_text(file.read_text().replace("self, a", "self, b"))
    os.utime(file, ns=times)
    assert ask(folder) == ("b",)


def test_a_module_that_was_absent_and_comes_is_seen(folder):
    text = "try:\n    from fast import f\nexcept ImportError:\n    def f(slow): ...\n"
    write(folder, "second/either.py", text)
    assert ask(folder, "either.f") == ask(folder, "either.f") == ("slow",)

    write(folder, "second/fast.py", "def f(quick): ...\n")
    assert ask(folder, "either.f") == ("quick",)

    (folder / "second" / "fast.py").unlink()
    assert ask(folder, "either.f") == ("slow",)


def test_answers_that_rest_on_other_files_stay(folder):
    write(folder, "second/alone.py", "def f(a): ...\n")
    ask(folder)
    ask(folder, "alone.f")
    mark(folder)

    write(folder, "second/base.py", "class Base:\n    def __init__(self, b): ...\n")
    assert ask(folder) == ("b",)
    assert ask(folder, "alone.f") == ("kept",)


def test_a_mistake_is_not_kept_and_what_cannot_be_read_is(folder):
    write(folder, "second/made.py", "f = make()\n")
    for target, kind in (("net.Nett", "name"), ("absent.Net", "package"), ("made.f", "dynamic")):
        with pytest.raises(Unresolved) as failure:
            ask(folder, target)
        assert failure.value.kind == kind

    assert [*json.loads((folder / "kept" / "cache.json").read_text())["answers"]] == ["signature made.f"]
    with pytest.raises(Unresolved, match=r"made\.f is made when its module runs: make\(\)"):
        ask(folder, "made.f")


def test_a_file_that_was_edited_just_now_is_not_kept(folder, monkeypatch):
    monkeypatch.setattr("ml_core.wiring.static.module.SETTLED_SECONDS", 60.0)

    assert ask(folder) == ("a",)
    assert not (folder / "kept").exists()


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"version": 1}', '{"version": "x", "modules": {}, "answers": {"signature net.Net": 1}}'],
)
def test_a_damaged_file_is_written_anew(folder, content):
    write(folder, "kept/cache.json", content)

    assert ask(folder) == ("a",)
    mark(folder)
    assert ask(folder) == ("kept",)


@pytest.mark.parametrize("part", ["version", "modules", "answers"])
def test_a_file_whose_parts_are_damaged_is_written_anew(folder, part):
    ask(folder)
    file = folder / "kept" / "cache.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), part: [1, "x"]}))

    assert ask(folder) == ("a",)


def test_answers_of_another_version_of_the_reader_do_not_count(folder):
    ask(folder)
    mark(folder)
    file = folder / "kept" / "cache.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "version": "3.9 other"}))

    assert ask(folder) == ("a",)


def test_a_place_that_cannot_be_written_changes_nothing(folder):
    write(folder, "kept", "a file where the folder should be")

    assert ask(folder) == ("a",)
    assert (folder / "kept").read_text() == "a file where the folder should be"


def test_nothing_is_left_beside_the_file(folder):
    ask(folder)

    assert [path.name for path in (folder / "kept").iterdir()] == ["cache.json"]
