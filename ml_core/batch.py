"""The batch: a plain dict of named values, and the only place that words its key errors.

A mapping always reads `{batch_key: parameter}`; a list on the right feeds one value to several parameters:

    mapping: {image: [input, target]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from ml_core.errors import BatchKeyError, BatchTypeError, ConfigError, listed, nearest

Batch: TypeAlias = dict[str, Any]
KeyMapping: TypeAlias = Mapping[str, "str | Sequence[str]"]
Pairs: TypeAlias = tuple[tuple[str, str], ...]


def resolve_mapping(mapping: KeyMapping, where: str = "mapping") -> Pairs:
    """Turn a mapping into (batch key, parameter) pairs, once, at construction; a key with an empty list feeds nothing.

    Raises:
        ConfigError: If it is no mapping of names, or feeds one parameter twice.
    """
    if not isinstance(mapping, Mapping):
        raise ConfigError(where, f"is {mapping!r}, but must read {{batch_key: parameter}}.")
    pairs: list[tuple[str, str]] = []
    for key, parameters in mapping.items():
        is_list = isinstance(parameters, Sequence) and not isinstance(parameters, str)
        for parameter in parameters if is_list else [parameters]:
            if not isinstance(parameter, str):
                raise ConfigError(f"{where}.{key}", f"is {parameter!r}, but must name a parameter.")
            other = next((known for known, fed in pairs if fed == parameter), None)
            if other is not None:
                raise _fed_twice(f"{where}.{key}", parameter, other)
            pairs.append((key, parameter))
    return tuple(pairs)


def _fed_twice(where: str, parameter: str, other: str) -> ConfigError:
    return ConfigError(
        where,
        f"feeds the parameter '{parameter}', which '{other}' feeds already.",
        f"A mapping is joined with the one that it changes; '{other}: []' takes '{other}' out of it.",
    )


def select(batch: Mapping[str, Any], pairs: Pairs, where: str = "mapping") -> dict[str, Any]:
    """Return the keyword arguments that `pairs` take out of `batch`.

    Raises:
        BatchKeyError: If a key is not in the batch; it lists those that are.
    """
    try:
        return {parameter: batch[key] for key, parameter in pairs}
    except KeyError as error:
        raise missing_key(error.args[0], batch, where) from None


def missing_key(key: str, batch: Mapping[str, Any], where: str) -> BatchKeyError:
    """Word the error for a key that the batch lacks."""
    return BatchKeyError(where, f"no key '{key}' in the batch.{nearest(key, batch)}", f"Keys: {listed(batch)}.")


def require_batch(value: Any, where: str) -> Batch:
    """Return `value` when it is a mapping.

    Raises:
        BatchTypeError: If it is something else, such as the tuple of an (x, y) data set.
    """
    if isinstance(value, Mapping):
        return value  # type: ignore[return-value]
    raise BatchTypeError(
        where,
        f"a batch must be a dict of named values, got {type(value).__name__}.",
        "Give each column a name, for example {'image': x, 'label': y}.",
    )


def batch_size(batch: Mapping[str, Any]) -> int:
    """Return the number of samples: the length of the first tensor, or else of the first list.

    Raises:
        ConfigError: If the batch holds neither.
    """
    for value in batch.values():
        shape = getattr(value, "shape", None)
        if shape:
            return int(shape[0])
    for value in batch.values():
        if isinstance(value, list):
            return len(value)
    raise ConfigError("batch", f"holds no tensor and no list, so it has no size. Keys: {listed(batch)}.")
