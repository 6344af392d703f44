"""Decorators that leave a signature as it is, widen it, or may do anything: judged as Python shows it."""

import inspect

import pytest

from ml_core.wiring.static_signatures import Resolver, Unresolved

SAME = """
import contextlib
import dataclasses
import functools
import typing
from functools import lru_cache as remembered, wraps

import other_decorators
from other_decorators import registered_as

REGISTRY = {}


def wrapping(function):
    @wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def updating(function):
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    functools.update_wrapper(wrapper, function)
    return wrapper


def with_arguments(times=1):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return [function(*args, **kwargs) for _ in range(times)]

        return wrapper

    return decorate


def registered(function):
    REGISTRY[function.__name__] = function
    return function


def either_way(function=None, *, name=""):
    def decorate(one):
        return registered(one)

    if function is not None:
        return decorate(function)
    return decorate


def cast(function):
    return typing.cast("F", function)


@wrapping
def by_wrapping(a, b=1): ...
@updating
def by_updating(a, b=1): ...
@with_arguments(times=2)
def by_wrapping_with_arguments(a, b=1): ...
@registered
def by_registering(a, b=1): ...
@registered_as("name")
def by_registering_elsewhere(a, b=1): ...
@other_decorators.registered_as("name")
def by_registering_in_a_module(a, b=1): ...
@either_way
def by_either(a, b=1): ...
@either_way(name="x")
def by_either_with_arguments(a, b=1): ...
@cast
def by_cast(a, b=1): ...
@functools.lru_cache(maxsize=None)
def by_cache(a, b=1): ...
@remembered
def by_renamed_cache(a, b=1): ...
@contextlib.contextmanager
def by_contextmanager(a, b=1): ...
@wrapping
@registered
def by_two(a, b=1): ...
def afterwards(a, b=1): ...
by_assignment = wrapping(afterwards)
def again(a, b=1): ...
again = wrapping(again)
@registered
class ByRegistering:
    def __init__(self, a, b=1): ...
@dataclasses.dataclass
class ByDataclass:
    a: int
    b: int = 1
class Again:
    def __init__(self, a, b=1): ...
Again = registered(Again)
"""

ELSEWHERE = """
def registered_as(name):
    def decorate(function):
        function.registered_name = name
        return function
    return decorate
"""

DYNAMIC = """
import functools


def replaced(function):
    def other(x):
        return function(x, x)
    return other


def rebound(function):
    function = replaced(function)
    return function


def narrower(function):
    @functools.wraps(function)
    def wrapper(a):
        return function(a, 1)
    return wrapper


def other_constructor(cls):
    cls.__init__ = lambda self, x: None
    return cls


class Wrapper:
    def __init__(self, function): ...
    def __call__(self, x): ...


@replaced
def by_replacing(a, b=1): ...
@rebound
def by_rebinding(a, b=1): ...
@narrower
def by_a_narrower_one(a, b=1): ...
@Wrapper
def by_a_class(a, b=1): ...
@unknown.decorator
def by_something_unknown(a, b=1): ...
@[replaced][0]
def by_an_expression(a, b=1): ...
made = replaced(by_replacing)
@other_constructor
class ByAnotherConstructor:
    def __init__(self, a, b=1): ...
class Owner:
    @property
    def size(self): ...
"""

WIDER = """
import functools


def with_retries(function):
    @functools.wraps(function)
    def wrapper(*args, retries=1, **kwargs):
        return function(*args, **kwargs)
    return wrapper


def without_token(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        kwargs.pop("token", None)
        return function(*args, **kwargs)
    return wrapper


def renamed(**names):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            for new, old in names.items():
                if old in kwargs:
                    kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)
        return wrapper
    return decorate


def filtered(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        for name in [n for n in kwargs if n.startswith("_")]:
            del kwargs[name]
        return function(*args, **kwargs)
    return wrapper


@with_retries
def by_parameter(a, b=1): ...
@without_token
def by_pop(a, b=1): ...
@renamed(a="old_a")
def by_renaming(a, b=1): ...
@filtered
def by_filtering(a, b=1): ...
"""

NAMES = [line.split("(")[0].split()[1] for line in SAME.splitlines() if line.startswith(("def by", "class By"))]
NAMES += ["by_assignment", "again", "Again"]


@pytest.fixture
def resolver(written) -> Resolver:
    return written({"same.py": SAME, "other_decorators.py": ELSEWHERE, "dynamic.py": DYNAMIC, "wider.py": WIDER})


@pytest.mark.parametrize("name", [name.rstrip(":") for name in NAMES])
def test_a_harmless_decorator_leaves_the_signature(resolver, imported, name):
    signature = resolver.signature(f"same.{name}")

    assert signature.names == tuple(inspect.signature(getattr(imported("same"), name)).parameters) == ("a", "b")
    assert (signature.required, signature.is_open) == ({"a"}, False)


@pytest.mark.parametrize(
    "name",
    [
        "by_replacing",
        "by_rebinding",
        "by_a_narrower_one",
        "by_a_class",
        "by_something_unknown",
        "by_an_expression",
        "made",
        "ByAnotherConstructor",
        "Owner.size",
    ],
)
def test_a_decorator_that_may_do_anything_leaves_nothing_to_check(resolver, name):
    with pytest.raises(Unresolved) as failure:
        resolver.signature(f"dynamic.{name}")

    assert failure.value.kind == "dynamic"


@pytest.mark.parametrize(
    ("name", "added"), [("by_parameter", {"retries"}), ("by_pop", {"token"}), ("by_renaming", {"old_a"})]
)
def test_names_that_a_decorator_takes_are_taken_too(resolver, imported, name, added):
    signature = resolver.signature(f"wider.{name}")

    assert {*signature.names} == {"a", "b"} | added
    assert signature.required == {"a"}
    assert not signature.is_open
    getattr(imported("wider"), name)(a=1, **dict.fromkeys(added - {"old_a"}, 1))


def test_a_decorator_that_takes_out_what_it_likes_opens_the_signature(resolver):
    assert resolver.signature("wider.by_filtering").is_open
