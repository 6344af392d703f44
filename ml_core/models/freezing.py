"""Which weights stand still, and until when?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from ml_core.errors import ConfigError, listed, nearest
from ml_core.models.weight_patterns import matching

WHERE = "model.freeze"
KEYS = ("match", "until_epoch")

FreezeRule = Mapping[str, Any]


class Freezing:
    """Weights that patterns freeze, for the whole training or until an epoch.

    Those frozen for good require no gradient and are no business of the optimizer. Those frozen until an epoch
    belong to it from the start, and get no step before. Layers whose weights are all frozen are in evaluation mode,
    so that running statistics stand still and nothing is dropped.

    Args:
        rules: One `{match, until_epoch}` or a list of them; `until_epoch` counts from 0 and may be left out.
        module: Whose weights are meant.

    Raises:
        ConfigError: If a pattern matches nothing or a value is none that can be.
    """

    def __init__(self, rules: FreezeRule | Sequence[FreezeRule] | None, module: nn.Module) -> None:
        self.module = module
        self.until: dict[str, float] = {}
        named = dict(module.named_parameters())
        for where, rule in _listed(rules):
            end = _end(rule, where)
            for name in matching(rule.get("match", ""), named, f"{where}.match"):
                self.until[name] = max(end, self.until.get(name, 0))
        self._weights = {name: named[name] for name in self.until}

    def freeze_for_good(self) -> None:
        """Take the gradient from the weights that are never trained; before devices share the module."""
        for name, weight in self._weights.items():
            if self.until[name] == float("inf"):
                weight.requires_grad_(False)

    def frozen(self, epoch: int) -> dict[str, nn.Parameter]:
        """Return the weights that stand still in an epoch."""
        return {name: weight for name, weight in self._weights.items() if epoch < self.until[name]}

    def set_modes(self, epoch: int) -> None:
        """Put layers whose weights are all frozen into evaluation mode, and those that thawed back."""
        if not self.until:
            return
        still = {id(weight) for weight in self.frozen(epoch).values()}
        ever = {id(weight) for weight in self._weights.values()}
        for layer in self.module.modules():
            weights = {id(weight) for weight in layer.parameters()}
            if weights and weights <= ever:
                layer.train(not weights <= still)

    def drop_gradients(self, epoch: int) -> None:
        """Take away the gradients of weights that stand still, so that the optimizer passes them over.

        They are computed all the same: devices that share gradients must agree on which there are.
        """
        for weight in self.frozen(epoch).values():
            weight.grad = None


def _listed(rules: FreezeRule | Sequence[FreezeRule] | None) -> Iterator[tuple[str, FreezeRule]]:
    if rules is None:
        return
    if isinstance(rules, Mapping):
        rules = [rules]
        places = [WHERE]
    else:
        places = [f"{WHERE}[{index}]" for index in range(len(rules))]
    yield from zip(places, rules, strict=True)


def _end(rule: FreezeRule, where: str) -> float:
    if not isinstance(rule, Mapping):
        raise ConfigError(where, f"is {rule!r}, but must hold `match`, and `until_epoch` where it ends.")
    for key in rule:
        if key not in KEYS:
            raise ConfigError(f"{where}.{key}", f"is no key of it.{nearest(key, KEYS)}", f"It takes: {listed(KEYS)}.")
    end = rule.get("until_epoch")
    if end is None:
        return float("inf")
    if isinstance(end, bool) or not isinstance(end, int) or end < 1:
        what = f"is {end!r}, but must be a whole number from 1."
        raise ConfigError(f"{where}.until_epoch", what, "Leave it out for the whole training.")
    return end
