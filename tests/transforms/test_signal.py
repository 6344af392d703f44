"""Random changes of signals: each signal draws its own numbers."""

import pytest
import torch

from ml_core.errors import BatchKeyError, ConfigError
from ml_core.transforms.signal import GaussianNoise, RandomScaling, TimeShift


def sines(count=200, channels=2, length=100):
    times = torch.arange(length) / length
    return torch.sin(2 * torch.pi * 3 * times + torch.arange(count)[:, None, None]).repeat(1, channels, 1)


def test_noise_has_the_standard_deviation_that_is_asked_for():
    noise = GaussianNoise("signal", std=0.5)({"signal": sines()})["signal"] - sines()
    assert noise.std() == pytest.approx(0.5, rel=0.02)
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert len(noise[:, 0, 0].unique()) == 200


def test_noise_by_ratio_follows_the_power_of_each_signal():
    loud = torch.cat([sines(100), 10 * sines(100)])
    noise = GaussianNoise("signal", snr_db=20.0)({"signal": loud})["signal"] - loud
    powers = loud.square().mean((1, 2)), noise.square().mean((1, 2))
    ratios = 10 * torch.log10(powers[0] / powers[1])
    assert ratios[:100].mean() == pytest.approx(20, abs=0.2)
    assert ratios[100:].mean() == pytest.approx(20, abs=0.2)


@pytest.mark.parametrize("shape", [(50, 12), (50, 2, 12), (50, 3, 2, 12)])
def test_a_shift_moves_each_signal_by_a_whole_number_of_its_own(shape):
    signals = torch.arange(1.0, 13).expand(shape)
    torch.manual_seed(0)
    shifted = TimeShift("signal", max_shift=3)({"signal": signals})["signal"]
    seen = set()
    for signal, result in zip(signals, shifted, strict=True):
        for steps in range(-3, 4):
            expected = signal.roll(steps, -1).clone()
            gone = slice(0, steps) if steps >= 0 else slice(steps, None)
            expected[..., gone] = 0.0
            if torch.equal(result, expected):
                seen.add(steps)
                break
        else:
            raise AssertionError(result)
    assert seen == set(range(-3, 4))


def test_a_wrapped_shift_loses_nothing_and_a_share_is_of_the_length():
    signals = torch.arange(20.0).expand(300, 20)
    torch.manual_seed(0)
    shifted = TimeShift("signal", max_shift=0.25, wrap=True)({"signal": signals})["signal"]
    assert torch.equal(shifted.sort(-1).values, signals)
    assert {int(first) for first in shifted[:, 0]} == {(-steps) % 20 for steps in range(-5, 6)}


def test_scaling_draws_a_factor_for_each_signal():
    factors = RandomScaling("signal", 0.5, 2.0)({"signal": sines()})["signal"] / sines()
    own = factors.nanmedian(-1).values[:, 0]
    assert own.min() >= 0.5
    assert own.max() <= 2.0
    assert own.mean() == pytest.approx(1.25, abs=0.1)
    assert len(own.unique()) > 190


@pytest.mark.parametrize(
    "make",
    [lambda p: GaussianNoise("signal", std=1.0, p=p), lambda p: TimeShift("signal", 5, p=p),
     lambda p: RandomScaling("signal", 2.0, 3.0, p=p)],
)  # fmt: skip
def test_p_is_the_share_of_signals_and_the_input_stays_as_it_is(make):
    signals = 1 + sines(1000).abs()
    before = signals.clone()
    torch.manual_seed(0)
    changed = (make(0.3)({"signal": signals})["signal"] != signals).flatten(1).any(1)
    assert 200 < changed.sum() < 400
    assert torch.equal(signals, before)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianNoise("x"), "std: or snr_db must be given, and not both."),
        (lambda: GaussianNoise("x", std=1.0, snr_db=3.0), "std: or snr_db must be given, and not both."),
        (lambda: GaussianNoise("x", std=-1.0), "std: is -1.0, but must be a number from 0."),
        (lambda: GaussianNoise("x", std=1.0, p=2), "p: is 2, but must be a number from 0 to 1."),
        (lambda: TimeShift("x", -1), "max_shift: is -1, but must be a number from 0."),
        (lambda: RandomScaling("x", 2.0, 1.0), "high: is 1.0, but must be a number from 2."),
    ],
)
def test_arguments_out_of_range_are_told(make, message):
    with pytest.raises(ConfigError) as error:
        make()
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (torch.zeros(3), r"float32 \[3\]"),
        (torch.zeros(3, 4, dtype=torch.int64), r"int64 \[3, 4\]"),
        ([1.0], "list of 1"),
    ],
)
def test_what_is_no_signal_is_told(value, kind):
    with pytest.raises(ConfigError, match=rf"^key: 'x' holds {kind}.*, but must hold floating signals \[batch, time\]"):
        RandomScaling("x")({"x": value})


def test_a_missing_key_is_told():
    with pytest.raises(BatchKeyError, match=r"^key: no key 'x' in the batch\. Keys: y\."):
        RandomScaling("x")({"y": 1})
