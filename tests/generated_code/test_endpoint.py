"""The real client against a server on this machine."""

from __future__ import annotations

import logging

import chat_server
import pytest
from chat_server import serving

from ml_core.errors import ConfigError, UnavailableError
from ml_core.generated_code.endpoint import Endpoint

MESSAGES = [{"role": "user", "content": "Say yes."}]


def test_an_answer_comes_with_model_and_token_use(monkeypatch, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    with serving(monkeypatch, "yes") as server:
        answer = Endpoint().ask("small-1", MESSAGES, {})
    assert (answer.text, answer.model, answer.finish) == ("yes", "scripted", "stop")
    assert server.requests == [{"model": "small-1", "messages": MESSAGES}]
    assert "scripted: 100 tokens in, 50 out." in caplog.text
    assert "for-tests" not in caplog.text


def test_address_and_key_may_be_named(monkeypatch):
    with serving(monkeypatch, "yes") as server:
        monkeypatch.delenv("OPENAI_BASE_URL")
        monkeypatch.delenv("OPENAI_API_KEY")
        endpoint = Endpoint(base_url=server.url, api_key="any")
        assert endpoint.has_key
        assert endpoint.ask("small-1", MESSAGES, {"temperature": 1}).text == "yes"
    assert server.requests[0]["temperature"] == 1


@pytest.mark.parametrize("status", [400, 404])
def test_a_refused_model_is_told_with_those_that_there_are(status: int, monkeypatch):
    with (
        serving(monkeypatch, chat_server.error(status, "model 'smal-1' not found")),
        pytest.raises(
            ConfigError, match=r"'smal-1' is refused: .*not found.* Did you mean 'small-1'.* large-1, small-1"
        ),
    ):
        Endpoint().ask("smal-1", MESSAGES, {})


def test_a_refused_key_is_told(monkeypatch):
    with serving(monkeypatch, chat_server.error(401)), pytest.raises(ConfigError, match="refuses the key"):
        Endpoint().ask("m", MESSAGES, {})


def test_a_try_after_a_failure_may_succeed(monkeypatch):
    with serving(monkeypatch, chat_server.error(500), "yes") as server:
        assert Endpoint(max_retries=1).ask("m", MESSAGES, {}).text == "yes"
    assert len(server.requests) == 2


def test_calls_are_capped(monkeypatch):
    monkeypatch.setattr(Endpoint, "asked", 3)
    with (
        serving(monkeypatch, "yes") as server,
        pytest.raises(ConfigError, match=r"endpoint.max_calls: 3 questions have been asked, and 3 are allowed"),
    ):
        Endpoint(max_calls=3).ask("m", MESSAGES, {})
    assert server.requests == []


@pytest.mark.parametrize("wrong", [{"timeout": 0}, {"max_retries": -1}, {"max_calls": 0}])
def test_numbers_are_in_range(wrong: dict):
    with pytest.raises(ConfigError, match="timeout must be above 0"):
        Endpoint(**wrong)


def test_a_dead_server_is_unavailable(monkeypatch):
    with pytest.raises(UnavailableError, match="gives no answer: Connection error"):
        Endpoint("http://127.0.0.1:9/v1", "any", max_retries=0).ask("m", MESSAGES, {})


@pytest.mark.money
def test_the_real_service_answers():
    assert Endpoint().ask("gpt-6-luna", MESSAGES, {}).text
