"""Which weights does the optimizer treat in which way?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

from ml_core.errors import ConfigError, listed, nearest
from ml_core.models.weight_patterns import matching
from ml_core.utils.signatures import accepted

WHERE = "model.parameter_groups"
OWN_KEYS = ("match", "lr_scale", "lr_decay")

GroupRule = Mapping[str, Any]


def parameter_groups(
    rules: Sequence[GroupRule], named: Mapping[str, nn.Parameter], factory: Callable[..., Optimizer]
) -> list[dict[str, Any]]:
    """Return the optimizer's groups: weights with the same options are in one, those of no rule in the last.

    A rule holds `match` and options of the optimizer. Where several rules match a weight all of them hold, the later
    one where they say the same option. Beside the optimizer's options a rule takes

    - `lr_scale`: factor on the optimizer's own rate;
    - `lr_decay`: factor for every layer below the highest; `#` in `match` stands for the layer's number
      (Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018, section 3.2).

    Args:
        rules: In the order in which they hold.
        named: Full name to trainable weight.
        factory: Partial of the optimizer.

    Raises:
        ConfigError: If a rule matches nothing, holds an unknown option, or decays without a number to decay by.
    """
    options: dict[str, dict[str, Any]] = {name: {} for name in named}
    for index, rule in enumerate(rules):
        where = f"{WHERE}[{index}]"
        _check(rule, factory, where)
        found = matching(rule.get("match", ""), named, f"{where}.match")
        highest = max(number for _, number in found.values())
        for name, (_, number) in found.items():
            options[name] |= _options(rule, highest - number, factory, where)
    return _grouped(options, named)


def _grouped(options: Mapping[str, dict[str, Any]], named: Mapping[str, nn.Parameter]) -> list[dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for name in sorted(named, key=lambda name: not options[name]):  # stable: those of no rule come last
        label = ", ".join(f"{key}={value}" for key, value in sorted(options[name].items())) or "others"
        groups.setdefault(label, {"params": [], **options[name], "name": label})["params"].append(named[name])
    return list(groups.values())


def _options(rule: GroupRule, below: int, factory: Callable[..., Optimizer], where: str) -> dict[str, Any]:
    options = {key: value for key, value in rule.items() if key not in OWN_KEYS}
    scale = rule.get("lr_scale", 1.0) * rule.get("lr_decay", 1.0) ** below
    if "lr_scale" in rule or "lr_decay" in rule:
        options["lr"] = options.get("lr", base_rate(factory, where)) * scale
    return options


def base_rate(factory: Callable[..., Optimizer], where: str) -> float:
    """Return the rate that YAML gives the optimizer.

    Raises:
        ConfigError: If it gives none.
    """
    rate = getattr(factory, "keywords", {}).get("lr")
    if rate is None:
        raise ConfigError(where, "scales the learning rate, but model.optimizer.lr is not set.", "Set it.")
    return float(rate)


def _check(rule: GroupRule, factory: Callable[..., Optimizer], where: str) -> None:
    if not isinstance(rule, Mapping):
        raise ConfigError(where, f"is {rule!r}, but must hold `match` and options of the optimizer.")
    takes = accepted(factory)
    known = [*OWN_KEYS, *(name for name in (takes.names if takes else ()) if name != "params")]
    for key in rule:
        if takes is not None and key not in known:
            what = f"is no option of the optimizer.{nearest(key, known)}"
            raise ConfigError(f"{where}.{key}", what, f"A group takes: {listed(known)}.")
    for key in ("lr_scale", "lr_decay"):
        value = rule.get(key, 1.0)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise ConfigError(f"{where}.{key}", f"is {value!r}, but must be a number from 0.")
    if "lr_decay" in rule and "#" not in str(rule.get("match")):
        raise ConfigError(
            f"{where}.lr_decay", "needs a '#' in `match`, which stands for the layer's number.",
            "For example match: 'encoder.layers.#.*'.",
        )  # fmt: skip
