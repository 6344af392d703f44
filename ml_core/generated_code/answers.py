"""Which code does a model's answer hold, and where does an answer go that is of no use?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ml_core.errors import PolicyError

FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL)
REFUSED = "refused"
"""Folder of the raw answers that were not used, beside the files."""


@dataclass(frozen=True)
class Answer:
    """What a model said.

    Attributes:
        text: Its words; None where there are none.
        model: The model that says it has answered.
        finish: Why it stopped, in the words of the protocol.
    """

    text: str | None
    model: str
    finish: str


def code_of(answer: Answer) -> str:
    """Return the code of an answer, without the fence and the words around it.

    Raises:
        PolicyError: If the answer is empty, cut off, or holds more than one block of code.
    """
    if answer.finish != "stop":
        raise PolicyError("answer", f"it is not complete: finish_reason is '{answer.finish}'.")
    if not (answer.text or "").strip():
        raise PolicyError("answer", "it is empty.")
    return extract_code(answer.text)


def extract_code(text: str | None) -> str:
    """Return what stands in the one fence of a text, or the whole text where it has none.

    Raises:
        PolicyError: If there are several fences, or one is not closed.
    """
    blocks = FENCE.findall(text or "")
    if len(blocks) > 1:
        raise PolicyError("answer", f"it holds {len(blocks)} blocks of code, not one.")
    if not blocks and "```" in (text or ""):
        raise PolicyError("answer", "its block of code is not closed.")
    return f"{(blocks[0] if blocks else text or '').strip()}\n"


def keep_aside(answer: Answer, file: Path, reason: str) -> Path:
    """Keep an answer that is not used, with the reason, where nothing loads it, and return its file."""
    folder = file.parent.parent / REFUSED
    folder.mkdir(parents=True, exist_ok=True)
    count = len(list(folder.glob(f"{file.parent.name}-*.txt")))
    aside = folder / f"{file.parent.name}-{count + 1}.txt"
    aside.write_text(f"{file.stem} by {answer.model}: {reason}\n\n{answer.text}", encoding="utf-8")
    return aside
