"""How is a language model asked, and what happens when it does not answer?"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ml_core.errors import ConfigError, MissingPackageError, UnavailableError, UserError, listed, nearest
from ml_core.generated_code.answers import Answer
from ml_core.utils.packages import install_hint
from ml_core.utils.pylogger import RankedLogger

if TYPE_CHECKING:
    from openai import OpenAI

log = RankedLogger(__name__)

Message = Mapping[str, str]


class Endpoint:
    """A server that speaks OpenAI's Chat Completions: OpenAI's own, vLLM, llama.cpp, Ollama.

    Args:
        base_url: Address, such as `http://127.0.0.1:8000/v1`; `OPENAI_BASE_URL` or OpenAI's own by default.
        api_key: Write `${oc.env:MY_KEY}`, never the key itself; `OPENAI_API_KEY` by default.
        timeout: Seconds for an answer, all retries included.
        max_retries: Further tries after a 429, a 5xx or a lost connection.
        max_calls: Questions that one process may ask, all its transforms together.

    Raises:
        ConfigError: If a number is out of range.
    """

    asked = 0
    """Questions that this process has asked so far."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float = 60.0,
        max_retries: int = 2,
        max_calls: int = 20,
    ) -> None:
        if timeout <= 0 or max_retries < 0 or max_calls < 1:
            raise ConfigError("timeout", "timeout must be above 0, max_retries at least 0 and max_calls at least 1.")
        self.base_url, self.timeout = base_url, timeout
        self.max_retries, self.max_calls = max_retries, max_calls
        self._api_key = api_key

    @property
    def has_key(self) -> bool:
        """Whether there is a key to ask with."""
        return bool(self._api_key or os.environ.get("OPENAI_API_KEY"))

    def ask(self, model: str, messages: Sequence[Message], api_kwargs: Mapping[str, Any]) -> Answer:
        """Return the answer of a model to a conversation; nothing but model and messages is sent unless asked for.

        Raises:
            UnavailableError: If there is no answer in time.
            ConfigError: If the server refuses the key, the model or an argument, or `max_calls` is used up.
            MissingPackageError: If `openai` is not installed.
        """
        client = self._client()
        self._spend()
        arguments: dict[str, Any] = {"model": model, "messages": list(messages), **api_kwargs}
        try:
            said = self._in_time(lambda: client.chat.completions.create(**arguments))
        except UserError:
            raise
        except Exception as error:
            raise self._refusal(error, client, model) from error
        return _answer(said, model)

    def _client(self) -> OpenAI:
        try:
            from openai import OpenAI
        except ImportError as error:
            raise MissingPackageError(
                "transform_prompt", "needs the package 'openai'.", install_hint("openai")
            ) from error
        return OpenAI(base_url=self.base_url, api_key=self._api_key, timeout=self.timeout, max_retries=self.max_retries)

    def _spend(self) -> None:
        if Endpoint.asked >= self.max_calls:
            raise ConfigError(
                "endpoint.max_calls", f"{Endpoint.asked} questions have been asked, and {self.max_calls} are allowed."
            )
        Endpoint.asked += 1

    def _in_time(self, call: Callable[[], Any]) -> Any:
        """Call in a thread that is left behind when it takes too long: the client's time-out is for each read."""
        results: queue.Queue[tuple[Any, Exception | None]] = queue.Queue()

        def work() -> None:
            try:
                results.put((call(), None))
            except Exception as error:
                results.put((None, error))

        threading.Thread(target=work, daemon=True).start()
        try:
            result, error = results.get(timeout=self.timeout)
        except queue.Empty:
            raise UnavailableError(
                "transform_prompt", f"the language model has not answered within {self.timeout:g} seconds.", TRY_AGAIN
            ) from None
        if error is not None:
            raise error
        return result

    def _refusal(self, error: Exception, client: OpenAI, model: str) -> UserError:
        import openai

        if isinstance(error, (openai.AuthenticationError, openai.OAuthError)):
            return ConfigError("OPENAI_API_KEY", f"the server refuses the key: {_words(error)}.")
        permanent = (openai.NotFoundError, openai.BadRequestError, openai.PermissionDeniedError)
        if not isinstance(error, (*permanent, openai.UnprocessableEntityError)):
            return UnavailableError(
                "transform_prompt", f"the language model gives no answer: {_words(error)}.", TRY_AGAIN
            )
        try:
            offered = sorted(known.id for known in self._in_time(lambda: list(client.models.list())))
        except Exception as failed:
            return ConfigError("model", f"'{model}' is refused: {_words(error)}; no list of models: {_words(failed)}.")
        what = f"'{model}' is refused: {_words(error)}.{nearest(model, offered) if model not in offered else ''}"
        return ConfigError("model", what, f"The server offers: {listed(offered)}.")


TRY_AGAIN = "Nothing was written; the same command tries again."


def _answer(said: Any, model: str) -> Answer:
    choices: Any = getattr(said, "choices", None)
    message = getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
    if message is None:
        raise UnavailableError("transform_prompt", f"the server's answer is no chat completion: {str(said)[:80]!r}.")
    usage = getattr(said, "usage", None)
    if usage is not None:
        log.info("%s: %s tokens in, %s out.", said.model or model, usage.prompt_tokens, usage.completion_tokens)
    return Answer(message.content, said.model or model, choices[0].finish_reason or "none")


def _words(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:300] or type(error).__name__
