"""The order of ancestors, against Python's own."""

import pytest

from ml_core.wiring.static.linearization import linearize

SHAPES = """
class A: pass
class B(A): pass
class C(A): pass
class D(B, C): pass
class E(C): pass
class F(D, E): pass
class G: pass
class H(G, F): pass
class I(B, G): pass
"""


def mro_of(cls: type) -> list[type]:
    """Linearize by hand what the class statement linearizes."""
    bases = [base for base in cls.__bases__ if base is not object]
    return [cls, *linearize([*map(mro_of, bases), bases], key=lambda one: one.__name__)]


@pytest.mark.parametrize("name", "ABCDEFGHI")
def test_the_order_is_that_of_python(name):
    namespace: dict[str, type] = {}
    exec(SHAPES, namespace)

    assert mro_of(namespace[name]) == list(namespace[name].__mro__[:-1])


def test_bases_that_contradict_each_other_still_end():
    assert linearize([["x", "y"], ["y", "x"], ["x", "y"]], key=str) == ["x", "y"]
