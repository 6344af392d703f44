"""Which generated code is accepted, and that a corpus of ways around is refused."""

from __future__ import annotations

import pytest
from generated_code.bypass_corpus import CORPUS, INERT
from setting import ROOT

from ml_core.errors import PolicyError
from ml_core.generated_code.policy import check_code


def test_the_corpus_is_large():
    assert len(CORPUS) >= 40
    assert set(CORPUS) > INERT


@pytest.mark.parametrize("name", [name for name in CORPUS if name not in INERT])
def test_a_way_around_is_refused(name: str):
    with pytest.raises(PolicyError):
        check_code(CORPUS[name], "f", ["x"], "file")


def test_a_refusal_names_the_line():
    with pytest.raises(PolicyError, match=r"^answer: line 3: os.system\(\) is not accepted|line 2: import os"):
        check_code("def f(x):\n    import os\n    return os.system('x')\n", "f", ["x"], "answer")


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
        "y = x.clone()\n    y[:, 0] = 0\n    y += 1\n    return y",
        "low, high = x.min(), x.max()\n    return {'low': low, 'high': high}",
        "for i, row in enumerate(x):\n        total = row.sum() + i\n    return total",
    ],
)
def test_what_computes_is_accepted(body: str):
    check_code(f"def f(x):\n    {body}\n", "f", ["x"], "file")


def test_annotations_and_plain_defaults_are_accepted():
    check_code("def f(x: torch.Tensor, low: float = -1.0) -> Tensor:\n    return x\n", "f", ["x", "low"], "file")


def test_the_documentation_tells_what_the_policy_says_to_each():
    rows = [line.split(" | ") for line in (ROOT / "docs" / "ai_transforms.md").read_text().splitlines()]
    told = {row[0].removeprefix("| "): row[1] for row in rows if len(row) >= 3}
    assert set(CORPUS) <= set(told)
    assert {name for name in CORPUS if told[name] == "**passes**"} == INERT
