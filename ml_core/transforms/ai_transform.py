"""A transform from a sentence: a language model writes the function, a file keeps it.

The file's place follows from the prompt, so a changed prompt is never answered with old code, and a prompt whose
file is there needs neither a key nor a network. Commit the files with the experiment that uses them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ml_core.batch import KeyMapping
from ml_core.constants import DEFAULT_LANGUAGE_MODEL
from ml_core.generated_code.approval import require_approved
from ml_core.generated_code.endpoint import Endpoint
from ml_core.generated_code.loading import function_of
from ml_core.generated_code.order import DEFAULT_FOLDER, order_of
from ml_core.generated_code.policy import check_code
from ml_core.generated_code.prompt import Prompt
from ml_core.generated_code.provenance import read
from ml_core.generated_code.writing import ensure_written
from ml_core.transforms.base import WrapTransform


class AITransformWrapper(WrapTransform):
    """A `WrapTransform` around a function that a language model writes from a signature and a docstring.

    Reads the keys of `mapping`; writes `new_key`. The function is the generated one itself, so that a call costs what
    one of `WrapTransform` costs; it is pickled by its file, so that workers and spawned ranks find it. Its code must
    pass a policy and a trial with limits before it is written. Neither is a sandbox: what was accepted runs with the
    rights of the process. It is shown in the log when it is new.

    Args:
        transform_prompt: Starts with `def name(parameter: type, ...) -> type:`; docstring and body say what to do,
            and doctests in it must hold.
        new_key: As for `WrapTransform`.
        mapping: As for `WrapTransform`.
        model: Model that writes the function when there is no file yet.
        path: Folder of the generated files; a relative one is below the project root.
        force: Write the function anew although there is a file; once in a command.
        api_kwargs: Further arguments of the request, such as `temperature`.
        attempts: Answers that are asked for at most, each with the report on the one before.
        require_approval: Use only a function whose file stands in `transforms.lock`.
        contract: `{parameter: {shape: [...], dtype: float32}}`, and `return` for the result, for the trial; guessed
            where there is none.
        endpoint: Where the model is asked, and the time and the calls that it may take.

    Raises:
        ConfigError: If the prompt asks for no function, or one must be written and `OPENAI_API_KEY` is not set.
        MissingPackageError: If one must be written and `openai` is not installed.
        UnavailableError: If one must be written and the model does not answer in time.
        PolicyError: If no answer was accepted, the file was changed after it was written, or it is not approved.
    """

    def __init__(
        self,
        transform_prompt: str,
        new_key: str | Sequence[str] | Mapping[str, str] | None,
        mapping: KeyMapping | None = None,
        model: str = DEFAULT_LANGUAGE_MODEL,
        path: str = DEFAULT_FOLDER,
        force: bool = False,
        api_kwargs: Mapping[str, Any] | None = None,
        attempts: int = 3,
        require_approval: bool = False,
        contract: Mapping[str, Mapping[str, Any]] | None = None,
        endpoint: Endpoint | None = None,
    ) -> None:
        order = order_of(transform_prompt, new_key, model, path, attempts, contract, api_kwargs, endpoint)
        ensure_written(order, force)
        self.prompt, self.file, self.require_approval = order.prompt, order.file, require_approval
        super().__init__(self._load(), new_key, mapping)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "transform"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.transform = self._load()

    def _load(self) -> Callable[..., Any]:
        """Run the very bytes that were read, hashed and checked; nothing is imported by name."""
        prompt: Prompt = self.prompt
        generated = read(self.file, prompt.key)
        if self.require_approval:
            require_approved(generated)
        check_code(generated.code, prompt.name, prompt.parameters, str(self.file))
        return function_of(generated.code, prompt.name, f"ml_core_generated_{generated.digest[:24]}", str(self.file))
