"""Does a function keep to what is expected of it? Runs inside the limited process, on inputs that are made up."""

from __future__ import annotations

import doctest
import errno
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from ml_core.generated_code.loading import function_of

GUESSES: tuple[tuple[tuple[int, ...], str], ...] = (
    ((4, 3, 8, 8), "float32"),
    ((4, 8), "float32"),
    ((4,), "float32"),
    ((4, 3, 8), "float32"),
    ((8, 8), "float32"),
    ((4, 8), "int64"),
    ((4,), "int64"),
    ((4, 8), "bool"),
)
"""Shapes and types that are tried where the contract names none; a function must take one of them."""
PLAIN: Mapping[str, Any] = {"int": 2, "float": 0.5, "bool": True, "str": "a b", "list[str]": ["a b", "c"]}
"""Values of parameters that are no tensors, by annotation."""
OUT_OF_LIMIT = {
    errno.EFBIG: "ran into the limit of the file size",
    errno.EAGAIN: "ran into the limit of processes",
    errno.ENOMEM: "ran into the limit of memory",
}

Inputs = dict[str, Any]


def faults_of(job: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a function; nothing where all is well.

    Args:
        job: `code`, `name`, `parameters` (name to annotation), `contract`, `new_key`, and `docstring`.
    """
    try:
        function = function_of(job["code"], job["name"], "ml_core_on_trial", "<on trial>")
    except BaseException as error:
        return [f"cannot be defined: {_told(error)}"]
    faults, failures, taken = [], [], 0
    for inputs in _inputs(job):
        try:
            faults += [fault for fault in _faults(function, inputs, job) if fault not in faults]
            taken += 1
        except BaseException as error:
            failures.append(f"fails on {_shown(inputs)}: {_told(error)}")
    if failures and not taken:
        faults += failures[:3]
    return faults + _doctest_faults(function, job)


def _inputs(job: Mapping[str, Any]) -> Sequence[Inputs]:
    """Return the sets of arguments to try: the one of the contract, or some that often fit."""
    contract, generator = job["contract"], torch.Generator().manual_seed(0)
    guesses = GUESSES[:1] if contract else GUESSES
    return [
        {
            name: _value(kind, contract.get(name), guess, generator)
            for name, kind in job["parameters"].items()
            if name in contract or name not in job["optional"]
        }
        for guess in guesses
    ]


def _value(
    kind: str, spec: Mapping[str, Any] | None, guess: tuple[tuple[int, ...], str], generator: torch.Generator
) -> Any:
    if spec is None and kind in PLAIN:
        return PLAIN[kind]
    shape, name = (spec["shape"], spec.get("dtype", "float32")) if spec else guess
    dtype = getattr(torch, name)
    values = torch.rand(tuple(shape), generator=generator)
    return values.to(dtype) if dtype.is_floating_point else (values * (spec or {}).get("high", 10)).to(dtype)


def _faults(function: Callable[..., Any], inputs: Inputs, job: Mapping[str, Any]) -> list[str]:
    given = {name: value.clone() if isinstance(value, torch.Tensor) else value for name, value in inputs.items()}
    torch.manual_seed(0)
    first = function(**given)
    faults = [f"changes its argument {name}" for name in given if not _is_same(given[name], inputs[name])]
    torch.manual_seed(0)
    if not _is_same(first, function(**given)):
        faults.append("returns something else at each call under one seed")
    faults += _key_faults(first, job["new_key"])
    for value in _tensors(first):
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            faults.append(f"returns a value that is not finite, on {_shown(inputs)}")
    if not list(_tensors(first)) and "Tensor" in job["returns"]:
        faults.append(f"returns {type(first).__name__}, not {job['returns']}")
    return faults + _shape_faults(first, job["contract"].get("return")) + _device_faults(function, inputs)


def _key_faults(result: Any, new_key: Any) -> list[str]:
    """Return whether a result has what `new_key` of a `WrapTransform` takes from it."""
    if isinstance(new_key, Mapping):
        missing = [f for f in new_key if not (f in result if isinstance(result, dict) else hasattr(result, f))]
        return [f"returns nothing under '{name}', which new_key takes" for name in missing]
    if new_key is None:
        return [] if isinstance(result, dict) else [f"returns {type(result).__name__}, not a dict of new keys"]
    if isinstance(new_key, str):
        return [f"returns nothing for the key '{new_key}'"] if result is None else []
    is_fit = isinstance(result, (tuple, list)) and len(result) == len(new_key)
    return [] if is_fit else [f"does not return {len(new_key)} values for new_key {list(new_key)}"]


def _shape_faults(result: Any, spec: Mapping[str, Any] | None) -> list[str]:
    if spec is None or not isinstance(result, torch.Tensor):
        return []
    faults = []
    if list(result.shape) != list(spec["shape"]):
        faults.append(f"returns the shape {list(result.shape)}, not {list(spec['shape'])}")
    dtype = str(result.dtype).removeprefix("torch.")
    if dtype != spec.get("dtype", dtype):
        faults.append(f"returns the dtype {dtype}, not {spec['dtype']}")
    return faults


def _device_faults(function: Callable[..., Any], inputs: Inputs) -> list[str]:
    """Run on a device without memory, to see whether the result stays where the arguments are."""
    moved = {name: value.to("meta") if isinstance(value, torch.Tensor) else value for name, value in inputs.items()}
    try:
        result = function(**moved)
    except Exception:  # it looks at values, which that device does not have
        return []
    devices = {value.device.type for value in _tensors(result)} if list(_tensors(moved)) else set()
    return [f"returns a tensor on the device {name}, not that of its arguments" for name in devices - {"meta"}]


def _doctest_faults(function: Callable[..., Any], job: Mapping[str, Any]) -> list[str]:
    scope = dict(function.__globals__)
    found = doctest.DocTestParser().get_doctest(job["docstring"], scope, job["name"], None, 0)
    told: list[str] = []
    doctest.DocTestRunner(verbose=False).run(found, out=told.append, clear_globs=False)
    return [f"an example of the prompt does not hold: {' '.join(text.split()).lstrip('* ')[:600]}" for text in told]


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else ()
    return [tensor for part in parts for tensor in _tensors(part)]


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return (
            one.dtype == other.dtype and one.shape == other.shape and torch.equal(one.nan_to_num(), other.nan_to_num())
        )
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    if isinstance(one, (tuple, list)) and isinstance(other, (tuple, list)):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return type(one) is type(other) and bool(one == other)


def _told(error: BaseException) -> str:
    text = " ".join(str(error).split())[:300]
    if isinstance(error, MemoryError) or "allocate memory" in text:
        return OUT_OF_LIMIT[errno.ENOMEM]
    known = OUT_OF_LIMIT.get(error.errno or 0) if isinstance(error, OSError) else None
    return known or f"{type(error).__name__}: {text}"


def _shown(inputs: Inputs) -> str:
    kinds = (
        f"{name} {str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
        if isinstance(value, torch.Tensor)
        else f"{name}={value!r}"
        for name, value in inputs.items()
    )
    return ", ".join(kinds)
