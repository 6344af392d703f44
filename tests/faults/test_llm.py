"""Rows L1 to L17 of the faults: a language model that fails, and code that nobody should run."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import chat_server
import pytest
import torch
from chat_server import ChatServer, serving
from processes import run_python
from setting import ROOT

from ml_core.errors import ConfigError, PolicyError, UnavailableError
from ml_core.generated_code.approval import approve
from ml_core.generated_code.commands import diff, generate
from ml_core.generated_code.endpoint import Endpoint
from ml_core.generated_code.order import order_of
from ml_core.generated_code.provenance import read
from ml_core.transforms.ai_transform import AITransformWrapper

PROMPT = 'def doubled(x: torch.Tensor) -> torch.Tensor:\n  """Return twice x."""\n'
CODE = "def doubled(x: torch.Tensor) -> torch.Tensor:\n    return 2 * x\n"
ANSWER = f"```python\n{CODE}```"
PROGRAM = f"""
import sys
from ml_core.transforms.ai_transform import AITransformWrapper
print(AITransformWrapper({PROMPT!r}, "y", {{"a": "x"}}, path=sys.argv[1]).file.read_bytes().hex())
"""


def wrapper(folder: Path, prompt: str = PROMPT, **kwargs) -> AITransformWrapper:
    return AITransformWrapper(prompt, "y", {"a": "x"}, path=str(folder), **kwargs)


def files(folder: Path) -> list[Path]:
    return list(folder.rglob("*.py"))


@pytest.fixture(autouse=True)
def _no_calls_yet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Endpoint, "asked", 0)
    monkeypatch.setenv("PROJECT_ROOT", str(tmp_path))


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The generated file, and its place in its folder."""
    folder = tmp_path_factory.mktemp("written")
    with pytest.MonkeyPatch.context() as patch, serving(patch, ANSWER):
        file = wrapper(folder).file
    return file.read_text(), file.relative_to(folder).as_posix()


@pytest.fixture
def folder(text: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    file = tmp_path / "files" / text[1]
    file.parent.mkdir(parents=True)
    file.write_text(text[0])
    return tmp_path / "files"


def test_l1_an_approved_file_needs_no_key(folder: Path):
    approve(read(files(folder)[0], order_of(PROMPT).prompt.key))
    assert wrapper(folder, require_approval=True)({"a": torch.ones(2)})["y"].tolist() == [2.0, 2.0]


def test_l2_without_file_and_key_the_command_is_told(tmp_path: Path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError, match=r"ai_generations/\w{12}/doubled.py, key \w{12}.*ai.py generate") as raised:
        wrapper(Path("ai_generations"))
    assert raised.value.exit_code == 64


@pytest.mark.parametrize(
    "fault",
    [chat_server.hang(5), chat_server.error(429), chat_server.error(500), chat_server.cut, chat_server.nonsense],
    ids=["hangs", "429", "500", "cut", "nonsense"],
)
def test_l3_a_server_that_fails_ends_in_time_and_leaves_nothing(fault: chat_server.Script, tmp_path: Path, monkeypatch):
    started = time.monotonic()
    with serving(monkeypatch, fault) as server, pytest.raises(UnavailableError) as raised:
        wrapper(tmp_path, endpoint=Endpoint(timeout=1.5, max_retries=1))
    assert raised.value.exit_code == 75
    assert time.monotonic() - started < 5
    assert len(server.requests) <= 2
    assert files(tmp_path) == []


def test_l4_a_changed_prompt_is_never_answered_with_old_code(folder: Path):
    old = files(folder)[0].parent.name
    with pytest.raises(ConfigError, match=f"There is one for another prompt, of key {old}") as raised:
        wrapper(folder, PROMPT.replace("twice", "thrice"))
    assert order_of(PROMPT.replace("twice", "thrice")).prompt.key[:12] in str(raised.value)


def test_l5_two_prompts_of_one_name_are_two_files():
    one, other = order_of(PROMPT), order_of(PROMPT.replace("twice", "thrice"))
    assert one.file != other.file
    assert one.file.name == other.file.name


@pytest.mark.parametrize("name", ["json", "random", "class", "../x", "torch", "print", "_hidden"])
def test_l6_a_name_that_is_taken_or_none_is_refused(name: str):
    with pytest.raises(ConfigError) as raised:
        order_of(f"def {name}(x): ...")
    assert raised.value.exit_code == 64


@pytest.mark.parametrize("answer", ["Sure! Here it is.", chat_server.truncated(ANSWER), "", None, f"```python\n{CODE}"])
def test_l7_an_answer_without_the_function_is_kept_aside(answer, tmp_path: Path, monkeypatch):
    with serving(monkeypatch, answer), pytest.raises(PolicyError, match="no answer of"):
        wrapper(tmp_path, attempts=1)
    assert files(tmp_path) == []
    (aside,) = (tmp_path / "refused").iterdir()
    assert "doubled by scripted: " in aside.read_text()


def test_l8_code_at_the_top_is_named_and_never_run(tmp_path: Path, monkeypatch):
    marker = tmp_path / "marker"
    code = f"import os\nos.system('touch {marker}')\n{CODE}"
    with (
        serving(monkeypatch, f"```\n{code}```"),
        pytest.raises(PolicyError, match="line 2: must hold imports and one function, and nothing else"),
    ):
        wrapper(tmp_path / "files", attempts=1)
    assert not marker.exists()


@pytest.mark.slow
def test_l11_eight_processes_make_one_call(tmp_path: Path):
    server = ChatServer(ANSWER)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = os.environ | {
        "OPENAI_BASE_URL": server.url,
        "OPENAI_API_KEY": "x",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) for _ in range(8)]
    results = {hashlib.sha256(process.communicate(timeout=300)[0]).hexdigest() for process in started}
    server.shutdown()
    server.server_close()
    assert [process.returncode for process in started] == [0] * 8
    assert (len(server.requests), len(files(tmp_path)), len(results)) == (1, 1, 1)


@pytest.mark.slow
def test_l12_a_killed_process_leaves_no_lock_and_no_torn_file(tmp_path: Path, monkeypatch):
    with serving(monkeypatch, chat_server.hang(30), ANSWER) as server:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], env=environment)
        until = time.monotonic() + 60
        while not server.requests and time.monotonic() < until:
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert files(tmp_path) == []
        assert wrapper(tmp_path)({"a": torch.ones(1)})["y"].tolist() == [2.0]


def test_l13_an_edit_after_approval_is_refused_and_shown(folder: Path, capsys: pytest.CaptureFixture[str]):
    file, order = files(folder)[0], order_of(PROMPT, path=str(folder))
    approve(read(file, order.prompt.key))
    assert order.state == "approved"
    file.write_text(file.read_text() + " ")
    with pytest.raises(PolicyError, match=r"was changed after it was written.*ai.py diff") as raised:
        wrapper(folder, require_approval=True)
    assert raised.value.exit_code == 77
    assert order.state == "changed"
    diff("data.transform", order)
    assert "\n+ \n" in capsys.readouterr().out


def test_l13_a_file_with_a_new_hash_needs_a_new_approval(folder: Path, text: tuple[str, str]):
    with pytest.raises(PolicyError, match=r"is not approved.*ai.py approve") as raised:
        wrapper(folder, require_approval=True)
    assert raised.value.exit_code == 77
    file = files(folder)[0]
    approve(read(file, order_of(PROMPT).prompt.key))
    file.write_text(text[0].replace("# time: 2", "# time: 3"))
    with pytest.raises(PolicyError, match="was changed after it was approved"):
        wrapper(folder, require_approval=True)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs users")
def test_l14_folders_that_cannot_be_written_to_are_read(folder: Path):
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    assert wrapper(folder)({"a": torch.ones(1)})["y"].tolist() == [2.0]
    assert not list(folder.rglob(".lock"))  # reading takes no lock
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)


@pytest.mark.slow
def test_l15_spawned_workers_find_the_function(folder: Path):
    program = (
        "import sys, torch\n"
        "from ml_core.transforms.ai_transform import AITransformWrapper\n"
        "if __name__ == '__main__':\n"
        f"    step = AITransformWrapper({PROMPT!r}, 'y', {{'a': 'x'}}, path=sys.argv[1])\n"
        "    rows = [{'a': torch.ones(1)}] * 4\n"
        "    loader = torch.utils.data.DataLoader(rows, 2, num_workers=1, multiprocessing_context='spawn',\n"
        "                                         collate_fn=Collate(step))\n"
        "    print([batch['y'].sum().item() for batch in loader])\n"
    )
    collate = (
        "class Collate:\n    def __init__(self, step):\n        self.step = step\n"
        "    def __call__(self, rows):\n        return self.step({'a': rows[0]['a']})\n"
    )
    script = folder / "program.py"
    script.write_text(collate + program)
    assert "[2.0, 2.0]" in run_python(script, folder, PYTHONPATH=str(ROOT)).stdout


def test_l16_a_wrong_contract_is_named_in_the_refusal(tmp_path: Path, monkeypatch):
    contract = {"x": {"shape": [4], "dtype": "float32"}, "return": {"shape": [4], "dtype": "int64"}}
    with (
        serving(monkeypatch, ANSWER.replace("2 * x", "x.add_(1)")),
        pytest.raises(PolicyError, match="changes its argument x; returns the dtype float32, not int64"),
    ):
        wrapper(tmp_path, attempts=1, contract=contract)


def test_l17_only_the_prompt_and_the_shapes_are_sent(tmp_path: Path, monkeypatch):
    order = order_of(PROMPT, path=str(tmp_path), contract={"x": {"shape": [4, 2], "dtype": "float32"}})
    with serving(monkeypatch, ANSWER) as server:
        generate("data.transform", order)
    (message,) = server.requests[0]["messages"]
    assert message["content"].endswith(f"{order.prompt.text}\n\nShapes and types:\n- x: float32 [4, 2]\n")
