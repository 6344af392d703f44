"""Is an answer of an earlier run still right? Kept on disk with what every module that it rests on looked like."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ml_core.wiring.source import Fingerprint, Sources

READERS = Path(__file__).resolve().parents[1]


class AnswerCache:
    """Answers by name, in one JSON file.

    An answer rests on modules: those that were read for it, and those that were looked for and not found. It counts
    only while each of them, looked for anew on the search path of today, is the same file, unchanged. A file that
    cannot be read is an empty cache; one that cannot be written stays as it is.
    """

    def __init__(self, path: Path, sources: Sources) -> None:
        self._path = path
        self._sources = sources
        self._modules, self._answers = _read(path)
        self._fresh: dict[str, dict[str, Any]] = {}
        self._same: dict[str, bool] = {}

    def get(self, name: str) -> Any | None:
        """Return a kept answer, None where there is none that still counts."""
        entry = self._answers.get(name)
        if entry is None or not all(self._is_same(module) for module in entry["modules"]):
            return None
        return entry["value"]

    def put(self, name: str, value: Any, modules: Iterable[str]) -> None:
        """Keep an answer that rests on `modules`; not where one was edited just now, as a next edit might not show."""
        names = _with_parents(modules)
        found = [module for name in names if (module := self._sources.find(name))]
        if all(module.is_settled for module in found):
            self._fresh[name] = {"value": value, "modules": names}

    def save(self) -> None:
        """Write the file, with those of its answers that still count; at once or not at all."""
        if not self._fresh:
            return
        answers = {name: entry for name, entry in self._answers.items() if self.get(name) is not None} | self._fresh
        used = sorted({module for entry in answers.values() for module in entry["modules"]})
        content = {
            "version": _version(),
            "modules": {module: self._sources.fingerprint(module) for module in used},
            "answers": answers,
        }
        with contextlib.suppress(OSError):
            _write(self._path, json.dumps(content, separators=(",", ":")))
            self._fresh = {}

    def _is_same(self, module: str) -> bool:
        if module not in self._same:
            self._same[module] = self._modules.get(module, ()) == self._sources.fingerprint(module)
        return self._same[module]


def _read(path: Path) -> tuple[dict[str, Fingerprint], dict[str, dict[str, Any]]]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}, {}
    return (content["modules"], content["answers"]) if _is_whole(content) else ({}, {})


def _is_whole(content: Any) -> bool:
    """Whether a file is of this version and none of its parts is missing."""
    match content:
        case {"version": version, "modules": dict(), "answers": dict() as answers}:
            return version == _version() and all(map(_is_answer, answers.values()))
    return False


def _is_answer(entry: Any) -> bool:
    match entry:
        case {"modules": list(), "value": {"is": _} | {"unresolved": [str(), str()]}}:
            return True
    return False


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def _with_parents(modules: Iterable[str]) -> list[str]:
    parts = (module.split(".") for module in modules)
    return sorted({".".join(part[: i + 1]) for part in parts for i in range(len(part))})


def _version() -> str:
    """Return what changes with the Python that runs and with the code that reads."""
    files = [READERS / "source.py", READERS / "static_signatures.py", *sorted((READERS / "static").glob("*.py"))]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    return f"{'.'.join(map(str, sys.version_info[:3]))} {sys.platform} {digest}"
