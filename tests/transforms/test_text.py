"""Noise on token ids."""

import copy
import pickle

import pytest
import torch

from ml_core.errors import BatchKeyError, ConfigError, DataError
from ml_core.transforms.base import ComposeTransform
from ml_core.transforms.text import MaskTokens, TokenDropout

IDS = torch.arange(2, 22).repeat(500, 1)
MASK = torch.arange(20).repeat(500, 1) < 15


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def test_a_share_of_the_tokens_is_dropped_and_nothing_that_fills_rows():
    noisy = TokenDropout("x", p=0.3, value=1)({"x": IDS, "mask": MASK})["x"]

    is_dropped = noisy == 1
    assert torch.equal(noisy[~is_dropped], IDS[~is_dropped])
    assert not is_dropped[~MASK].any()
    assert float(is_dropped[MASK].float().mean()) == pytest.approx(0.3, abs=0.02)


def test_some_ids_are_never_dropped():
    noisy = TokenDropout("x", p=1.0, value=1, mask=None, keep=[2, 3])({"x": IDS})["x"]

    assert torch.equal(noisy == 1, (IDS != 2) & (IDS != 3))


@pytest.mark.parametrize("transform", [TokenDropout("x", 0.5, 1), MaskTokens("x", 1, 22, p=0.5)])
def test_the_seed_decides_and_the_batch_stays_as_it_was(transform):
    batch = {"x": IDS.clone(), "mask": MASK}
    first, second = transform(batch), transform(batch)
    torch.manual_seed(0)
    again = transform(batch)

    assert torch.equal(first["x"], again["x"])
    assert not torch.equal(first["x"], second["x"])
    assert torch.equal(batch["x"], IDS)


def test_masked_tokens_are_asked_for_in_the_shares_of_bert():
    noisy = MaskTokens("x", mask_id=1, num_tokens=1000, p=0.5, keep=[2])({"x": IDS, "mask": MASK})

    is_chosen = noisy["target"] != -100
    was, now = IDS[is_chosen], noisy["x"][is_chosen]
    assert not is_chosen[~MASK].any()
    assert not is_chosen[IDS == 2].any()
    assert torch.equal(noisy["target"][is_chosen], was)
    assert torch.equal(noisy["x"][~is_chosen], IDS[~is_chosen])
    assert float(is_chosen[MASK & (IDS != 2)].float().mean()) == pytest.approx(0.5, abs=0.02)
    assert float((now == 1).float().mean()) == pytest.approx(0.8, abs=0.02)
    assert float((now == was).float().mean()) == pytest.approx(0.1, abs=0.02)
    assert not ((now == 2) & (was != 2)).any()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: TokenDropout("x", 1.5, 1), r"^p: is 1\.5, but must be a share from 0 to 1\."),
        (lambda: MaskTokens("x", 1, 9, p=True), r"^p: is True"),
        (lambda: MaskTokens("x", 0, 2, keep=[1]), r"^num_tokens: is 2, which leaves no token to draw\."),
    ],
)
def test_wrong_arguments_are_told(build, message):
    with pytest.raises(ConfigError, match=message):
        build()


def test_a_missing_key_is_told():
    with pytest.raises(BatchKeyError, match=r"^key: no key 'y' in the batch\. Keys: x\."):
        TokenDropout("y", 0.1, 1)({"x": IDS})
    with pytest.raises(BatchKeyError, match=r"^mask: no key 'mask' in the batch\."):
        TokenDropout("x", 0.1, 1)({"x": IDS})


@pytest.mark.parametrize(("value", "kind"), [([[1], [2, 3]], "list"), (torch.rand(2, 2), r"torch\.float32")])
def test_ids_are_a_tensor_of_whole_numbers(value, kind):
    with pytest.raises(DataError, match=rf"^key: 'x' is {kind}, not a tensor of ids\. Pad ragged rows first"):
        TokenDropout("x", 0.1, 1, mask=None)({"x": value})


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
@pytest.mark.parametrize("transform", [TokenDropout("x", 0.5, 1), MaskTokens("x", 1, 22)], ids=["dropout", "mask"])
def test_they_survive_copies_and_other_processes(transform, travel):
    expected = transform({"x": IDS, "mask": MASK})
    torch.manual_seed(0)

    torch.testing.assert_close(travel(transform)({"x": IDS, "mask": MASK}), expected)


def test_masking_is_a_step_of_the_forward_pass_too():
    steps = ComposeTransform(hide=MaskTokens("x", 1, 22, p=0.5))

    batch = steps({"x": IDS, "mask": MASK})

    assert list(batch) == ["x", "mask", "target"]
    assert not torch.equal(batch["x"], IDS)
