"""What is searched? The search space language of hydra-optuna-sweeper, as Optuna distributions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep, Transformer
from optuna import distributions
from optuna.distributions import BaseDistribution, CategoricalDistribution

from ml_core.errors import ConfigError

Params = dict[str, Any]
Key = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class SearchSpace:
    """What differs between trials, and what does not.

    Attributes:
        distributions: By parameter, without Hydra's `+`: a study is the same however its parameters were typed.
        keys: The parameters as overrides need them.
        fixed: Overrides that all trials share.
    """

    distributions: dict[str, BaseDistribution]
    keys: dict[str, str]
    fixed: tuple[str, ...]

    def overrides(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the overrides of a trial."""
        return (*self.fixed, *(f"{self.keys.get(name, name)}={value}" for name, value in params.items()))

    @cached_property
    def searched(self) -> dict[str, BaseDistribution]:
        """The parameters that can take more than one value."""
        return {name: d for name, d in self.distributions.items() if not d.single()}

    @cached_property
    def values(self) -> dict[str, Sequence[Any]] | None:
        """All values of every searched parameter; None if one of them is continuous."""
        values = {name: _values(d) for name, d in self.searched.items()}
        return None if any(v is None for v in values.values()) else values  # type: ignore[return-value]

    @property
    def size(self) -> float:
        """Number of points; infinity with a continuous parameter."""
        return math.inf if self.values is None else math.prod(len(v) for v in self.values.values())

    def points(self) -> Iterator[Params]:
        """Yield all points of a space without continuous parameters, the last parameter changing fastest."""
        assert self.values is not None
        for point in itertools.product(*self.values.values()):
            yield dict(zip(self.values, point, strict=True))

    def key(self, params: Mapping[str, Any]) -> Key | None:
        """Return what tells a point from others; None where it is not of this space."""
        if not params.keys() >= self.searched.keys():
            return None
        values = {name: _comparable(params[name]) for name in self.searched}
        if self.values is not None and any(value not in self._comparable[name] for name, value in values.items()):
            return None
        return tuple(values.items())

    @cached_property
    def _comparable(self) -> dict[str, set[Any]]:
        return {name: {_comparable(v) for v in values} for name, values in (self.values or {}).items()}


def read_space(params: Mapping[str, Any], arguments: Sequence[str]) -> SearchSpace:
    """Return the search space of `hydra.sweeper.params` and of the command line, which has the last word.

    Raises:
        ConfigError: If a distribution makes no sense, or there is nothing to search.
    """
    lines = [f"{key}={value}" for key, value in params.items()]
    overrides = _by_name([*lines, *arguments])
    searched = {name: o for name, o in overrides.items() if o.is_sweep_override()}
    if not searched:
        raise ConfigError(
            "hydra.sweeper.params",
            "nothing is searched.",
            "Name something, for example 'model.optimizer.lr=tag(log, interval(0.0001, 0.1))'",
        )
    return SearchSpace(
        {name: distribution_of(name, override) for name, override in searched.items()},
        {name: override.get_key_element() for name, override in searched.items()},
        tuple(str(o.input_line) for name, o in overrides.items() if name not in searched),
    )


def _by_name(lines: Iterable[str]) -> dict[str, Override]:
    parsed = OverridesParser.create().parse_overrides(list(lines))
    return {override.get_key_element().lstrip("+"): override for override in parsed}


def distribution_of(name: str, override: Override) -> BaseDistribution:
    """Return the distribution of a sweep override: `choice`, `a,b`, `range` or `interval`.

    Raises:
        ConfigError: If Optuna or Hydra refuses it.
    """
    try:
        if override.is_interval_sweep():
            return _interval(override.value())
        sweep = override.value()
        if isinstance(sweep, RangeSweep) and not sweep.shuffle:
            return _range(sweep)
        return CategoricalDistribution([_choice(value) for value in override.sweep_iterator()])
    except (ValueError, AssertionError) as error:
        raise ConfigError(name, f"cannot be searched: '{override.input_line}': {error}") from error


def _choice(value: Any) -> Any:
    """Return a choice as Optuna stores it and an override takes it; what is no number is written in Hydra's grammar."""
    return value if isinstance(value, (bool, int, float)) else Transformer.str(value)


def _interval(sweep: Any) -> BaseDistribution:
    kind = int_distribution if isinstance(sweep.start, int) and isinstance(sweep.end, int) else float_distribution
    return kind(sweep.start, sweep.end, log="log" in sweep.tags)


def _range(sweep: RangeSweep) -> BaseDistribution:
    """Return the distribution of a range, which ends before its stop, as Hydra's does."""
    start: Any = sweep.start or 0
    stop: Any = sweep.stop
    step: Any = sweep.step
    count = math.ceil((stop - start) / step - 1e-9)
    if count < 1:
        raise ValueError("the range is empty")
    low, high = sorted((start, start + (count - 1) * step))
    whole = all(isinstance(bound, int) for bound in (start, stop, step))
    return (int_distribution if whole else float_distribution)(low, high, step=abs(step))


def float_distribution(low: float, high: float, log: bool = False, step: float | None = None) -> BaseDistribution:
    """Return a distribution of floats, which has another class in Optuna 2."""
    if hasattr(distributions, "FloatDistribution"):
        return distributions.FloatDistribution(low, high, log=log, step=step)
    if step is not None:
        return distributions.DiscreteUniformDistribution(low, high, step)
    return (distributions.LogUniformDistribution if log else distributions.UniformDistribution)(low, high)


def int_distribution(low: int, high: int, log: bool = False, step: int = 1) -> BaseDistribution:
    """Return a distribution of whole numbers, `high` among them, which has another class in Optuna 2."""
    if hasattr(distributions, "IntDistribution"):
        return distributions.IntDistribution(low, high, log=log, step=step)
    if log:
        return distributions.IntLogUniformDistribution(low, high)
    return distributions.IntUniformDistribution(low, high, step=step)


def _values(distribution: Any) -> Sequence[Any] | None:
    """Return all values of a distribution; None for a continuous one."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    low, high = distribution.low, distribution.high
    if isinstance(low, int) and isinstance(high, int) and "Int" in type(distribution).__name__:
        return range(low, high + 1, distribution.step)
    step = getattr(distribution, "step", None) or getattr(distribution, "q", None)
    return None if step is None else [low + i * step for i in range(math.floor((high - low) / step + 1e-9) + 1)]


def any_value(distribution: Any) -> Any:
    """Return one value of a distribution."""
    return distribution.choices[0] if isinstance(distribution, CategoricalDistribution) else distribution.low


def _comparable(value: Any) -> Any:
    """Return a value in a form that survives the arithmetic of steps and databases; True is not 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return (type(value).__name__, value)
    return float(f"{value:.12g}")
