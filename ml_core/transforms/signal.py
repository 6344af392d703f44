"""Random changes of 1-D signals, for `data.augment`: a whole batch at once, each signal with numbers of its own.

A signal is `[batch, time]` or `[batch, channel, time]`, or more axes in front of the time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ml_core.batch import Batch, missing_key
from ml_core.errors import ConfigError
from ml_core.step_errors import described


class SignalTransform(ABC):
    """A random change of the signals under a key.

    Reads and writes: `key`.

    Args:
        key: Batch key of the signals, of a floating type.
        p: Share of the signals that are changed.

    Raises:
        ConfigError: If an argument is out of range; when it is called, if there are no signals under the key.
        BatchKeyError: When it is called on a batch that lacks `key`.
    """

    def __init__(self, key: str, p: float = 1.0) -> None:
        _check("p", p, 0.0, 1.0)
        self.key, self.p = key, p
        self.reads = self.writes = (key,)

    def __call__(self, batch: Batch) -> Batch:
        """Return the changed signals."""
        if self.key not in batch:
            raise missing_key(self.key, batch, "key")
        signals = batch[self.key]
        if not isinstance(signals, Tensor) or signals.ndim < 2 or not signals.is_floating_point():
            what = f"'{self.key}' holds {described(signals)}, but must hold floating signals [batch, time]."
            raise ConfigError("key", what)
        changed = self.change(signals)
        if self.p == 1:
            return {self.key: changed}
        return {self.key: torch.where(_each(torch.rand(len(signals)) < self.p, signals), changed, signals)}

    @abstractmethod
    def change(self, signals: Tensor) -> Tensor:
        """Return what all signals become."""


class GaussianNoise(SignalTransform):
    """Add white noise.

    Args:
        key: See `SignalTransform`.
        std: Standard deviation of the noise, in the unit of the signal; null where `snr_db` says it.
        snr_db: Signal-to-noise ratio in decibels: the noise follows the power of each signal.
        p: See `SignalTransform`.
    """

    def __init__(self, key: str, std: float | None = None, snr_db: float | None = None, p: float = 1.0) -> None:
        super().__init__(key, p)
        if (std is None) == (snr_db is None):
            raise ConfigError("std", "or snr_db must be given, and not both.")
        _check("std", std or 0.0, 0.0)
        self.std = std
        self._ratio = 10 ** ((snr_db or 0.0) / 10)

    def change(self, signals: Tensor) -> Tensor:
        """Return the signals with noise."""
        noise = torch.randn_like(signals)
        if self.std is not None:
            return signals + noise * self.std
        power = signals.square().flatten(1).mean(1)
        return signals + noise * _each((power / self._ratio).sqrt(), signals)


class TimeShift(SignalTransform):
    """Move each signal in time, by a whole number of samples in either direction.

    Args:
        key: See `SignalTransform`.
        max_shift: Largest shift: a number of samples, or a share of the length where it is below 1.
        wrap: Put what leaves at one end in at the other; else `fill` comes in.
        fill: Value of silence.
        p: See `SignalTransform`.
    """

    def __init__(self, key: str, max_shift: float, wrap: bool = False, fill: float = 0.0, p: float = 1.0) -> None:
        super().__init__(key, p)
        _check("max_shift", max_shift, 0.0)
        self.max_shift, self.wrap, self.fill = max_shift, wrap, fill

    def change(self, signals: Tensor) -> Tensor:
        """Return the shifted signals."""
        length = signals.shape[-1]
        most = min(int(self.max_shift * length if self.max_shift < 1 else self.max_shift), length)
        shifts = _each(torch.randint(-most, most + 1, (len(signals),)), signals)
        places = torch.arange(length, device=signals.device) - shifts
        shifted = signals.gather(-1, (places % length).expand_as(signals))
        return shifted if self.wrap else torch.where((places >= 0) & (places < length), shifted, self.fill)


class RandomScaling(SignalTransform):
    """Multiply each signal by a factor of its own.

    Args:
        key: See `SignalTransform`.
        low: Smallest factor.
        high: Largest factor.
        p: See `SignalTransform`.
    """

    def __init__(self, key: str, low: float = 0.8, high: float = 1.25, p: float = 1.0) -> None:
        super().__init__(key, p)
        _check("high", high, low)
        self.low, self.high = low, high

    def change(self, signals: Tensor) -> Tensor:
        """Return the scaled signals."""
        return signals * _each(torch.empty(len(signals)).uniform_(self.low, self.high), signals)


def _each(numbers: Tensor, signals: Tensor) -> Tensor:
    """Return one number a signal where it can be combined with the signals."""
    return numbers.to(signals.device).view(-1, *[1] * (signals.ndim - 1))


def _check(name: str, value: float, low: float, high: float = float("inf")) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ConfigError(name, f"is {value!r}, but must be a number from {low:g}{f' to {high:g}' * (high < 1e9)}.")
