"""The trial of a function in a limited process, each against what it must find."""

from __future__ import annotations

import sys

import pytest

from ml_core.generated_code.contract import faults_of
from ml_core.generated_code.prompt import parse_prompt
from ml_core.generated_code.validation import Limits, validate

PROMPT = parse_prompt("def f(x: torch.Tensor) -> torch.Tensor: ...")
CONTRACT = {"x": {"shape": [4], "dtype": "float32"}, "return": {"shape": [4], "dtype": "float32"}}
OS = (
    "    classes = ().__class__.__base__.__subclasses__()\n"
    "    os = [c for c in classes if c.__name__ == '_wrap_close'][0].__init__.__globals__\n"
)
LIMITS = Limits(memory=512, file=1, cpu=2, wall=20)


def faults(body: str, new_key: object = "y", docstring: str = "", contract: dict | None = None) -> list[str]:
    """Look at a function in this process, where it is known to be harmless."""
    return faults_of(
        {
            "code": f"def f(x):\n    {body}\n",
            "name": "f",
            "parameters": {"x": "torch.Tensor"},
            "optional": [],
            "returns": "torch.Tensor",
            "docstring": docstring,
            "new_key": new_key,
            "contract": CONTRACT if contract is None else contract,
        }
    )


def test_a_sound_function_passes():
    assert faults("return x * 2") == []
    assert faults("return x * 2", contract={}) == []
    assert faults("return x * torch.tensor([1.0, 2.0, 3.0, 4.0])") == []
    assert faults("return x + torch.rand(4, device=x.device)") == []  # repeatable under one seed


@pytest.mark.parametrize(
    ("body", "new_key", "fault"),
    [
        ("return None", "y", "returns nothing for the key 'y'"),
        ("return x", ["a", "b"], "does not return 2 values for new_key ['a', 'b']"),
        ("return {'a': x}", {"b": "y"}, "returns nothing under 'b', which new_key takes"),
        ("return x", None, "returns Tensor, not a dict of new keys"),
        ("return x[:2]", "y", "returns the shape [2], not [4]"),
        ("return x.double()", "y", "returns the dtype float64, not float32"),
        ("return x / 0", "y", "returns a value that is not finite, on x float32 [4]"),
        ("return x.add_(1)", "y", "changes its argument x"),
        ("torch.seed()\n    return torch.rand(4)", "y", "returns something else at each call under one seed"),
        ("return torch.zeros(4)", "y", "returns a tensor on the device cpu, not that of its arguments"),
        ("return [1.0]", "y", "returns list, not torch.Tensor"),
        ("raise ValueError('no')", "y", "fails on x float32 [4]: ValueError: no"),
    ],
)
def test_a_broken_contract_is_named(body: str, new_key: object, fault: str):
    assert fault in faults(body, new_key)


def test_an_example_of_the_prompt_must_hold():
    example = ">>> f(torch.tensor([1.0]))\ntensor([2.])\n"
    assert faults("return x * 2", docstring=example) == []
    (fault,) = faults("return x * 3", docstring=example)
    assert "an example of the prompt does not hold" in fault
    assert "Expected: tensor([2.]) Got: tensor([3.])" in fault


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("    while True:\n        pass\n", "ran into the limit of"),
        ("    y = [0] * 10**11\n    return x\n", "limit of memory"),
        (f"{OS}    for i in range(50):\n        os['fork']()\n    return x\n", "limit of processes"),
        (
            f"{OS}    f = os['open']('big', 65)\n    for i in range(50):\n        os['write'](f, b'0' * 10**6)\n",
            "file size",
        ),
    ],
    ids=["cpu", "memory", "processes", "file"],
)
def test_a_limit_ends_the_trial_and_is_named(body: str, fault: str):
    report = validate(f"def f(x):\n{body}", PROMPT, "y", CONTRACT, LIMITS)
    if fault == "limit of processes" and "processes 0" not in report.limits:
        pytest.skip("this system does not limit processes")
    assert fault in str(report)


def test_the_trial_has_an_empty_environment_and_tells_its_limits(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    code = f"def f(x):\n{OS}    raise os['environ'].get('OPENAI_API_KEY', 'no key') and ValueError(os['environ'])\n"
    report = validate(code, PROMPT, "y", CONTRACT, LIMITS)
    assert "ValueError: environ" in str(report)
    assert "secret" not in str(report)
    assert "wall clock 20 s" in report.limits
    assert sys.platform != "linux" or {"memory 512 MiB", "cpu 2 s", "file 1 MiB"} <= set(report.limits)
