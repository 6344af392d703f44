"""What is wrong with files, folders or a name on the Hub? The only place that words what loading them raises.

Files, columns and classes are read from the variables of the traceback: `ml_core.data.source_traces`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ml_core.data.source_traces import Found
from ml_core.errors import ConfigError, DataError, UserError, listed, nearest
from ml_core.step_errors import text_of

MOST_SHOWN = 8
HUB_ERRORS = ("ConnectionError", "OfflineModeIsEnabled", "DatasetNotFoundError", "LocalEntryNotFoundError")


def source_error(error: BaseException, where: str) -> UserError | None:
    """Return the error that explains why a source could not be opened; None where there is nothing to add.

    Args:
        error: What was raised, with its traceback and its causes.
        where: YAML path of the source.
    """
    found = Found(error, where)
    for cause in found.causes:
        for explain in _EXPLANATIONS:
            if (explained := explain(cause, found)) is not None:
                return explained
    return None


def _nothing_there(error: BaseException, found: Found) -> UserError | None:
    """A file, a folder or a pattern."""
    text, kind = str(error), type(error).__name__
    named = re.search(r"Unable to find '(.+)'|directory at (.+?) doesn't|Directory (.+) not found", text)
    if kind in ("FileNotFoundError", "EmptyDatasetError") and named:
        return _missing(next(filter(None, named.groups())), found.where)
    if kind == "FileNotFoundError" and "is neither a `Dataset` directory" in text:
        folder = text.removeprefix("Directory ").partition(" is neither")[0]
        return DataError(folder, "was not written by save_to_disk.", "Other files are read by datasets.load_dataset.")
    if isinstance(error, FileNotFoundError) and error.filename:
        return _missing(str(error.filename), found.where)
    if text.startswith("At least one valid data file must be specified"):
        return ConfigError(found.where, f"no file fits {found.asked('data_files', 'data_dir', 'path')}.", _from_here())
    if kind == "SchemaInferenceError":
        what = found.asked("data_files", "data_dir", "path")
        return DataError(found.where, f"no file, or none with a row, is found for {what}.", _from_here())
    return None


def _missing(asked: str, where: str) -> UserError:
    path = Path(asked)
    if path.is_dir():
        return DataError(asked, "has no file that is read here.", "Name the files with data_files, or another folder.")
    if any(sign in asked for sign in "*?["):
        return ConfigError(where, f"no file fits the pattern '{asked}'.", _from_here())
    parent = path.parent
    beside = [other.name for other in parent.iterdir()] if parent.is_dir() else []
    near = nearest(path.name, beside) or ("" if parent.is_dir() else f" There is no folder '{parent}' either.")
    return ConfigError(where, f"there is nothing at '{asked}'.{near}", _from_here())


def _from_here() -> str:
    return f"Paths that do not begin with / start at the working folder, {Path.cwd()}."


def _empty(error: BaseException, found: Found) -> UserError | None:
    kind = type(error).__name__
    no_rows = re.match(r'Instruction "(\w+)" corresponds to no data', str(error))
    if no_rows:
        return DataError(found.where, f"the split '{no_rows.group(1)}' has no row: its files are empty.")
    if kind in ("EmptyDataError", "StopIteration"):
        return DataError(found.file or found.asked("data_files", "data_dir") or found.where, "is empty.")
    return None


def _ragged(error: BaseException, found: Found) -> UserError | None:
    fields = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
    if type(error).__name__ != "ParserError":
        return None
    if not fields:
        return DataError(found.place, f"is no table of separated values: {text_of(error)}")
    expected, line, got = fields.groups()
    return DataError(
        found.place,
        f"line {line} has {got} fields, those before it have {expected}.",
        'Put a field that holds the separator into "quotes", or set sep.',
    )


def _no_json(error: BaseException, found: Found) -> UserError | None:
    if not str(error).startswith("JSON parse error") or found.file is None:
        return None
    if "changed from" in str(error):
        return DataError(found.place, f"a field is of several kinds: {text_of(error)}")
    for number, line in _lines(found.file):
        try:
            json.loads(line)
        except ValueError as fault:
            told = f"{getattr(fault, 'msg', fault)} at column {getattr(fault, 'colno', '?')}"
            return DataError(found.file, f"line {number} is no JSON, {told}: {line[:60]!r}.", "Every line is one row.")
    return DataError(found.file, text_of(error))


def _lines(file: str) -> Iterator[tuple[int, str]]:
    with suppress(OSError), open(file, encoding="utf-8", errors="replace") as opened:
        for number, line in enumerate(opened, start=1):
            if line.strip():
                yield number, line.rstrip("\n")


def _other_columns(error: BaseException, found: Found) -> UserError | None:
    """Columns that are too many, missing or of another type than in the files before, or than `features` says."""
    text = str(error)
    if type(error).__name__ == "CastError":
        have, want = set(error.table_column_names), set(error.requested_column_names)  # type: ignore[attr-defined]
        parts = {"lacks the columns": want - have, "has columns beside": have - want}
        told = [f"{words} {listed(sorted(names))}" for words, names in parts.items() if names]
        fix = "Every file must have the same columns, and `features`, where it is given, must name all of them."
        return DataError(found.place, f"{' and '.join(told)}.", fix)
    schemas = re.match(r"Schema at index \d+ was different: \n(.*?)\nvs\n(.*)", text, flags=re.S)
    if schemas:
        files = found.asked("data_files", "data_dir", "path")
        return DataError(found.where, f"{_difference(*schemas.groups())} among the files {files}.", _SAME_TYPES)
    value = re.search(r"Failed to parse string: '(.*)' as a scalar of type (\w+)|Couldn't cast array of type", text)
    if value:
        kind = f" holds {value.group(1)!r}, but the files before hold {value.group(2)}" if value.group(1) else ""
        what = f"the column '{_column(found)}'{kind or f' changes its type: {text_of(error)}'}"
        return DataError(found.place, f"{what.removesuffix('.')}.", _SAME_TYPES)
    return None


_SAME_TYPES = "Give the types by `features`, or make the files alike."


def _difference(before: str, after: str) -> str:
    """Return which column differs between two schemas in pyarrow's words."""
    old, new = ({n: k for n, _, k in (line.partition(": ") for line in text.splitlines())} for text in (before, after))
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            if name in old and name in new:
                return f"the column '{name}' changes from {old[name]} to {new[name]}"
            return f"the column '{name}' {'goes missing' if name in old else 'comes up'}"
    return "the columns change"


def _column(found: Found) -> str:
    """Return the column that was being cast."""
    names = (frame["name"] for frame in found.variables if isinstance(frame.get("name"), str) and "schema" in frame)
    loops = (frame["name"] for frame in found.variables if set(frame) >= {"name", "feature"})
    return str(next(loops, next(names, "?")))


def _wrong_value(error: BaseException, found: Found) -> UserError | None:
    label = re.match(r"Invalid string class label (.*)|Class label (-?\d+) (?:greater|less) than", str(error))
    if label:
        value = next(filter(None, label.groups()))
        names = getattr(found.first("self", "ClassLabel"), "names", [])
        return DataError(
            found.place, f"holds the label {value!r}, which is no class.{nearest(value, names)}",
            f"Classes: {listed(names[:MOST_SHOWN])}{', ...' if len(names) > MOST_SHOWN else ''}.",
        )  # fmt: skip
    number = re.match(r"could not convert string to (\w+): (.*)|invalid literal for int.*: (.*)", str(error))
    if number:
        value = number.group(2) or number.group(3)
        return DataError(found.place, f"holds {value} where `features` says that there is a number.")
    return None


def _foreign_code(error: BaseException, found: Found) -> UserError | None:
    script = re.match(r"Dataset scripts are no longer supported, but found (.+)", str(error))
    if script:
        folder = found.asked("path") or found.where
        return DataError(
            os.path.join(folder, script.group(1)), "is a script, and a data set that brings code is not run.",
            "Ask for its files instead: path: csv, json, parquet or imagefolder with data_files.",
        )  # fmt: skip
    return None


def _outside(error: BaseException, found: Found) -> UserError | None:
    named = re.match(r"Invalid metadata file_name '(.*?)'", str(error))
    if named:
        return DataError(
            found.asked("data_dir", "data_files", "path") or found.where,
            f"its metadata names the file '{named.group(1)}', which lies outside of the folder, so it is refused.",
            "Name files inside of it, by paths that are relative to the metadata file.",
        )
    return None


def _broken(error: BaseException, found: Found) -> UserError | None:
    """An Arrow or Parquet file that ends too soon, or is something else."""
    if type(error).__module__ != "pyarrow.lib" and not isinstance(error, OSError):
        return None
    if found.file is None or not found.file.endswith((".arrow", ".parquet")):
        return None
    is_prepared = found.file.endswith(".arrow") and _cache() in found.file
    return DataError(
        found.file,
        f"is cut off or broken: {text_of(error)}",
        f"Delete the folder {Path(found.file).parent}: it is prepared anew." if is_prepared else "Get the file again.",
    )


def _cache() -> str:
    from datasets import config

    return str(config.HF_DATASETS_CACHE)


def _hub(error: BaseException, found: Found) -> UserError | None:
    if type(error).__name__ not in HUB_ERRORS:
        return None
    asked = found.asked("path")
    if asked is None:
        return None
    hint = nearest(asked, _formats()) if "/" not in asked else ""
    if type(error).__name__ == "DatasetNotFoundError":
        return ConfigError(
            f"{found.where}.path", f"there is no data set '{asked}' on the Hugging Face Hub, or it is private.{hint}",
            "Names read owner/name; for a private one log in with `hf auth login`.",
        )  # fmt: skip
    is_off = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON")
    why = "HF_HUB_OFFLINE is set" if is_off else "the Hub cannot be reached"
    return DataError(
        f"{found.where}.path", f"'{asked}' is neither a folder here nor downloaded yet, and {why}.{hint}",
        "Run it once with a network, or name a local folder.",
    )  # fmt: skip


def _formats() -> Mapping[str, Any]:
    from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES

    return _PACKAGED_DATASETS_MODULES


_EXPLANATIONS: tuple[Callable[[BaseException, Found], UserError | None], ...] = (
    _hub, _foreign_code, _outside, _no_json, _ragged, _empty, _other_columns, _wrong_value, _broken, _nothing_there,
)  # fmt: skip
