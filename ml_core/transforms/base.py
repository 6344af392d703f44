"""Transforms on dict batches: wrap any callable, rename keys, and put steps in a row.

A transform takes a batch and returns the keys that it adds or replaces; it never changes its input. Each may say
which keys it reads and writes (`reads`, `writes`), so that no step overwrites another's result by accident.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn, stack

from ml_core.batch import Batch, KeyMapping, missing_key, require_batch, resolve_mapping, select
from ml_core.errors import ConfigError, UserError, listed, nearest
from ml_core.step_errors import step_error
from ml_core.utils.named_callables import NamedCallables
from ml_core.utils.signatures import accepted, check_pairs, name_of

Transform = Callable[[Batch], Mapping[str, Any]]


class ComposeTransform(NamedCallables):
    """Apply named transforms in order; each sees what the earlier ones added.

    Reads and writes what its steps do; returns the whole batch, with all keys that they made.

    Args:
        **transforms: Step name to transform; any name without a dot. None leaves a step out, so that an experiment
            can switch off a step of a shared file.

    Raises:
        ConfigError: If a step cannot be called, or writes a key that an earlier step wrote and it does not read.
        StepError: When it is called and a step fails.

    Example:
        >>> both = ComposeTransform(first=RenameTransform({"x": "y"}), second=RenameTransform({"y": "z"}))
        >>> both({"x": 1})
        {'x': 1, 'y': 1, 'z': 1}
    """

    def __init__(self, **transforms: Transform | None) -> None:
        steps = {name: transform for name, transform in transforms.items() if transform is not None}
        super().__init__(steps)
        _reject_overwrites(steps)
        self.reads = _union(steps, "reads")
        self.writes = _union(steps, "writes")

    def forward(self, batch: Batch) -> Batch:
        """Return a new batch with every key that the steps made."""
        result = dict(require_batch(batch, "ComposeTransform"))
        for name in self.names:
            try:
                result.update(_new_keys(self[name](result)))
            except UserError as error:
                error.within(name)
                raise
            except Exception as error:
                raise step_error(error, name, self[name], result) from error
        return result


class WrapTransform(nn.Module):
    """Call anything with arguments taken from the batch and store what it returns.

    Args:
        transform: Function, module or other callable.
        new_key: Where the result goes: a key; a list of keys for a tuple or list; `{field: key}` for an object
            or dict with named fields; null for a dict whose own keys are wanted.
        mapping: `{batch_key: parameter}`; null passes the whole batch as keyword arguments.
        per_sample: Call once per sample instead of once per batch and stack the results where they are tensors
            of one shape.

    Raises:
        ConfigError: If the mapping names a parameter that the callable does not take.
        BatchKeyError: When it is called on a batch that lacks a key.

    Example:
        >>> import torch
        >>> add = WrapTransform(torch.add, new_key="sum", mapping={"a": "input", "b": "other"})
        >>> add({"a": torch.tensor(1.0), "b": torch.tensor(2.0)})
        {'sum': tensor(3.)}
    """

    def __init__(
        self,
        transform: Callable[..., Any],
        new_key: str | Sequence[str] | Mapping[str, str] | None,
        mapping: KeyMapping | None = None,
        per_sample: bool = False,
    ) -> None:
        super().__init__()
        self.transform = transform
        self.new_key = new_key
        self.per_sample = per_sample
        self.pairs = None if mapping is None else resolve_mapping(mapping)
        self.reads = None if self.pairs is None else tuple(dict.fromkeys(key for key, _ in self.pairs))
        self.writes = _written(new_key)
        if self.writes is not None and len(set(self.writes)) < len(self.writes):
            raise ConfigError("new_key", f"names a key twice: {listed(self.writes)}.")
        if self.pairs is not None:
            check_parameters(transform, self.pairs)

    def forward(self, batch: Batch) -> Batch:
        """Return the new keys."""
        arguments = dict(batch) if self.pairs is None else select(batch, self.pairs)
        return self._each(arguments) if self.per_sample else self._named(self.transform(**arguments))

    def _each(self, arguments: Mapping[str, Any]) -> Batch:
        samples = (dict(zip(arguments, row, strict=True)) for row in zip(*arguments.values(), strict=True))
        rows = [self._named(self.transform(**sample)) for sample in samples]
        return {key: stack_rows([row[key] for row in rows]) for key in (rows[0] if rows else ())}

    def _named(self, output: Any) -> Batch:
        return {self.new_key: output} if isinstance(self.new_key, str) else _unpack(output, self.new_key)


class RenameTransform:
    """Give keys further names: `{"old_key": "new_key"}`. The values are not copied, the old keys stay in the batch.

    Raises:
        BatchKeyError: When it is called on a batch that lacks an old key.
    """

    def __init__(self, mapping: Mapping[str, str]) -> None:
        self.pairs = resolve_mapping(mapping)
        self.reads = tuple(key for key, _ in self.pairs)
        self.writes = tuple(name for _, name in self.pairs)

    def __call__(self, batch: Batch) -> Batch:
        """Return only the new names."""
        return select(batch, self.pairs)


def check_parameters(target: Callable[..., Any], pairs: Sequence[tuple[str, str]], where: str = "mapping") -> None:
    """Check that a mapping names parameters of `target`, and all that it needs.

    Raises:
        ConfigError: See `ml_core.utils.signatures.check_pairs`.
    """
    takes = accepted(target)
    if takes is not None:
        check_pairs(takes, name_of(target), pairs, where)


def stack_rows(rows: list[Any]) -> Any:
    """Stack tensors of one shape and type; return anything else as the list that it is."""
    first = rows[0] if rows else None
    if isinstance(first, Tensor) and all(
        isinstance(row, Tensor) and row.shape == first.shape and row.dtype == first.dtype for row in rows
    ):
        return stack(rows)
    return rows


def _new_keys(result: Any) -> Mapping[str, Any]:
    if isinstance(result, Mapping):
        return result
    raise ConfigError("", f"returned a {type(result).__name__}, but a transform must return a dict of its new keys.")


def _written(new_key: str | Sequence[str] | Mapping[str, str] | None) -> tuple[str, ...] | None:
    if isinstance(new_key, str):
        return (new_key,)
    if isinstance(new_key, Mapping):
        return tuple(new_key.values())
    return None if new_key is None else tuple(new_key)


def _unpack(output: Any, new_key: Sequence[str] | Mapping[str, str] | None) -> Batch:
    if isinstance(new_key, Mapping):
        return {key: _field(output, field) for field, key in new_key.items()}
    if new_key is None:
        return dict(require_batch(output, "new_key: null"))
    if not isinstance(output, (tuple, list)) or len(output) != len(new_key):
        got = f"{len(output)} values" if isinstance(output, (tuple, list)) else type(output).__name__
        raise ConfigError("new_key", f"names {len(new_key)} keys ({listed(new_key)}), but the result is {got}.")
    return dict(zip(new_key, output, strict=True))


def _field(output: Any, field: str) -> Any:
    if isinstance(output, Mapping):
        if field not in output:
            raise missing_key(field, output, "new_key")
        return output[field]
    fields = _fields(output)
    if field not in fields and (isinstance(output, tuple) or not hasattr(output, field)):
        what = f"{type(output).__name__} has no field '{field}'.{nearest(field, fields)}"
        raise ConfigError("new_key", what, f"Fields: {listed(fields)}.")
    return getattr(output, field)


def _fields(output: Any) -> list[str]:
    """Return the names of an object's fields: of a named tuple, of what torch returns (`torch.max`), or attributes."""
    if isinstance(output, tuple):
        return list(getattr(output, "_fields", getattr(type(output), "__match_args__", ())))
    return [name for name in getattr(output, "__dict__", {}) if not name.startswith("_")]


def _union(transforms: Mapping[str, Transform], attribute: str) -> tuple[str, ...] | None:
    """Return the keys of all steps; None where one of them does not tell."""
    keys = [getattr(transform, attribute, None) for transform in transforms.values()]
    return None if None in keys else tuple(dict.fromkeys(key for some in keys for key in some or ()))


def _reject_overwrites(transforms: Mapping[str, Transform]) -> None:
    writers: dict[str, str] = {}
    for name, transform in transforms.items():
        reads = getattr(transform, "reads", None)
        for key in getattr(transform, "writes", None) or ():
            if key in writers and reads is not None and key not in reads:
                raise ConfigError(
                    f"{name}.new_key",
                    f"would overwrite '{key}', which the step '{writers[key]}' made.",
                    "Give it a name of its own, or read that key in its mapping.",
                )
            writers[key] = name
