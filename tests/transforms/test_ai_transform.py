"""Transforms that a language model writes, with the real client against a server on this machine."""

from __future__ import annotations

import copy
import pickle
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from chat_server import ChatServer, serving

from ml_core.errors import ConfigError, PolicyError
from ml_core.generated_code.endpoint import Endpoint
from ml_core.generated_code.writing import STARTED
from ml_core.transforms.ai_transform import AITransformWrapper

PROMPT = '''def normalize_data(x: torch.Tensor) -> torch.Tensor:
  """Normalize tensor to range [0, 1]."""
  return (x - x.min()) / (x.max() - x.min())
'''
CODE = """def normalize_data(x: torch.Tensor) -> torch.Tensor:
    return (x - x.min()) / (x.max() - x.min())
"""
ANSWER = f"Here you are:\n```python\n{CODE}```\nDone."


def wrapper(folder: Path, prompt: str = PROMPT, **kwargs) -> AITransformWrapper:
    return AITransformWrapper(prompt, "normalized", {"data": "x"}, path=str(folder), **kwargs)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ChatServer]:
    """A folder with the function, and what the server was asked for it."""
    folder = tmp_path_factory.mktemp("written")
    with pytest.MonkeyPatch.context() as patch, serving(patch, ANSWER) as server:
        wrapper(folder)
    return folder, server


@pytest.fixture
def folder(written: tuple[Path, ChatServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, and no key."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    return Path(shutil.copytree(written[0], tmp_path / "files"))


@pytest.fixture(autouse=True)
def _no_calls_yet() -> Iterator[None]:
    Endpoint.asked = 0
    yield
    Endpoint.asked = 0


def test_a_function_is_asked_for_once_with_model_and_messages_alone(written: tuple[Path, ChatServer]):
    (request,) = written[1].requests
    assert set(request) == {"model", "messages"}
    assert request["model"] == "gpt-5-nano"
    assert PROMPT in request["messages"][0]["content"]


def test_a_file_that_is_there_needs_neither_key_nor_network(folder: Path):
    transform = wrapper(folder)
    assert torch.equal(transform({"data": torch.tensor([1.0, 2.0, 3.0])})["normalized"], torch.tensor([0.0, 0.5, 1.0]))
    assert transform.file.name == "normalize_data.py"


def test_a_file_says_where_it_comes_from(folder: Path):
    header = wrapper(folder).file.read_text()
    for line in ("# key: ", "# model: gpt-5-nano, answered by scripted", "# validated: on made-up inputs; limits: "):
        assert line in header
    assert all(f"#   {line}" in header for line in PROMPT.splitlines())
    assert header.endswith(CODE)


def test_force_writes_it_anew_once_in_a_command(folder: Path, monkeypatch):
    monkeypatch.setenv(STARTED, str(time.time() + 0.01))
    time.sleep(0.02)
    with serving(monkeypatch, ANSWER) as server:
        for _ in range(3):
            wrapper(folder, force=True, model="another", api_kwargs={"temperature": 1})
    (request,) = server.requests
    assert (request["model"], request["temperature"]) == ("another", 1)


def test_a_refused_answer_goes_back_with_what_is_wrong(tmp_path: Path, monkeypatch):
    with serving(monkeypatch, "import os", f"```\n{CODE.replace('/ (x', '// 0 / (x')}```", ANSWER) as server:
        wrapper(tmp_path)
    assert len(server.requests) == 3
    last = [message["content"] for message in server.requests[2]["messages"]]
    assert "must hold imports and one function" in last[2]
    assert "returns a value that is not finite" in last[4]
    assert len(list((tmp_path / "refused").iterdir())) == 2


def test_attempts_are_bounded(tmp_path: Path, monkeypatch):
    with (
        serving(monkeypatch, "I cannot.") as server,
        pytest.raises(PolicyError, match="no answer of gpt-5-nano was accepted, of 2"),
    ):
        wrapper(tmp_path, attempts=2)
    assert len(server.requests) == 2


def test_it_goes_to_another_process_and_can_be_copied(folder: Path):
    for twin in (pickle.loads(pickle.dumps(wrapper(folder))), copy.deepcopy(wrapper(folder))):
        assert twin({"data": torch.tensor([0.0, 4.0])})["normalized"].tolist() == [0.0, 1.0]


def test_the_generated_function_itself_is_called(folder: Path):
    assert wrapper(folder).transform.__code__.co_name == "normalize_data"


def test_the_mapping_is_checked_against_the_generated_function(folder: Path):
    with pytest.raises(ConfigError, match="has no parameter 'data'"):
        AITransformWrapper(PROMPT, "normalized", {"x": "data"}, path=str(folder))


def test_a_file_of_another_prompt_is_refused(folder: Path):
    file = wrapper(folder).file
    text = file.read_text()
    file.write_text(text.replace("# key: ", "# key: 0"))
    with pytest.raises(PolicyError, match="was written for another prompt"):
        wrapper(folder)


def test_code_that_slips_past_the_policy_finds_no_built_ins(folder: Path, monkeypatch):
    monkeypatch.setattr("ml_core.transforms.ai_transform.check_code", lambda *args: None)
    file = wrapper(folder).file
    from ml_core.generated_code.provenance import with_header

    file.write_text(with_header("def normalize_data(x):\n    return eval('x')\n", wrapper(folder).prompt, "m", "m", ""))
    with pytest.raises(NameError, match="eval"):
        wrapper(folder)({"data": torch.tensor([1.0])})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"attempts": 0}, "attempts: is 0"),
        ({"contract": {"y": {"shape": [1]}}}, "contract.y: 'y' is no parameter of normalize_data"),
        ({"contract": {"x": {"shap": [1]}}}, "contract.x: must have a shape"),
    ],
)
def test_arguments_are_checked(wrong: dict, message: str, folder: Path):
    with pytest.raises(ConfigError, match=message):
        wrapper(folder, **wrong)
