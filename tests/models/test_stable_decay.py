"""The learning rate that decays only at the end."""

import pytest
import torch
from torch.optim import SGD

from ml_core.errors import ConfigError
from ml_core.models.stable_decay import StableDecayLR


def rates(count, *, groups=(1.0,), **arguments):
    optimizer = SGD([{"params": [torch.zeros(1, requires_grad=True)], "lr": lr} for lr in groups])
    scheduler, seen = StableDecayLR(optimizer, **arguments), []
    for _ in range(count):
        seen.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return seen


def test_it_stays_and_then_falls_linearly():
    assert [rate for (rate,) in rates(11, total_steps=10, decay=0.4)] == pytest.approx(
        [1, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0]
    )


@pytest.mark.parametrize(("shape", "half"), [("linear", 0.5), ("cosine", 0.5), ("sqrt", 1 - 0.5**0.5)])
def test_each_shape_has_its_value_at_half_of_the_decay(shape, half):
    (rate,) = rates(8, total_steps=10, decay=0.6, shape=shape, final=0.1)[7]

    assert rate == pytest.approx(0.1 + 0.9 * half)


def test_it_ends_at_the_final_share_and_stays_there():
    assert [rate for (rate,) in rates(6, total_steps=3, decay=1.0, final=0.25)[3:]] == pytest.approx([0.25] * 3)


def test_the_ratio_of_the_groups_stays():
    assert all(high == pytest.approx(10 * low) for high, low in rates(9, groups=(1.0, 0.1), total_steps=10, decay=0.5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": "quadratic"}, "model.scheduler.shape: is 'quadratic'. Choices: linear, cosine, sqrt."),
        ({"decay": 0}, "model.scheduler.decay: is 0, but must be a share above 0 and up to 1."),
        ({"final": 2}, "model.scheduler.final: is 2, but must be a share from 0 to 1."),
    ],
)
def test_a_value_out_of_range_is_refused(arguments, message):
    with pytest.raises(ConfigError) as caught:
        rates(1, total_steps=10, **arguments)

    assert str(caught.value) == message
