"""Names that `**kwargs` accepts: as Python itself accepts and refuses them."""

import inspect

import pytest

from ml_core.wiring.static_signatures import Resolver

CLOSED = """
from shapes_elsewhere import Other
import shapes_elsewhere


def function(a, b=1, *, c=2):
    return a, b, c


def check(options):
    if "a" in options and options["a"] == 0:
        raise ValueError("a")


class Base:
    def __init__(self, a, b=1):
        self.a, self.b = a, b


class HandsOn(Base):
    def __init__(self, c, **kwargs):
        super().__init__(**kwargs)


class GivesTheFirst(Base):
    def __init__(self, **kwargs):
        super().__init__(5, **kwargs)


class GivesByName(Base):
    def __init__(self, **kwargs):
        super().__init__(a=5, **kwargs)


class ByNameOfTheClass(Base):
    def __init__(self, **kwargs):
        super(ByNameOfTheClass, self).__init__(**kwargs)


class Direct(Base):
    def __init__(self, **kwargs):
        Base.__init__(self, **kwargs)


class TwiceRemoved(HandsOn):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


class TakesOut(Base):
    def __init__(self, **kwargs):
        self.x = kwargs.pop("x", None)
        if "y" in kwargs:
            del kwargs["y"]
        super().__init__(**kwargs)


class Completes(Base):
    def __init__(self, **kwargs):
        kwargs.setdefault("a", 7)
        super().__init__(**kwargs)


class Looks(Base):
    def __init__(self, **kwargs):
        check(kwargs)
        if kwargs and len(kwargs) > 10:
            raise ValueError(f"too many: {sorted(kwargs)}")
        super().__init__(**kwargs)


class OnlyTakesOut:
    def __init__(self, **kwargs):
        self.x = kwargs.pop("x", 1)
        self.y = kwargs.pop("y", 2)
        if kwargs:
            raise TypeError(f"unknown: {', '.join(kwargs)}")


class ToAFunction:
    def __init__(self, **kwargs):
        self.value = function(1, **kwargs)


class ToAMethod:
    def __init__(self, **kwargs):
        self.prepare(**kwargs)

    def prepare(self, d, e=1):
        self.d = d


class ToAnImport:
    def __init__(self, **kwargs):
        self.other = Other(**kwargs)


class ToALocalImport:
    def __init__(self, **kwargs):
        from shapes_elsewhere import Other as Local

        self.other = Local(**kwargs)


class ToAModule:
    def __init__(self, **kwargs):
        self.other = shapes_elsewhere.Other(**kwargs)


class Mixin:
    def __init__(self, m=0, **kwargs):
        super().__init__(**kwargs)


class Cooperative(Mixin, Base):
    def __init__(self, d=0, **kwargs):
        super().__init__(**kwargs)


class EndsAtObject(Mixin):
    pass


class Created:
    def __new__(cls, kind, **kwargs):
        if kind:
            return Base(**kwargs)
        return Other(**kwargs)


class Declares(Base):
    keywords_of = "shapes_elsewhere.Other"
    keywords_not = frozenset({"q"})

    def __init__(self, a=1, **options):
        super().__init__(a)
        self.options = options
        Other(q=1, **options)


def either(kind=True, **kwargs):
    return Base(**kwargs) if kind else Other(**kwargs)


class Made:
    def __init__(self, f=1):
        self.f = f

    @classmethod
    def build(cls, **kwargs):
        return cls(**kwargs)
"""

OPEN = """
class Base:
    def __init__(self, a=1):
        self.a = a


class Unused:
    def __init__(self, a=1, **kwargs):
        pass


class Stores(Base):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.options = kwargs


class StoresACopy(Base):
    def __init__(self, **kwargs):
        self.options = dict(kwargs)
        super().__init__(**kwargs)


class Replaces(Base):
    def __init__(self, **kwargs):
        kwargs = {key: value for key, value in kwargs.items() if key == "a"}
        super().__init__(**kwargs)


class TakesOutAny(Base):
    def __init__(self, **kwargs):
        for name in ("x", "y"):
            kwargs.pop(name, None)
        super().__init__(**kwargs)


class Goes:
    def __init__(self, **kwargs):
        for key, value in kwargs.items():
            setattr(self, key, value)


class ToAnArgument:
    def __init__(self, factory=dict, **kwargs):
        self.made = factory(**kwargs)


class ToABuiltIn:
    def __init__(self, **kwargs):
        self.made = dict(**kwargs)


class AlsoElsewhere(Base):
    def __init__(self, store=print, **kwargs):
        store(kwargs)
        super().__init__(a=1)


class Above(Stores):
    def __init__(self, d=1, **kwargs):
        super().__init__(**kwargs)


class CallsItself:
    def __init__(self, a=1, **kwargs):
        self(**kwargs)

    def __call__(self, z=1): ...


def reads_any(names=(), **kwargs):
    return [kwargs[name] for name in names]


def itself(depth=0, **kwargs):
    return itself(depth - 1, **kwargs) if depth else None
"""

ELSEWHERE = "class Other:\n    def __init__(self, p=1, q=2):\n        self.p, self.q = p, q\n"

ACCEPTED = {
    "HandsOn": ("c", "a", "b"),
    "GivesTheFirst": ("b",),
    "GivesByName": ("b",),
    "ByNameOfTheClass": ("a", "b"),
    "Direct": ("a", "b"),
    "TwiceRemoved": ("c", "a", "b"),
    "TakesOut": ("a", "b", "x", "y"),
    "Completes": ("a", "b"),
    "Looks": ("a", "b"),
    "OnlyTakesOut": ("x", "y"),
    "ToAFunction": ("b", "c"),
    "ToAMethod": ("d", "e"),
    "ToAnImport": ("p", "q"),
    "ToALocalImport": ("p", "q"),
    "ToAModule": ("p", "q"),
    "Cooperative": ("d", "m", "a", "b"),
    "EndsAtObject": ("m",),
    "Declares": ("a", "p"),
    "Made.build": ("f",),
}
REQUIRED = {"HandsOn": "ca", "ByNameOfTheClass": "a", "Direct": "a", "TwiceRemoved": "ca", "TakesOut": "a"}
REQUIRED |= {"Looks": "a", "ToAMethod": "d", "Cooperative": "a"}


@pytest.fixture
def resolver(written) -> Resolver:
    return written({"shapes.py": CLOSED, "shapes_open.py": OPEN, "shapes_elsewhere.py": ELSEWHERE})


@pytest.mark.parametrize("name", ACCEPTED)
def test_names_that_kwargs_hands_on_are_those_that_python_accepts(resolver, imported, name):
    signature = resolver.signature(f"shapes.{name}")
    real = imported("shapes")
    for part in name.split("."):
        real = getattr(real, part)

    assert signature.names == ACCEPTED[name]
    assert signature.required == frozenset(REQUIRED.get(name, ""))
    assert not signature.is_open
    real(**dict.fromkeys(signature.names, 1))
    with pytest.raises(TypeError):
        real(**dict.fromkeys(signature.required, 1), zzz=1)
    for required in signature.required:
        with pytest.raises(TypeError):
            real(**dict.fromkeys(signature.required - {required}, 1))


@pytest.mark.parametrize(("name", "extra"), [("Created", "kind"), ("either", "kind")])
def test_what_may_go_to_several_takes_the_names_of_all_and_requires_none_of_them(resolver, name, extra):
    signature = resolver.signature(f"shapes.{name}")

    assert signature.names == (extra, "a", "b", "p", "q")
    assert signature.required == ({"kind"} if name == "Created" else frozenset())
    assert not signature.is_open


OPEN_NAMES = ["Unused", "Stores", "StoresACopy", "Replaces", "TakesOutAny", "Goes", "ToAnArgument", "ToABuiltIn"]
OPEN_NAMES += ["AlsoElsewhere", "Above", "CallsItself", "reads_any", "itself"]


@pytest.mark.parametrize("name", OPEN_NAMES)
def test_kwargs_whose_way_is_lost_stays_open(resolver, imported, name):
    signature = resolver.signature(f"shapes_open.{name}")
    real = inspect.signature(getattr(imported("shapes_open"), name))

    assert signature.is_open
    assert {p.name for p in real.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD} <= {*signature.names}


def test_a_parameter_says_which_callable_takes_it(resolver):
    by_name = {p.name: p for p in resolver.signature("shapes.HandsOn").parameters}

    assert (by_name["c"].via, by_name["a"].via) == (None, "shapes.Base")
    assert (by_name["a"].kind, by_name["b"].default) == ("keyword_only", "1")


def test_args_that_are_handed_on_are_positional_parameters_of_the_other(resolver):
    signature = resolver.signature("shapes.TwiceRemoved")

    assert [p.kind for p in signature.parameters] == ["positional_or_keyword", "keyword_only", "keyword_only"]
    assert not signature.takes_args
