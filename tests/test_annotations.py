"""What an annotation asks for, read from its text."""

from __future__ import annotations

import pytest

from ml_core.annotations import Choice, Kind, has_limits, kinds_of
from ml_core.value_ranges import Ge, Lt, NotEmpty

SHARE = Kind("float", (Ge(0), Lt(1)))


@pytest.mark.parametrize(
    ("annotation", "kinds"),
    [
        ("int", (Kind("int"),)),
        ("Optional[int]", (Kind("int"), Kind("None"))),
        ("Annotated[float, Ge(0), Lt(1)]", (SHARE,)),
        ("typing.Annotated[float, Ge(ge=0), Lt(lt=1)] | None", (SHARE, Kind("None"))),
        ("Annotated[int | str, Ge(0)]", (Kind("int", (Ge(0),)), Kind("str"))),
        ("Annotated[int | str, NotEmpty]", (Kind("int"), Kind("str", (NotEmpty,)))),
        ("Annotated[str, OneOf('a', 'b')]", (Choice("a"), Choice("b"))),
        ("Annotated[str | None, OneOf('a')]", (Choice("a"), Kind("None"))),
        ("Literal['a', None]", (Choice("a"), Kind("None"))),
        ("dict[str, Annotated[int, Ge(0)]]", (Kind("mapping", of=(Kind("int", (Ge(0),)),)),)),
        ("dict[str, int]", (Kind("mapping"),)),
        ("SomeAlias", None),
        ("Annotated[SomeAlias, Ge(0)]", None),
        ("not an annotation", None),
    ],
)
def test_kinds_are_read_from_an_annotation(annotation, kinds):
    assert kinds_of(annotation) == kinds


@pytest.mark.parametrize(
    ("annotation", "has"),
    [("int | None", False), (None, False), ("Annotated[int, Ge(0)]", True), ("Literal['a']", True)],
)
def test_limits_are_more_than_a_type(annotation, has):
    assert has_limits(annotation) is has
