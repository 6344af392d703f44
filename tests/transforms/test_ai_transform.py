"""Transforms that a language model writes, with the real client against a server on this machine."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from ml_core.errors import ConfigError, PolicyError
from ml_core.transforms.ai_policy import check_code
from ml_core.transforms.ai_transform import AITransformWrapper, extract_code, parse_prompt

PROMPT = '''
def normalize_data(x: torch.Tensor) -> torch.Tensor:
    """Normalize tensor to range [0, 1]."""
'''
CODE = '''def normalize_data(x: torch.Tensor) -> torch.Tensor:
    """Normalize tensor to range [0, 1]."""
    return (x - x.min()) / (x.max() - x.min())
'''


class Server:
    """A chat model on this machine that gives one answer to everything and keeps the requests."""

    def __init__(self) -> None:
        self.answer = f"Here you are:\n```python\n{CODE}```\nDone."
        self.requests: list[dict] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                message = {"role": "assistant", "content": outer.answer}
                choice = {"index": 0, "message": message, "finish_reason": "stop"}
                body = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *args) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    running = Server()
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{running.http.server_port}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "for-tests")
    yield running
    running.http.shutdown()
    running.http.server_close()


def wrapper(folder: Path, prompt: str = PROMPT, **kwargs) -> AITransformWrapper:
    return AITransformWrapper(prompt, "normalized", {"data": "x"}, path=str(folder), **kwargs)


def test_a_function_is_written_once_and_used(server: Server, tmp_path: Path):
    transform = wrapper(tmp_path)
    assert torch.equal(transform({"data": torch.tensor([1.0, 2.0, 3.0])})["normalized"], torch.tensor([0.0, 0.5, 1.0]))
    assert len(server.requests) == 1
    assert server.requests[0]["model"] == "gpt-5-nano"
    assert not {"max_tokens", "temperature"} & set(server.requests[0])
    assert transform.file.name == "normalize_data.py"


def test_a_file_that_is_there_needs_neither_key_nor_network(server: Server, tmp_path: Path, monkeypatch):
    wrapper(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert wrapper(tmp_path)({"data": torch.tensor([0.0, 4.0])})["normalized"].tolist() == [0.0, 1.0]
    assert len(server.requests) == 1


def test_force_writes_it_anew(server: Server, tmp_path: Path):
    wrapper(tmp_path)
    wrapper(tmp_path, force=True, model="another", api_kwargs={"temperature": 1})
    assert [request["model"] for request in server.requests] == ["gpt-5-nano", "another"]
    assert server.requests[1]["temperature"] == 1


def test_a_changed_prompt_is_never_answered_with_old_code(server: Server, tmp_path: Path, monkeypatch):
    first = wrapper(tmp_path)
    second = wrapper(tmp_path, PROMPT.replace("[0, 1]", "[0, 2]"))
    assert first.file != second.file
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ConfigError, match="there is no file for this prompt yet, and OPENAI_API_KEY is not set"):
        wrapper(tmp_path, PROMPT.replace("[0, 1]", "[0, 3]"))


def test_a_file_that_was_edited_is_refused(server: Server, tmp_path: Path):
    file = wrapper(tmp_path).file
    file.write_text(file.read_text() + "\n")
    with pytest.raises(PolicyError, match="was changed after it was written"):
        wrapper(tmp_path)


def test_it_goes_to_another_process(server: Server, tmp_path: Path):
    copy = pickle.loads(pickle.dumps(wrapper(tmp_path)))
    assert copy({"data": torch.tensor([0.0, 4.0])})["normalized"].tolist() == [0.0, 1.0]


def test_the_mapping_is_checked_against_the_generated_function(server: Server, tmp_path: Path):
    with pytest.raises(ConfigError, match="has no parameter 'data'"):
        AITransformWrapper(PROMPT, "normalized", {"x": "data"}, path=str(tmp_path))


@pytest.mark.parametrize("answer", ["", None, "I cannot do that.", "```python\ndef other(x):\n    return x\n```"])
def test_an_answer_without_the_function_leaves_no_file(answer, server: Server, tmp_path: Path):
    server.answer = answer
    with pytest.raises(PolicyError):
        wrapper(tmp_path)
    assert not list(tmp_path.rglob("*.py"))


@pytest.mark.parametrize(
    "prompt", ["normalize the data", "Please: def f(x): pass", "def f(x: pass", "def f(x):\n    pass\nf(1)", "def f(x)"]
)
def test_a_prompt_must_be_one_function(prompt: str):
    with pytest.raises(ConfigError, match=r"^transform_prompt: "):
        parse_prompt(prompt)


@pytest.mark.parametrize("answer", [CODE, f"```python\n{CODE}```", f"Sure.\n```\n{CODE}```\nBye."])
def test_code_is_taken_out_of_an_answer(answer: str):
    assert extract_code(answer) == CODE


@pytest.mark.parametrize(
    "body",
    [
        "return torch.clamp(x, 0, 1)",
        "return torch.nn.functional.softmax(x, dim=-1)",
        "return F.one_hot(x, 10).float()",
        "return x.flatten(1) * math.sqrt(2)",
        "import torch.nn.functional as G\n    return G.relu(x)",
        "parts = [row * 2 for row in x]\n    return torch.stack(parts)",
        "if x.ndim != 2:\n        raise ValueError('two dimensions')\n    return x.T",
        "return x.to(torch.float16)",
    ],
)
def test_what_computes_is_accepted(body: str):
    check_code(f"def f(x):\n    {body}\n", "f", ["x"], "file")


@pytest.mark.parametrize(
    "body",
    [
        "import os\n    return os.system('true')",
        "from os import system\n    return x",
        "return eval('1')",
        "return __import__('os')",
        "return open('x')",
        "return torch.load('x')",
        "return torch.save(x, 'y')",
        "return torch.from_file('x')",
        "return torch.hub.load('a', 'b')",
        "return torch.ops.load_library('x')",
        "return torch.utils.data.Dataset",
        "return torch.serialization.load('x')",
        "return x.__class__",
        "return ().__class__.__bases__",
        "return '{0.__class__}'.format(x)",
        "return getattr(x, 'shape')",
        "return [eval][0]('1')",
        "return (lambda: 1)()",
        "return x.numpy().tofile('y')",
        "return x.apply_(print)",
        "global y\n    return x",
        "return f'{x.__dict__}'",
        "class A:\n        pass\n    return x",
        "return type(x)",
        "with x:\n        return x",
        "try:\n        return x\n    except ValueError:\n        return x",
        "while True:\n        pass",
        "return (y := x)",
        "yield x",
        "return torch.nn.Module",
        "return math.__loader__",
    ],
)
def test_what_reaches_further_is_refused(body: str):
    with pytest.raises(PolicyError):
        check_code(f"def f(x):\n    {body}\n", "f", ["x"], "file")


@pytest.mark.parametrize(
    "code",
    [
        "import os\ndef f(x):\n    return x\n",
        "print('hello')\ndef f(x):\n    return x\n",
        "@exec\ndef f(x):\n    return x\n",
        "def f(x):\n    return x\ndef g(x):\n    return x\n",
        "def f(x, y=eval('1')):\n    return x\n",
        "def f(y):\n    return y\n",
        "def f(x:\n",
    ],
)
def test_only_the_function_that_was_asked_for_is_accepted(code: str):
    with pytest.raises(PolicyError):
        check_code(code, "f", ["x"], "file")


def test_a_name_that_slips_past_the_policy_is_still_not_there(server: Server, tmp_path: Path):
    server.answer = "def normalize_data(x):\n    return sorted(x.tolist(), key=eval)\n"
    with pytest.raises(NameError, match="eval"):
        wrapper(tmp_path)({"data": torch.tensor([1.0])})
