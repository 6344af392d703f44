"""Where modules are found, without importing them: as Python's own import finds them."""

import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path

import pytest

from ml_core.wiring.source import Sources
from ml_core.wiring.static.module import Unresolved

COMPILED = importlib.machinery.EXTENSION_SUFFIXES[0]


@pytest.fixture
def write(tmp_path: Path):
    def run(*paths: str, text: str = "raise RuntimeError('imported')\n") -> Sources:
        for path in paths:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text, encoding="utf-8")
        return Sources([str(tmp_path / "first"), str(tmp_path / "second"), str(tmp_path)])

    return run


@pytest.mark.parametrize(
    ("files", "name", "found"),
    [
        (["m.py"], "m", "m.py"),
        (["p/__init__.py"], "p", "p/__init__.py"),
        (["p/__init__.py", "p.py"], "p", "p/__init__.py"),
        (["p/__init__.py", "p/q/r.py"], "p.q.r", "p/q/r.py"),
        (["first/m.py", "second/m.py"], "m", "first/m.py"),
        (["first/m/x.py", "second/m.py"], "m", "second/m.py"),
        (["m.py", "m.pyi"], "m", "m.py"),
        (["m.pyi", f"m{COMPILED}"], "m", "m.pyi"),
        (["p/__init__.pyi", f"p{COMPILED}"], "p", "p/__init__.pyi"),
        (["p/__init__.py", f"p/fast{COMPILED}", "p/fast.pyi"], "p.fast", "p/fast.pyi"),
        ([f"m{COMPILED}"], "m", f"m{COMPILED}"),
        (["m.pyc"], "m", "m.pyc"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_a_module_is_found_in_the_place_that_comes_first(write, tmp_path, files, name, found):
    module = write(*files).find(name)

    assert module is not None
    assert os.path.relpath(module.path, tmp_path) == found
    assert module.is_compiled is (not found.endswith((".py", ".pyi")))


@pytest.mark.parametrize("name", ["json", "json.decoder", "email.mime", "xml.etree.ElementTree", "yaml", "lightning"])
def test_the_place_is_the_one_that_python_imports_from(name):
    parent = name.rpartition(".")[0]
    module = Sources(sys.path).find(name)

    assert module is not None
    assert Path(module.path).samefile(importlib.util.find_spec(name).origin)
    assert parent == "" or module.package in (name, parent)


def test_a_namespace_package_has_the_modules_of_all_its_folders(write):
    sources = write("first/space/a.py", "second/space/b.py")

    assert sources.find("space").folders == tuple(os.path.join(p, "space") for p in sources.paths[:2])
    assert (sources.find("space.a"), sources.find("space.b")) != (None, None)
    assert sources.submodules(sources.find("space")) == {"a", "b"}


@pytest.mark.parametrize("name", ["absent", "p.absent", "p.m.below", "absent.below"])
def test_what_is_not_there_is_not_found(write, name):
    assert write("p/__init__.py", "p/m.py").find(name) is None


@pytest.mark.parametrize("name", ["builtins", "sys", "math"])
def test_what_is_built_in_is_compiled(name):
    assert Sources(sys.path).find(name).is_compiled


def test_an_editable_installation_that_is_known_to_a_finder_only_is_found(write, tmp_path, monkeypatch):
    sources = write("elsewhere/hooked/__init__.py", "elsewhere/hooked/inner.py")
    folder = tmp_path / "elsewhere" / "hooked"

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            file = folder / "__init__.py"
            return importlib.util.spec_from_file_location(name, file) if name == "hooked" else None

    assert sources.find("hooked") is None
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    assert Sources(sources.paths).find("hooked.inner").path == str(folder / "inner.py")


def test_a_file_that_cannot_be_parsed_says_where(write, tmp_path):
    module = write("broken.py", text="x = 1\ndef f(:\n    pass\n").find("broken")

    with pytest.raises(Unresolved, match="invalid syntax") as failure:
        _ = module.scope
    assert (failure.value.kind, failure.value.is_mistake) == ("module", True)
    assert failure.value.message.startswith(f"{tmp_path}/broken.py:2: ")


@pytest.mark.parametrize("text", ["x = '\0'\n", "x = '\udcff'\n"], ids=["null", "not utf-8"])
def test_a_file_of_something_else_says_where(write, tmp_path, text):
    sources = write("other.py", text="")
    (tmp_path / "other.py").write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(Unresolved, match=r"other\.py"):
        _ = sources.find("other").scope


def test_a_broken_link_is_told_when_it_is_read(write, tmp_path):
    sources = write("p/__init__.py")
    (tmp_path / "p" / "gone.py").symlink_to(tmp_path / "nowhere.py")

    with pytest.raises(Unresolved, match=r"gone\.py: No such file"):
        _ = sources.find("p.gone").scope


@pytest.mark.parametrize("change", ["edit", "same size and time", "hide", "remove"])
def test_the_fingerprint_shows_every_change(write, tmp_path, change):
    before = write("second/m.py", text="x = 1\n").fingerprint("m")
    file = tmp_path / "second" / "m.py"
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    if change == "hide":
        write("first/m.py", text="x = 1\n")
    elif change == "remove":
        file.unlink()
    else:
        file.write_text("x = 2\n" if change == "same size and time" else "x = 100\n", encoding="utf-8")
        os.utime(file, ns=times)

    assert write().fingerprint("m") != before


def test_the_fingerprint_of_an_unchanged_module_stays(write):
    before = write("m.py", "m.pyi", "p/a.py").fingerprint("m")

    assert write().fingerprint("m") == before
    assert write().fingerprint("p") == write().fingerprint("p") is not None
    assert write().fingerprint("absent") is None


def test_modules_that_a_kept_value_rests_on_are_asked_for_with_it(write):
    sources = write("a.py", "b.py")

    for _ in range(2):
        sources.asked = {"other"}
        assert sources.traced("key", lambda: sources.find("a")) is sources.find("a")
        assert sources.asked == {"other", "a"}
