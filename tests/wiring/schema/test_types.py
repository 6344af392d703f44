"""Which plain values the schema of a parameter lets pass: the same as the check."""

from __future__ import annotations

import itertools

import pytest
from jsonschema import Draft7Validator

from ml_core.value_types import misfit
from ml_core.wiring.schema.types import default_of, schema_of

VALUES = (None, True, 0, 3, -1, 0.5, "a", "b", [1], {"_target_": "x.Y"})
ANNOTATIONS = (
    None,
    "int",
    "float",
    "float | Tensor",
    "bool",
    "str",
    "str | int | None",
    "Optional[int]",
    "Literal['a', 3]",
    "bool | Literal['a'] | None",
    "Sequence[int]",
    "tuple[float, float] | None",
    "Mapping[str, float] | list[int]",
    "Callable[[int], int]",
    "SomeAlias | None",
    "Annotated[float, Ge(0), Lt(1)]",
    "Annotated[int, Gt(0), Le(3)] | None",
    "Annotated[str, OneOf('a', 3)]",
)


@pytest.mark.parametrize(("value", "annotation"), itertools.product(VALUES, ANNOTATIONS))
@pytest.mark.parametrize("default", [None, "None", "False"])
def test_a_schema_and_the_check_refuse_the_same_values(value, annotation, default):
    validator = Draft7Validator(schema_of(annotation, default))
    assert validator.is_valid(value) == (misfit(value, annotation, default) is None)


@pytest.mark.parametrize("annotation", ANNOTATIONS)
@pytest.mark.parametrize("text", ["${params.x}", "???", "${oc.env:A,1}_${b}"])
def test_an_interpolation_stands_for_any_value(text, annotation):
    assert Draft7Validator(schema_of(annotation)).is_valid(text)


def test_the_message_of_an_editor_says_what_is_wanted():
    message = schema_of("int | None")["patternErrorMessage"]
    assert message == "Must be a whole number or null (or an interpolation, ${...})."


@pytest.mark.parametrize(
    ("source", "default"),
    [
        ("0.001", {"default": 0.001}),
        ("(0.9, 0.999)", {"default": [0.9, 0.999]}),
        ("None", {"default": None}),
        ("'auto'", {"default": "auto"}),
        ("DEFAULT_SEED", {}),
        ("float('inf')", {}),
        ("1e999", {}),
        ("?", {}),
        (None, {}),
    ],
)
def test_a_default_that_is_written_out_is_offered(source, default):
    assert default_of(source) == default
