"""What did a check find?"""

from __future__ import annotations

from dataclasses import dataclass, field

from ml_core.errors import UserError


@dataclass(frozen=True)
class Note:
    """Worth knowing, and no mistake.

    Attributes:
        where: YAML path.
        what: One sentence.
    """

    where: str
    what: str


@dataclass
class Findings:
    """All that a check has to say.

    Attributes:
        errors: Mistakes; each would end or spoil the run.
        notes: Things that may be meant so.
        unchecked: What could not be looked at, and why.
    """

    errors: list[UserError] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    unchecked: list[Note] = field(default_factory=list)
