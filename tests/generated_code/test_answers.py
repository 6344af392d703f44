"""What of an answer is code."""

from __future__ import annotations

import pytest

from ml_core.errors import PolicyError
from ml_core.generated_code.answers import Answer, code_of, extract_code

CODE = "def f(x):\n    return x\n"


@pytest.mark.parametrize("text", [CODE, f"```python\n{CODE}```", f"Sure.\n```\n{CODE}```\nBye.", f"```py\n{CODE}```"])
def test_code_is_taken_out_of_an_answer(text: str):
    assert extract_code(text) == CODE


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(CODE, "m", "length"), "not complete: finish_reason is 'length'"),
        (Answer("", "m", "stop"), "is empty"),
        (Answer(None, "m", "stop"), "is empty"),
        (Answer(f"```\n{CODE}", "m", "stop"), "not closed"),
        (Answer(f"```\n{CODE}```\n```\n{CODE}```", "m", "stop"), "2 blocks"),
    ],
)
def test_an_answer_without_one_whole_function_is_refused(answer: Answer, message: str):
    with pytest.raises(PolicyError, match=message):
        code_of(answer)
