"""How is as much as possible of an experiment built, so that one mistake does not hide the next?"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any
from urllib.error import URLError

from omegaconf import DictConfig, OmegaConf

from ml_core.errors import UserError
from ml_core.generated_code.order import DEFAULT_FOLDER, order_of
from ml_core.transforms.ai_transform import AITransformWrapper
from ml_core.transforms.base import ComposeTransform
from ml_core.utils.instantiators import Builder, Guard
from ml_core.wiring.dry_run.offline import Offline
from ml_core.wiring.dry_run.some_rows import peeked
from ml_core.wiring.fake import NeedsValues, needs_values

UNREACHABLE = (ConnectionError, URLError)
UNREACHABLE_NAMES = ("LocalEntryNotFoundError", "OfflineModeIsEnabled")
"""Errors of `huggingface_hub`, which need not be imported."""


OUT_OF_REACH = "cannot be reached from here, so shapes are not checked:"

DATA_SOURCE = "data.hf_dict_dataset"


class NotBuilt(Exception):
    """Something is called that could not be built."""


class NotRun(Exception):
    """Something is left out for a reason that is no mistake."""


class WouldBeWrittenError(UserError, ConnectionError):
    """A language model would have to write a function first."""

    __str__ = UserError.__str__


class Unbuilt:
    """Stands where an object could not be built; tells the keys that it would read and write as far as YAML does.

    Args:
        node: Its node.
        steps: Where it is a composition, its steps by name; they may have been built.
    """

    def __init__(self, node: DictConfig | None = None, steps: Mapping[str, Any] | None = None) -> None:
        plain: Any = {} if node is None else OmegaConf.to_container(node, resolve=False)
        self.reads, self.writes = _names(plain.get("mapping")), _written(plain)
        self.names, self.steps = tuple(steps or ()), dict(steps or {})

    def __getitem__(self, name: str) -> Any:
        return self.steps[name]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse to run."""
        raise NotBuilt


class LenientBuilder(Builder):
    """A `Builder` that notes mistakes and goes on, and that builds the node of a path once.

    Args:
        cfg: The composed configuration.
        guard: As for `Builder`.
        offline: Is told when a target was imported.
        gives_up: Whether what cannot be built on fake tensors is left out.
    """

    def __init__(self, cfg: DictConfig, guard: Guard | None, offline: Offline, gives_up: bool = True) -> None:
        super().__init__(cfg, guard)
        self.offline, self.gives_up = offline, gives_up
        self.mistakes: list[UserError] = []
        self.unreachable: dict[str, str] = {}
        self._built: dict[str, Any] = {}
        self._is_spoilt = [False]

    def build(self, path: str, **given: Any) -> Any:
        """Build the node at a dotted path; `Unbuilt` where that fails, None where it is null."""
        try:
            return super().build(path, **given)
        except UserError as error:
            self.note(error)
            return Unbuilt()

    def built(self, path: str) -> Any:
        """Return what the node of a path became; None where it was not built."""
        return self._built.get(path)

    def note(self, error: UserError) -> None:
        """Keep a mistake, once; or that something is out of reach, which is none."""
        reason = out_of_reach(error, of_files=error.where.startswith(DATA_SOURCE))
        if reason is not None:
            self.unreachable.setdefault(error.where, f"{OUT_OF_REACH} {reason}")
        elif str(error) not in map(str, self.mistakes):
            self.mistakes.append(error)

    def _give_up(self, path: str, error: UserError) -> None:
        if not self.gives_up:
            raise NeedsValues(path, error) from error
        self.unreachable.setdefault(path, "cannot be built on fake tensors, and is too large to build for real.")

    def _child(self, parent: Any, key: Any, path: str) -> Any:
        try:
            child = super()._child(parent, key, path)
        except UserError as error:
            self.note(error)
            child = Unbuilt()
        self._is_spoilt[-1] |= isinstance(child, Unbuilt)
        return child

    def _target_node(self, node: DictConfig, path: str, given: dict[str, Any]) -> Any:
        if path not in self._built:
            self._is_spoilt.append(False)
            try:
                self._built[path] = self._made(node, path, given)
            finally:
                self._is_spoilt.pop()
        return self._built[path]

    def _made(self, node: DictConfig, path: str, given: dict[str, Any]) -> Any:
        try:
            _refuse_to_pay(node, path)
            return super()._target_node(node, path, given)
        except UserError as error:
            if needs_values(error):
                self._give_up(path, error)
            elif not self._is_spoilt[-1]:  # or else it follows from a mistake that is noted already
                self.note(error)
            steps = {str(key): self._built[f"{path}.{key!s}"] for key in node if f"{path}.{key!s}" in self._built}
            return Unbuilt(node, steps if _is_composition(node) else None)

    def _header(self, node: DictConfig, path: str) -> tuple[str, bool, Callable[..., Any]]:
        name, is_partial, target = super()._header(node, path)
        self.offline.flag_libraries()
        return name, is_partial, peeked(target)


def out_of_reach(error: BaseException | None, of_files: bool = False) -> str | None:
    """Return why something could not be reached from here; None where an error has another reason.

    Args:
        error: What was raised.
        of_files: Whether a file or folder that is not there is out of reach too, and no mistake.
    """
    kinds = (*UNREACHABLE, OSError) if of_files else UNREACHABLE
    while error is not None:
        if isinstance(error, kinds) or type(error).__name__ in UNREACHABLE_NAMES:
            return error.what if isinstance(error, UserError) else " ".join(str(error).split())
        error = error.__cause__ or error.__context__
    return None


def _refuse_to_pay(node: DictConfig, path: str) -> None:
    """Leave it to the run to have a language model write a function, which costs money.

    Raises:
        WouldBeWrittenError: If it would be written.
        ConfigError: If it could not be, for want of a key.
    """
    if not str(node.get("_target_")).endswith(f".{AITransformWrapper.__name__}"):
        return
    prompt = node.get("transform_prompt")
    if not isinstance(prompt, str):
        return
    try:
        order = order_of(prompt, path=node.get("path") or DEFAULT_FOLDER)
        if order.file.exists() and not node.get("force"):
            return
        if not (os.environ.get("OPENAI_API_KEY") or node.get("endpoint")):
            raise order.no_key()
    except UserError as error:
        error.within(path)
        raise
    model = node.get("model", "a language model")
    raise WouldBeWrittenError(path, f"its function is not written yet; the run will ask {model} for it")


def _is_composition(node: DictConfig) -> bool:
    return str(node.get("_target_")).endswith(f".{ComposeTransform.__name__}")


def _names(mapping: Any) -> tuple[str, ...] | None:
    return tuple(str(key) for key in mapping) if isinstance(mapping, dict) else None


def _written(node: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the keys that a node says it writes; None where it does not say."""
    new = node.get("new_key", node.get("key"))
    if isinstance(new, str):
        return (new,)
    if isinstance(new, dict):
        return tuple(map(str, new.values()))
    return tuple(map(str, new)) if isinstance(new, list) else None
