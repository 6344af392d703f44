"""What is to be written, by which model, and into which file? The arguments of an AI transform, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ml_core.constants import DEFAULT_LANGUAGE_MODEL
from ml_core.errors import ConfigError, PolicyError, listed, nearest
from ml_core.generated_code.approval import is_approved, place_of, project_root
from ml_core.generated_code.endpoint import Endpoint
from ml_core.generated_code.prompt import Prompt, parse_prompt
from ml_core.generated_code.provenance import other_keys, read

DEFAULT_FOLDER = "ai_generations/"
GENERATE = "`python ml_core/ai.py generate experiment=<name>`"
SPEC = ("shape", "dtype", "high")

State = Literal["missing", "changed", "generated", "validated", "approved"]


@dataclass(frozen=True)
class Order:
    """A function that is wanted. The arguments are those of `AITransformWrapper`."""

    prompt: Prompt
    new_key: Any = ""
    model: str = DEFAULT_LANGUAGE_MODEL
    folder: str = DEFAULT_FOLDER
    attempts: int = 3
    contract: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    api_kwargs: Mapping[str, Any] = field(default_factory=dict)
    endpoint: Endpoint = field(default_factory=Endpoint)

    @property
    def file(self) -> Path:
        """Where the function is kept; the place follows from the prompt."""
        return project_root() / self.folder / self.prompt.key[:12] / f"{self.prompt.name}.py"

    @property
    def state(self) -> State:
        """How far the function has come."""
        if not self.file.exists():
            return "missing"
        try:
            generated = read(self.file, self.prompt.key)
        except PolicyError:
            return "changed"
        if is_approved(generated):
            return "approved"
        return "validated" if generated.is_validated else "generated"

    def no_key(self) -> ConfigError:
        """Word that the function must be written, and there is no key to ask a model with."""
        others = other_keys(self.file)
        older = f" There is one for another prompt, of key {listed(others)}, which is not used." if others else ""
        return ConfigError(
            "transform_prompt",
            f"there is no file for this prompt yet ({place_of(self.file)}, key {self.prompt.key[:12]}), "
            f"and OPENAI_API_KEY is not set to have one written.{older}",
            f"Set it and run {GENERATE}, or commit the generated file.",
        )


def order_of(
    transform_prompt: str,
    new_key: Any = "",
    model: str = DEFAULT_LANGUAGE_MODEL,
    path: str = DEFAULT_FOLDER,
    attempts: int = 3,
    contract: Mapping[str, Any] | None = None,
    api_kwargs: Mapping[str, Any] | None = None,
    endpoint: Endpoint | None = None,
) -> Order:
    """Return the order that the arguments of an `AITransformWrapper` make.

    Raises:
        ConfigError: If the prompt asks for no function, or an argument is out of range.
    """
    prompt = parse_prompt(transform_prompt)
    if attempts < 1:
        raise ConfigError("attempts", f"is {attempts}, but must be at least 1.")
    known = (*prompt.parameters, "return")
    for name, spec in (contract or {}).items():
        if name not in known:
            what = f"'{name}' is no parameter of {prompt.name}.{nearest(name, known)}"
            raise ConfigError(f"contract.{name}", what, f"There are: {listed(known)}.")
        if "shape" not in spec or set(spec) - set(SPEC):
            raise ConfigError(f"contract.{name}", f"must have a shape, and may have: {listed(SPEC[1:])}.")
    plain = {name: {**spec, "shape": list(spec["shape"])} for name, spec in (contract or {}).items()}
    return Order(prompt, _plain(new_key), model, path, attempts, plain, dict(api_kwargs or {}), endpoint or Endpoint())


def _plain(new_key: Any) -> Any:
    """Return what JSON can hold."""
    if new_key is None or isinstance(new_key, str):
        return new_key
    return dict(new_key) if isinstance(new_key, Mapping) else list(new_key)
