"""Which plain values fit an annotation; what cannot be judged is left alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pytest

from ml_core.errors import ConfigError
from ml_core.value_ranges import Ge, Lt, NotEmpty
from ml_core.value_types import choices_of, misfit, require

SHARE = "Annotated[float, Ge(0), Lt(1)]"


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (1, "int"),
        (1, "float"),
        (0.5, "float | Tensor"),
        (None, "Optional[int]"),
        (None, "int | None"),
        (1, "bool"),
        (True, "bool | Literal['warn']"),
        ("warn", "bool | Literal['warn']"),
        ([1, 2], "Sequence[int]"),
        ([0.9, 0.99], "tuple[float, float]"),
        ({"a": 1}, "Mapping[str, float] | None"),
        ({"_target_": "x"}, "int"),
        ({"_target_": "x"}, "Tensor"),
        ("anything", "_PRECISION_INPUT | None"),
        ("anything", "Any"),
        (3, "str | Path"),
        ("x", None),
        (3, "'int'"),
        ([1], "typing.Union[typing.List[int], str]"),
        (1, "Annotated[int, 'positive']"),
        (0, SHARE),
        (0.5, f"{SHARE} | Tensor"),
        (-1, "Annotated[int, Ge(0)] | Literal[-1]"),
        (2, "Annotated[int, Ge(0)] | Annotated[float, Ge(0), Lt(1)]"),
        ({"train": 64}, "Annotated[int, Ge(1)] | Mapping[str, Annotated[int, Ge(1)]]"),
        ("a", "Annotated[str, OneOf('a', 'b')]"),
    ],
)
def test_what_fits_or_cannot_be_judged_is_left_alone(value, annotation):
    assert misfit(value, annotation) is None


@pytest.mark.parametrize(
    ("value", "annotation", "wrong"),
    [
        ("ten", "int", "is 'ten' (text), but must be a whole number."),
        ("1e-3x", "float | Tensor", "is '1e-3x' (text), but must be a number or an object (a node with `_target_`)."),
        (1.5, "int | None", "is 1.5, but must be a whole number or null."),
        (True, "int", "is true, but must be a whole number."),
        (None, "int", "is null, but must be a whole number."),
        (7, "str", "is 7, but must be text."),
        ([1], "int", "is [1], but must be a whole number."),
        (3, "Mapping[str, str] | None", "is 3, but must be a mapping or null."),
        ("x", "list[str]", "is 'x' (text), but must be a list."),
        ("multi", "Literal['binary', 'multiclass']", "is 'multi' (text), but must be 'binary' or 'multiclass'."),
        (1, SHARE, "is 1, but must be a share from 0 to below 1."),
        (float("nan"), SHARE, "is nan, but must be a share from 0 to below 1."),
        (True, SHARE, "is true, but must be a share from 0 to below 1."),
        (0, "Annotated[int, Gt(0)] | None", "is 0, but must be a whole number above 0 or null."),
        ("", "Annotated[str, NotEmpty]", "is '' (text), but must be text that is not empty."),
        ([], "Annotated[list[int], NotEmpty]", "is [], but must be a list that is not empty."),
        ("c", "Annotated[str, OneOf('a', 'b')]", "is 'c' (text), but must be 'a' or 'b'."),
        (2, "Annotated[int, Equal(1)]", "is 2, but must be 1."),
        ({"val": 0}, "Mapping[str, Annotated[int, Ge(1)]]", "is 0, but must be a whole number from 1, at 'val'."),
        (
            "dpp",
            "Literal['ddp', 'fsdp', 'xla', 4]",
            "is 'dpp' (text), which is none of its choices. Did you mean 'ddp'?",
        ),
        ("x", "Callable[[int], int]", "is 'x' (text), but must be an object (a node with `_target_`)."),
    ],
)
def test_what_cannot_fit_is_told(value, annotation, wrong):
    assert misfit(value, annotation) == wrong


def test_a_default_widens_its_annotation():
    assert misfit(None, "int", default="None") is None
    assert misfit(True, "int", default="False") is None


def test_many_choices_are_told_apart_from_the_sentence():
    assert choices_of("Literal['a', 'b', 'c', 4] | None") == "Choices: a, b, c, 4, null."
    assert choices_of("Literal['a', 'b']") == ""


# ---- at run time


class Split:
    def __init__(self, share: Annotated[float, Ge(0), Lt(1)], name: Annotated[str, NotEmpty] = "train") -> None:
        require(Split.__init__, share=share, name=name)


@dataclass
class Spec:
    every: Annotated[int, Ge(1)]

    def __post_init__(self) -> None:
        require(Spec, every=self.every)


def test_a_constructor_holds_values_to_its_annotations():
    Split(0.1)
    Split(np.float64(0.5))
    Spec(np.int64(3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Split(1.5), "share: is 1.5, but must be a share from 0 to below 1."),
        (lambda: Split(True), "share: is true, but must be a share from 0 to below 1."),
        (lambda: Split(0, ""), "name: is '' (text), but must be text that is not empty."),
        (lambda: Spec(0), "every: is 0, but must be a whole number from 1."),
    ],
)
def test_a_constructor_refuses_what_the_check_refuses_in_the_same_words(make, message):
    with pytest.raises(ConfigError) as raised:
        make()
    assert str(raised.value) == message


def test_annotations_that_were_evaluated_count_too():
    def function(share):
        require(function, share=share)

    function.__annotations__ = {"share": Annotated[float, Ge(0), Lt(1)]}
    function(0)
    with pytest.raises(ConfigError, match="share: is 2, but must be a share from 0 to below 1"):
        function(2)
