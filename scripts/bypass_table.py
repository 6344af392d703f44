"""Print what policy and trial do with each snippet of the bypass corpus, as the table in docs/ai_transforms.md.

Run: python scripts/bypass_table.py
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from generated_code.bypass_corpus import CORPUS  # noqa: E402

from ml_core.errors import PolicyError  # noqa: E402
from ml_core.generated_code.policy import check_code  # noqa: E402
from ml_core.generated_code.prompt import parse_prompt  # noqa: E402
from ml_core.generated_code.validation import Limits, validate  # noqa: E402

PROMPT = parse_prompt("def f(x: torch.Tensor) -> torch.Tensor: ...")
CONTRACT = {"x": {"shape": [4], "dtype": "float32"}}


def of_policy(code: str) -> str:
    """Return what the policy says to a snippet."""
    try:
        check_code(code, "f", ["x"], "answer")
    except PolicyError as error:
        return error.what.removesuffix(" is not accepted in generated code.")
    return "**passes**"


def of_trial(code: str) -> str:
    """Return what the trial says to a snippet, as if there were no policy."""
    report = validate(code, PROMPT, "y", CONTRACT, Limits(memory=512, cpu=2, wall=6, file=1))
    return report.faults[0] if report.faults else "**runs**"


def _cell(text: str) -> str:
    text = re.sub(r"/\S*/ml_core_trial_\w+/", "", " ".join(text.split()))
    return text.replace("|", "\\|").replace("<", "&lt;")[:110]


def main() -> None:
    """Print the table."""
    print("| Snippet | Policy | Trial alone |\n|---|---|---|")
    for name, code in CORPUS.items():
        print(f"| {name} | {_cell(of_policy(code))} | {_cell(of_trial(code))} |", flush=True)


if __name__ == "__main__":
    main()
