"""Names that a block of source binds."""

import ast
import sys

import pytest

from ml_core.wiring.static.scopes import Import, absolute, at_run_time, dotted, index


def last_of(source: str, name: str) -> list[str]:
    """Return what may give a name its last value, as source text."""
    bounds = index(ast.parse(source).body, "pkg").candidates(name)
    return [ast.unparse(b.value) if isinstance(b.value, ast.AST) else str(b.value) for b in bounds]


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("x = 1\nx = 2", ["2"]),
        ("x = 1\nif a:\n    x = 2", ["1", "2"]),
        ("if a:\n    x = 1\nelse:\n    x = 2", ["1", "2"]),
        ("if a:\n    x = 1\nx = 2", ["2"]),
        ("try:\n    x = 1\nexcept E:\n    x = 2", ["1", "2"]),
        ("with a:\n    x = 1", ["1"]),
        ("for i in y:\n    x = 1", ["1"]),
        ("match y:\n    case 1:\n        x = 1", ["1"]),
        ("x: int = 1", ["1"]),
        ("x: int", []),
        ("x, y = 1, 2", ["None"]),
        ("for x in y: pass", ["None"]),
        ("import x", [str(Import("x"))]),
        ("import x.y", [str(Import("x"))]),
        ("import a.b as x", [str(Import("a.b"))]),
        ("from .a import b as x", [str(Import("pkg.a", "b"))]),
        ("from . import x", [str(Import("pkg", "x"))]),
        ("del x", []),
    ],
)
def test_a_name_has_its_last_value_and_those_of_later_branches(source, values):
    assert last_of(source, "x") == values


@pytest.mark.parametrize(
    ("test", "taken"),
    [
        (f"sys.version_info >= {sys.version_info[:2]}", ["1"]),
        (f"sys.version_info < {sys.version_info[:2]}", ["2"]),
        (f"not sys.version_info < {sys.version_info[:2]}", ["1"]),
        (f"sys.platform == '{sys.platform}'", ["1"]),
        ("sys.platform == 'amiga'", ["2"]),
        ("something()", ["1", "2"]),
        ("sys.version_info >= '3'", ["1", "2"]),
    ],
)
def test_only_the_branch_of_this_python_is_looked_at(test, taken):
    assert last_of(f"if {test}:\n    x = 1\nelse:\n    x = 2", "x") == taken


def test_what_is_for_type_checkers_comes_first_in_a_module_and_not_at_all_in_a_class():
    source = "if TYPE_CHECKING:\n    from a import x\nelse:\n    x = lazy()"
    bounds = index(ast.parse(source).body).candidates("x")

    assert [(bound.value == Import("a", "x"), bound.is_fallback) for bound in bounds] == [(True, False), (False, True)]
    assert [ast.unparse(statement) for statement in at_run_time(ast.parse(source).body)] == ["x = lazy()"]


def test_stars_are_kept_apart():
    scope = index(ast.parse("from .a import *\nx = 1\nfrom b import *").body, "pkg")

    assert (scope.stars, [*scope.names], scope.stars_before) == (["pkg.a", "b"], ["x"], {"x": 1})


@pytest.mark.parametrize(
    ("module", "level", "whole"),
    [("a", 0, "a"), ("a", 1, "x.y.a"), (None, 1, "x.y"), ("a.b", 2, "x.a.b"), (None, 2, "x")],
)
def test_relative_imports_count_from_the_package(module, level, whole):
    assert absolute("x.y", module, level) == whole


@pytest.mark.parametrize(("source", "name"), [("a.b.c", "a.b.c"), ("a", "a"), ("a().b", None), ("a[0]", None)])
def test_only_plain_names_are_dotted(source, name):
    assert dotted(ast.parse(source, mode="eval").body) == name
