"""Which plain values fit an annotation; what cannot be judged is left alone."""

from __future__ import annotations

import pytest

from ml_core.wiring.static_types import misfit


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
        ("x", "Callable[[int], int]", "is 'x' (text), but must be an object (a node with `_target_`)."),
    ],
)
def test_what_cannot_fit_is_told(value, annotation, wrong):
    assert misfit(value, annotation) == wrong


def test_a_default_widens_its_annotation():
    assert misfit(None, "int", default="None") is None
    assert misfit(True, "int", default="False") is None
