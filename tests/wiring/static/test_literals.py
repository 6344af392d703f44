"""Class attributes that are written out, against the attributes of the imported classes."""

import json

import pytest

from ml_core.wiring.static.literals import Reference, decode, encode
from ml_core.wiring.static_signatures import Resolver

SOURCE = """
import other
from other import Spec, NAMES as OTHER_NAMES

NAMES = frozenset({"a", "b"})


class Base:
    inherited = "yes"
    overridden = 1


class Holder(Base):
    text = "x"
    number = -1.5
    flag: bool = True
    nothing = None
    row = (1, "a", [2])
    table = {"a": {1, 2}, "b": None}
    names = frozenset({"a"}) | NAMES
    called = tuple(["a", "b"])
    empty = frozenset()
    spread = (*OTHER_NAMES, "z")
    merged = {**{"a": 1}, "b": 2}
    shared = NAMES
    foreign = OTHER_NAMES
    overridden = 2


class Refers:
    spec = {"scheduler": Spec}
    direct = other.Spec
    unknown = {"x": not_installed_name}


class NoLiterals:
    made = open
    computed = [i for i in range(3)]
    summed = 1 + 2
    called = Spec()
    class Nested: ...
    def method(self): ...
"""

NAMES = [
    line.split("=")[0].split(":")[0].strip()
    for line in SOURCE.split("class Holder")[1].split("class Refers")[0].splitlines()
    if "=" in line
]


@pytest.fixture
def resolver(written) -> Resolver:
    return written({"holders.py": SOURCE, "other.py": "NAMES = ('p', 'q')\nclass Spec: ...\n"})


@pytest.mark.parametrize("name", [*NAMES, "inherited"])
def test_a_literal_is_what_python_makes_of_it(resolver, imported, tmp_path, name):
    text = SOURCE.replace("not_installed_name", "None").split("class NoLiterals")[0]
    (tmp_path / "holders.py").write_text(text, encoding="utf-8")
    real = getattr(imported("holders").Holder, name)

    found = resolver.class_attribute("holders.Holder", name)
    assert (found, type(found)) == (real, type(real))


def test_names_of_classes_are_references_to_their_definitions(resolver):
    assert resolver.class_attribute("holders.Refers", "spec") == {"scheduler": Reference("other.Spec")}
    assert isinstance(resolver.class_attribute("holders.Refers", "direct"), Reference)
    assert resolver.class_attribute("holders.Refers", "unknown") == {"x": "holders.not_installed_name"}


@pytest.mark.parametrize("name", ["computed", "summed", "called", "Nested", "method", "absent"])
def test_what_must_be_run_is_no_literal(resolver, name):
    assert resolver.class_attribute("holders.NoLiterals", name) is None


def test_a_function_has_no_class_attributes(resolver):
    assert resolver.class_attribute("holders.NoLiterals.method", "x") is None


@pytest.mark.parametrize(
    "value",
    ["x", 1.5, None, True, [1, (2, "a")], {"a": frozenset({1}), 2: {3}}, (Reference("a.B"),), {}, [], ()],
    ids=repr,
)
def test_literals_survive_a_file(value):
    again = decode(json.loads(json.dumps(encode(value))))

    assert (again, type(again)) == (value, type(value))
    assert not isinstance(value, tuple) or [type(x) for x in again] == [type(x) for x in value]
