"""Parameters of functions, methods, classes and dataclasses, against `inspect.signature`."""

import inspect

import pytest

from ml_core.wiring.static_signatures import Resolver, Unresolved

SOURCE = """
import abc
import collections
import dataclasses
import enum
import typing
from dataclasses import dataclass, field
from typing import ClassVar, Generic, NamedTuple, TypeVar, overload

T = TypeVar("T")


def plain(a, b: int = 1, *, c: "str | None" = None): ...
def positional_only(a, /, b): ...
def variadic(*args, d): ...
async def asynchronous(a, b=2): ...


class Constructor:
    def __init__(self, a, b=1): ...


class Inherits(Constructor): ...
class Nothing: ...
class GenericOne(Generic[T], Constructor): ...
class Abstract(abc.ABC):
    def __init__(self, a): ...
class Iterates(typing.Iterable[int]):
    def __iter__(self): ...


class New:
    def __new__(cls, a, *, b=1):
        return super().__new__(cls)


class NewSaid:
    @staticmethod
    def __new__(cls, a):
        return super().__new__(cls)


class Both:
    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)

    def __init__(self, a): ...


class Borrowed:
    __init__ = Constructor.__init__


class Methods:
    def method(self, a): ...
    @classmethod
    def of_class(cls, a): ...
    @staticmethod
    def fixed(a): ...


@dataclass
class Data:
    a: int
    b: str = "x"
    shared: ClassVar[int] = 3
    made: list = field(default_factory=list)
    hidden: int = field(init=False, default=1)
    no_field = 5


@dataclass
class MoreData(Data):
    b: str = "y"
    c: float = 1.0


class PlainBelowData(MoreData):
    d: int = 7


@dataclasses.dataclass(kw_only=True, frozen=True)
class ByKeyword:
    a: int
    b: int = 1


@dataclass
class PartlyByKeyword:
    a: int
    _: dataclasses.KW_ONLY
    b: int
    c: int = field(kw_only=False, default=2)


@dataclass(init=False)
class OwnData:
    a: int

    def __init__(self, z): ...


class Passing(type):
    def __call__(cls, *args, **kwargs):
        return super().__call__(*args, **kwargs)


class WithPassing(Constructor, metaclass=Passing): ...


class Taking(type):
    def __call__(cls, x):
        return super().__call__(x, x)


class WithTaking(Constructor, metaclass=Taking): ...
class Colour(enum.Enum):
    RED = 1
class Named(NamedTuple):
    a: int
Pair = collections.namedtuple("Pair", "a b")
class OfDict(dict): ...
class OfError(ValueError): ...


class Replaced:
    def __init__(self, a): ...


Replaced.__init__ = lambda self, z: None


class Checked:
    if typing.TYPE_CHECKING:
        def __init__(self, wrong): ...
    else:
        def __init__(self, right): ...


@overload
def overloaded(a: int) -> int: ...
@overload
def overloaded(a: str, b: int = ...) -> str: ...
def overloaded(*args, **kwargs): ...


@overload
def implemented(a: int) -> int: ...
@overload
def implemented(a: str) -> str: ...
def implemented(a, b=None): ...
"""

STUB = """
from typing import overload

def compiled(__a, b: int = ...) -> None: ...
@overload
def several(a: int, *, out: int = ...) -> int: ...
@overload
def several(a: str, b: int) -> str: ...
class Thing:
    @overload
    def __init__(self, a: int) -> None: ...
    @overload
    def __init__(self, a: str, c: int = ...) -> None: ...
    def method(self, x): ...
"""

SAME_AS_INSPECT = [
    "plain", "positional_only", "variadic", "asynchronous", "Constructor", "Inherits", "Nothing",
    "GenericOne", "Abstract", "New", "NewSaid", "Both", "Borrowed", "Methods.method",
    "Methods.of_class", "Methods.fixed", "Data", "MoreData", "PlainBelowData", "ByKeyword", "PartlyByKeyword",
    "OwnData", "implemented", "Checked", "Iterates",
]  # fmt: skip
NOT_CHECKED = ["WithTaking", "Colour", "Named", "Pair", "OfDict", "OfError", "Replaced"]
KINDS = {kind: str(kind.name).lower() for kind in inspect.Parameter.POSITIONAL_ONLY.__class__}


@pytest.fixture
def resolver(written) -> Resolver:
    return written({"shapes.py": SOURCE, "stubbed.pyi": STUB})


@pytest.mark.parametrize("name", SAME_AS_INSPECT)
def test_parameters_are_those_of_inspect(resolver, imported, name):
    real = imported("shapes")
    for part in name.split("."):
        real = getattr(real, part)
    if name in ("Both", "Iterates"):  # Python's `object` and `__new__` say (*args, **kwargs)
        expected = {"Both": [("a", "positional_or_keyword", True)], "Iterates": []}[name]
    else:
        parameters = inspect.signature(real).parameters.values()
        expected = [(p.name, KINDS[p.kind], p.default is p.empty) for p in parameters]

    static = resolver.signature(f"shapes.{name}").parameters
    is_required = [p.default is None for p in static]
    assert [(p.name, p.kind, r) for p, r in zip(static, is_required, strict=True)] == expected


@pytest.mark.parametrize("name", NOT_CHECKED)
def test_what_is_made_otherwise_is_not_checked(resolver, name):
    with pytest.raises(Unresolved) as failure:
        resolver.signature(f"shapes.{name}")

    assert failure.value.kind == "dynamic"


def test_a_metaclass_that_hands_all_on_changes_nothing(resolver):
    assert resolver.signature("shapes.WithPassing").names == ("a", "b")


def test_defaults_and_annotations_are_source_text(resolver):
    by_name = {p.name: p for p in resolver.signature("shapes.plain").parameters}

    assert (by_name["b"].default, by_name["b"].annotation) == ("1", "int")
    assert (by_name["c"].default, by_name["c"].annotation) == ("None", "'str | None'")
    assert {p.name: p.default for p in resolver.signature("shapes.Data").parameters} == {
        "a": None,
        "b": "'x'",
        "made": "?",
    }


@pytest.mark.parametrize(
    ("name", "kind"), [("plain", "function"), ("Constructor", "class"), ("Data", "class"), ("Methods.fixed", "method")]
)
def test_the_kind_is_told(resolver, name, kind):
    assert resolver.signature(f"shapes.{name}").kind == kind


def test_an_open_implementation_takes_what_its_overloads_declare(resolver):
    signature = resolver.signature("shapes.overloaded")

    assert (signature.names, signature.required, signature.is_open) == (("a", "b"), {"a"}, False)


@pytest.mark.parametrize(
    ("name", "names", "required"),
    [("compiled", ("b",), set()), ("several", ("a", "out", "b"), {"a"}), ("Thing", ("a", "c"), {"a"})],
)
def test_stubs_are_read_by_their_own_rules(resolver, name, names, required):
    signature = resolver.signature(f"stubbed.{name}")

    assert (signature.names, signature.required) == (names, required)


def test_a_stub_need_not_be_complete(resolver):
    with pytest.raises(Unresolved) as failure:
        resolver.signature("stubbed.Thing.other")

    assert failure.value.kind == "dynamic"
