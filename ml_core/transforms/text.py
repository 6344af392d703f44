"""Noise on token ids, for augmentation and for learning without labels: a whole batch at a time.

The random numbers are torch's, which the data loader seeds before it calls `data.augment`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ml_core.batch import Batch, missing_key
from ml_core.errors import ConfigError, DataError

IGNORED = -100
"""What the losses of torch leave out."""


class TokenDropout:
    """Replace random tokens by one id, so that a network does not lean on single words.

    Reads and writes `key`; reads `mask` where it is named. Iyyer et al., Deep Unordered Composition Rivals Syntactic
    Methods for Text Classification, 2015.

    Args:
        key: Ids `[batch, length]`.
        p: Share of the tokens.
        value: What stands in their place, such as the id of the unknown token.
        mask: Key of a bool tensor that is true where there is a token; null to treat all alike.
        keep: Ids that are never replaced.

    Raises:
        ConfigError: If `p` is no share.
        BatchKeyError: When it is called on a batch that lacks a key.
        DataError: When the ids are no tensor of whole numbers.
    """

    def __init__(self, key: str, p: float, value: int, mask: str | None = "mask", keep: Sequence[int] = ()) -> None:
        require_share("p", p)
        self.key, self.p, self.value, self.mask, self.keep = key, p, value, mask, tuple(keep)
        self.reads = (key, mask) if mask else (key,)
        self.writes = (key,)

    def __call__(self, batch: Batch) -> Batch:
        """Return the noisy ids."""
        ids = _ids(batch, self.key)
        chosen = _chosen(batch, ids, self.p, self.mask, self.keep)
        return {self.key: ids.masked_fill(chosen, self.value)}


class MaskTokens:
    """Hide random tokens and ask for them: the task of a masked language model.

    Of the chosen tokens 80 % become the mask, 10 % a random token, and 10 % stay. Reads and writes `key`; reads
    `mask` where it is named; writes `target`: the ids that were chosen, -100 elsewhere. Devlin et al., BERT, 2019.

    Args:
        key: Ids `[batch, length]`.
        mask_id: Id of the mask token.
        num_tokens: Number of ids that random tokens are drawn from.
        p: Share of the tokens that are chosen.
        target: Key for what is asked for.
        mask: Key of a bool tensor that is true where there is a token; null to treat all alike.
        keep: Ids that are never chosen or drawn, such as padding and marks.

    Raises:
        ConfigError: If `p` is no share, or there are no ids to draw from.
        BatchKeyError: When it is called on a batch that lacks a key.
        DataError: When the ids are no tensor of whole numbers.
    """

    def __init__(
        self,
        key: str,
        mask_id: int,
        num_tokens: int,
        p: float = 0.15,
        target: str = "target",
        mask: str | None = "mask",
        keep: Sequence[int] = (),
    ) -> None:
        require_share("p", p)
        self.key, self.mask_id, self.p, self.target, self.mask = key, mask_id, p, target, mask
        self.keep = (*keep, mask_id)
        self.drawn = torch.tensor([token for token in range(num_tokens) if token not in self.keep])
        if not len(self.drawn):
            raise ConfigError("num_tokens", f"is {num_tokens}, which leaves no token to draw.")
        self.reads = (key, mask) if mask else (key,)
        self.writes = (key, target)

    def __call__(self, batch: Batch) -> Batch:
        """Return the ids with some of them hidden, and what they were."""
        ids = _ids(batch, self.key)
        chosen = _chosen(batch, ids, self.p, self.mask, self.keep)
        draw = torch.rand(ids.shape, device=ids.device)
        random = self.drawn[torch.randint(len(self.drawn), ids.shape)].to(ids)
        hidden = torch.where(draw < 0.8, torch.full_like(ids, self.mask_id), torch.where(draw < 0.9, random, ids))
        return {self.key: torch.where(chosen, hidden, ids), self.target: ids.masked_fill(~chosen, IGNORED)}


def require_share(name: str, value: Any) -> None:
    """Require a number from 0 to 1.

    Raises:
        ConfigError: If it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ConfigError(name, f"is {value!r}, but must be a share from 0 to 1.")


def _ids(batch: Mapping[str, Any], key: str) -> Tensor:
    if key not in batch:
        raise missing_key(key, batch, "key")
    ids = batch[key]
    if not isinstance(ids, Tensor) or ids.is_floating_point() or ids.dtype == torch.bool:
        kind = ids.dtype if isinstance(ids, Tensor) else type(ids).__name__
        raise DataError("key", f"'{key}' is {kind}, not a tensor of ids.", "Pad ragged rows first, with PadCollate.")
    return ids


def _chosen(batch: Mapping[str, Any], ids: Tensor, p: float, mask: str | None, keep: Sequence[int]) -> Tensor:
    """Return which tokens are chosen."""
    chosen = torch.rand(ids.shape, device=ids.device) < p
    if mask is not None:
        if mask not in batch:
            raise missing_key(mask, batch, "mask")
        chosen &= batch[mask]
    for value in keep:
        chosen &= ids != value
    return chosen
