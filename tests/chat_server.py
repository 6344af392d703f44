"""A chat server on this machine with scripted answers, for the real client: `python tests/chat_server.py <answer>`."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Script = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    server: ChatServer

    def do_GET(self) -> None:
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "us"} for name in self.server.models]
        self.reply({"object": "list", "data": models})

    def do_POST(self) -> None:
        self.server.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        answer = self.server.answers[min(len(self.server.requests), len(self.server.answers)) - 1]
        answer(self) if callable(answer) else self.say(answer)

    def say(self, text: str | None, finish: str = "stop") -> None:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
        usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
        self.reply(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 0,
                "model": "scripted",
                "choices": [choice],
                "usage": usage,
            }
        )

    def reply(self, body: Any, status: int = 200, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class ChatServer(ThreadingHTTPServer):
    """Gives its answers in turn, and the last one from then on; an answer is a text, or what replies itself."""

    daemon_threads = True

    def __init__(self, *answers: str | Script | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = list(answers)
        self.models = ["small-1", "large-1"]
        self.requests: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, *args: object) -> None:
        """A client that hangs up is part of the tests."""


def error(status: int, message: str = "no", **headers: str) -> Script:
    return lambda handler: handler.reply({"error": {"message": message, "type": "x"}}, status, **headers)


def hang(seconds: float) -> Script:
    return lambda handler: time.sleep(seconds)


def cut(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
    handler.connection.close()


def nonsense(handler: Handler) -> None:
    handler.reply(b"data: \xff\xfe nonsense\n\n", **{"Content-Type": "text/event-stream"})


def truncated(text: str) -> Script:
    return lambda handler: handler.say(text, "length")


@contextmanager
def serving(monkeypatch: pytest.MonkeyPatch, *answers: str | Script | None) -> Iterator[ChatServer]:
    """Serve in this process, with the environment of the client set."""
    server = ChatServer(*answers)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "for-tests")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    alone = ChatServer(*sys.argv[1:])
    sys.stdout.write(f"{alone.url}\n")
    sys.stdout.flush()
    alone.serve_forever()
