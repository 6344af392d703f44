"""Do `mapping`, `weights` and `stages` of a composition name parts that it has?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ml_core.errors import ConfigError, listed, nearest

STAGES = ("train", "val", "test")


def strangers(given: Iterable[str], known: Iterable[str], where: str, word: str) -> Iterator[ConfigError]:
    """Yield the names that belong to no part.

    Args:
        given: Names in the node at `where`.
        known: Names of the parts.
        where: `mapping`, `weights` or `stages`.
        word: What a part is: `loss`, `metric`.
    """
    known = tuple(known)
    for name in given:
        if name not in known:
            yield ConfigError(
                f"{where}.{name}", f"names no {word}.{nearest(name, known)}", f"There are: {listed(known)}."
            )


def without_mapping(given: Iterable[str], named: Iterable[str], word: str) -> Iterator[ConfigError]:
    """Yield the parts that no mapping feeds."""
    given = tuple(given)
    for name in named:
        if name not in given:
            yield ConfigError(f"mapping.{name}", f"is missing: the {word} '{name}' needs {{batch_key: parameter}}.")


def wrong_stages(stages: Mapping[str, Iterable[str]]) -> Iterator[ConfigError]:
    """Yield what is none of the stages."""
    for name, wanted in stages.items():
        unknown = [stage for stage in wanted if stage not in STAGES]
        if unknown:
            verb = "is no stage" if len(unknown) == 1 else "are no stages"
            what = f"names {listed(map(repr, unknown))}, which {verb}."
            yield ConfigError(f"stages.{name}", what, f"Stages: {listed(STAGES)}.")


def wrong_weights(weights: Mapping[str, object]) -> Iterator[ConfigError]:
    """Yield the weights that are neither numbers nor something that can be called."""
    for name, value in weights.items():
        if callable(value):
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            yield ConfigError(f"weights.{name}", f"is {value!r}, but must be a number.")
