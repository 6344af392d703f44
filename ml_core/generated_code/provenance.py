"""What does a generated file say about itself, and is it still what was written?"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ml_core.errors import PolicyError
from ml_core.generated_code.policy import POLICY_VERSION
from ml_core.generated_code.prompt import Prompt
from ml_core.generated_code.template import TEMPLATE_VERSION

HASH_LINE = "# sha256 of the code below: "
VALIDATED = "# validated: "


@dataclass(frozen=True)
class Generated:
    """A generated file, of bytes that were read once.

    Attributes:
        file: Where it lies.
        text: The whole of it.
        header: What it says about itself.
        code: The function.
        digest: sha256 of the whole file, as `sha256sum` prints it.
    """

    file: Path
    text: str
    header: str
    code: str
    digest: str

    @property
    def is_validated(self) -> bool:
        """Whether the function was run on trial before it was written."""
        return VALIDATED in self.header


def with_header(code: str, prompt: Prompt, asked: str, answered: str, validated: str) -> str:
    """Return the text of a generated file.

    Args:
        code: The function.
        prompt: What was asked for.
        asked: Model that was asked.
        answered: Model that says it has answered.
        validated: What the validation did.
    """
    lines = [
        "# Written by a language model; its hash is checked when it is loaded, so it cannot be edited.",
        f"# key: {prompt.key}",
        f"# model: {asked}, answered by {' '.join(answered.split())}",
        f"# time: {datetime.now(UTC).isoformat(timespec='seconds')}",
        f"# template: {TEMPLATE_VERSION}, policy: {POLICY_VERSION}",
        f"{VALIDATED}{validated}",
        "# prompt:",
        *(f"#   {line}".rstrip() for line in prompt.text.splitlines()),
        f"{HASH_LINE}{sha256(code.encode())}",
    ]
    return "\n".join(lines) + f"\n{code}"


def read(file: Path, key: str) -> Generated:
    """Read a generated file, once.

    Raises:
        PolicyError: If it was changed after it was written, or is that of another prompt.
    """
    data = file.read_bytes()
    text = data.decode("utf-8", errors="replace")
    header, _, rest = text.partition(HASH_LINE)
    digest, _, code = rest.partition("\n")
    if digest != sha256(code.encode()):
        raise PolicyError(
            str(file),
            "was changed after it was written.",
            "`python ml_core/ai.py diff experiment=<name>` shows it against what was approved. "
            "Delete it to have it written anew, or edit the prompt.",
        )
    if f"# key: {key}\n" not in header:
        raise PolicyError(str(file), f"was written for another prompt than that of key {key}.", "Delete it.")
    return Generated(file, text, header, code, sha256(data))


def other_keys(file: Path) -> Sequence[str]:
    """Return the keys of files of the same function name that were written for other prompts."""
    return sorted(other.parent.name for other in file.parent.parent.glob(f"*/{file.name}") if other != file)


def sha256(data: bytes) -> str:
    """Return the hash of bytes as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
