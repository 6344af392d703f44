"""How does a command-line logger know its rank?"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, MutableMapping
from typing import Any

RANK_VARIABLES = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")


def current_rank() -> int:
    """Return the rank of this process from the variables that launchers set; 0 outside of them."""
    for name in RANK_VARIABLES:
        value = os.environ.get(name, "")
        if value.isdigit():
            return int(value)
    return 0


class RankedLogger(logging.LoggerAdapter):
    """A logger that says its rank where there are several, and can speak on rank 0 alone.

    Args:
        name: Name of the logger.
        rank_zero_only: Log on rank 0 alone.
        extra: Extra fields, as for `logging.LoggerAdapter`.
    """

    def __init__(
        self, name: str = __name__, rank_zero_only: bool = False, extra: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(logging.getLogger(name), extra=extra)
        self.rank_zero_only = rank_zero_only

    def log(  # type: ignore[override]
        self, level: int, msg: object, *args: object, rank: int | None = None, **kwargs: Any
    ) -> None:
        """Log a message with lazy `%` arguments; with `rank`, on that rank alone."""
        here = current_rank()
        wanted = rank if rank is not None else (0 if self.rank_zero_only else here)
        if here == wanted and self.isEnabledFor(level):
            kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
            super().log(level, msg, *args, **kwargs)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Put the rank in front, in runs that have several."""
        message, kwargs = super().process(msg, kwargs)
        is_one_of_many = any(os.environ.get(name, "1") != "1" for name in ("WORLD_SIZE", "SLURM_NTASKS"))
        return (f"[rank {current_rank()}] {message}" if is_one_of_many else message), kwargs
