"""Data sets that are made up: what they promise, measured."""

from __future__ import annotations

import pytest
import torch
from sklearn.linear_model import LogisticRegression

from ml_core.data.generated import SHAPES, blobs, shapes, tones
from ml_core.errors import ConfigError


@pytest.mark.parametrize("make", [blobs, tones, shapes])
def test_the_same_seed_gives_the_same_rows_and_another_seed_others(make):
    torch.manual_seed(0)
    one = make(num_samples=9, seed=1)["train"][:]
    torch.manual_seed(1)  # the global generator has no say
    same, other = make(num_samples=9, seed=1)["train"][:], make(num_samples=9, seed=2)["train"][:]
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("make", [blobs, tones, shapes])
def test_every_class_is_as_frequent(make):
    assert make(num_samples=10)["train"]["label"].bincount().tolist() == [4, 3, 3]


def test_clouds_are_two_units_from_the_origin_and_can_be_told_apart():
    rows = blobs(num_samples=3000, spread=0.3)["train"][:]
    centres = torch.stack([rows["features"][rows["label"] == label].mean(dim=0) for label in range(3)])
    assert centres.norm(dim=1).tolist() == pytest.approx([2, 2, 2], abs=0.05)
    assert LogisticRegression().fit(rows["features"], rows["label"]).score(rows["features"], rows["label"]) > 0.99


def test_tones_rise_fall_or_stay_as_their_label_says():
    rows = tones(num_samples=30, length=512, noise=0)["train"][:]
    first, last = (torch.fft.rfft(half).abs().argmax(dim=-1) for half in rows["signal"].squeeze(1).split(256, dim=-1))
    assert torch.equal(torch.sign(last - first), torch.tensor([1, -1, 0])[rows["label"]])


def test_masks_cover_the_bright_shape_and_hold_its_class():
    rows = shapes(num_samples=30, noise=0)["train"][:]
    image, mask, label = rows["image"].squeeze(1), rows["mask"], rows["label"]
    assert torch.equal(mask.flatten(1).amax(dim=1), label + 1)
    assert (image[mask > 0] == int(0.75 * 255)).all()
    assert image[mask == 0].max() <= 128
    share = (mask > 0).float().mean(dim=(1, 2))
    filled = {name: share[label == number].mean() for number, name in enumerate(SHAPES)}
    assert filled["square"] > filled["circle"] > filled["triangle"] > 0.03


def test_sizes_that_make_no_sense_are_refused():
    with pytest.raises(ConfigError, match="num_samples: is 0, but must be a whole number from 1"):
        blobs(num_samples=0)
    with pytest.raises(ConfigError, match="size: is 4, but must be at least 8 pixels"):
        shapes(size=4)
