"""What the text of a module tells before it is parsed: never less than parsing it would."""

import ast
from pathlib import Path

import pytest

from ml_core.wiring.static.module import Module


@pytest.fixture
def module(tmp_path: Path):
    def write(text: str) -> Module:
        (tmp_path / "m.py").write_text(text, encoding="utf-8")
        return Module("p.m", str(tmp_path / "m.py"))

    return write


BINDING = [
    "class x: ...",
    "class x(Base): ...",
    "def x(a): ...",
    "async def x(a): ...",
    "if a:\n    def x(): ...",
    "x = 1",
    "x: int = 1",
    "a = x = 1",
    "x, y = 1, 2",
    "(y, x) = 1, 2",
    "from a import x",
    "from a import b as x",
    "from a import y, x",
    "from a import (\n    x,\n    y,\n)",
    "from a import (\n    b as x,\n)",
    "from a import (\n    y, x\n)",
    "from a import (\n    x  # why\n)",
    "import x",
    "import a as x",
    "for x in y: ...",
    "with a as x: ...",
    "try:\n    from a import x\nexcept E: ...",
]


@pytest.mark.parametrize("text", BINDING)
def test_every_line_that_binds_a_name_looks_like_it(module, text):
    assert module(text).may_bind("x")
    assert "x" in module(text).scope.names or text.startswith("with")


@pytest.mark.parametrize(
    "text", ["# from a import y", "y = other.x()", '"""Use x like this."""', "xx = 1", "x == 1", ""]
)
def test_most_other_lines_do_not(module, text):
    assert not module(text).may_bind("x")


@pytest.mark.parametrize(
    ("text", "public", "private"),
    [
        ("", True, False),
        ("__all__ = ['x']", True, False),
        ("__all__ = ['y', '_x']", False, True),
        ("__all__ = (\n    'y',\n)", False, False),
        ("__all__ = ['y'] + other.names", True, True),
        ("__all__ = [n for n in dir()]", True, True),
        ("__all__ = ['y']\n__all__ += ['x']", True, True),
        ("__all__ = ['y']\n__all__.extend(names)", True, True),
    ],
)
def test_what_a_star_import_brings_is_what_is_listed_or_public(module, text, public, private):
    one = module(text)

    assert (one.exports("x"), one.exports("_x")) == (public, private)
    assert one.may_export("x") or not public
    assert one.may_export("_x") or not private


@pytest.mark.parametrize(
    ("text", "makes"),
    [
        ("def __getattr__(name): ...", True),
        ("if a:\n    def __getattr__(name: str) -> object: ...", True),
        ("__getattr__, __dir__ = attach(__name__)", True),
        ("globals()['x'] = 1", True),
        ("sys.modules[__name__] = Lazy()", True),
        ("exec(code)", True),
        ("class A:\n    def __getattr__(self, name): ...", False),
        ("x = sys.modules[other]", False),
        ("setattr(self, 'x', 1)", False),
    ],
)
def test_a_module_that_makes_names_at_run_time_is_known_by_its_text(module, text, makes):
    assert module(text).makes_names is makes


def test_star_imports_are_read_off_the_text(module):
    text = "from . import *\nfrom .a import *\nfrom ..b.c import *\nif x:\n    from d import *\n"
    one = module(text)

    assert one.star_modules == one.scope.stars == ["p", "p.a", "b.c", "d"]


def test_definitions_are_read_off_the_text(module):
    text = "class A: ...\ndef f(): ...\nasync def g(): ...\ndef _h(): ...\n    def inner(): ...\nx = 1\n"

    assert module(text).definitions == ["A", "f", "g"]


@pytest.mark.parametrize(("text", "name"), [("x = 'optim'", True), ('{"a.optim": 1}', True), ("optim = 1", False)])
def test_only_string_literals_mention_a_name(module, text, name):
    assert module(text).mentions("optim") is name


def test_a_stub_and_a_compiled_file_are_told_apart(tmp_path):
    for name in ("a.pyi", "a.so"):
        (tmp_path / name).write_text("")

    assert Module("a", str(tmp_path / "a.pyi")).is_stub
    assert Module("a", str(tmp_path / "a.so")).is_compiled
    assert Module("a", str(tmp_path / "a.so")).text == b""
    assert ast.dump(Module("a", "", ["folder"]).tree) == ast.dump(ast.parse(""))
