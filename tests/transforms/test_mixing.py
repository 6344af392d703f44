"""MixUp and CutMix: what they make of samples, and what the loss makes of their targets."""

import pytest
import torch
from torch import nn

from ml_core.errors import BatchKeyError, ConfigError, DataError
from ml_core.transforms.mixing import CutMix, MixUp

MAPPING, NEW_KEY = {"image": "x", "label": "y"}, ["image", "target"]


def batch(count=6, classes=4, shape=(2, 8, 10)):
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(count, *shape, generator=generator)
    return {"image": images, "label": torch.arange(count) % classes}


def lam_of(target, label):
    """Return the share of each sample's own label, where the neighbour has another one."""
    return target[torch.arange(len(label)), label]


def test_mixup_blends_every_sample_and_target_with_its_neighbour_by_one_number():
    data = batch()
    made = MixUp(MAPPING, NEW_KEY, num_classes=4, alpha=0.4)(data)
    (lam,) = set(lam_of(made["target"], data["label"]).tolist())

    expected = lam * data["image"] + (1 - lam) * data["image"].roll(1, 0)
    torch.testing.assert_close(made["image"], expected)
    onehot = nn.functional.one_hot(data["label"], 4).float()
    torch.testing.assert_close(made["target"], lam * onehot + (1 - lam) * onehot.roll(1, 0))


@pytest.mark.parametrize("kind", [MixUp, CutMix])
def test_the_loss_on_mixed_targets_is_the_weighted_sum_of_both_losses(kind):
    data = batch()
    made = kind(MAPPING, NEW_KEY, num_classes=4)(data)
    lam, logits = lam_of(made["target"], data["label"])[0], torch.randn(6, 4)
    loss = nn.CrossEntropyLoss()

    own, other = loss(logits, data["label"]), loss(logits, data["label"].roll(1))
    torch.testing.assert_close(loss(logits, made["target"]), lam * own + (1 - lam) * other)


def test_cutmix_pastes_one_rectangle_and_weighs_the_targets_by_its_area():
    torch.manual_seed(1)
    data = batch()
    step, shares = CutMix(MAPPING, NEW_KEY, num_classes=4), []
    for _ in range(20):
        made = step(data)
        pasted = (made["image"] != data["image"]).any(1)
        assert (pasted == pasted[:1]).all()
        rows, columns = pasted[0].any(1), pasted[0].any(0)
        assert pasted[0].sum() == rows.sum() * columns.sum()
        torch.testing.assert_close(made["image"], torch.where(pasted[:, None], data["image"].roll(1, 0), data["image"]))
        shares.append(pasted[0].float().mean())
        torch.testing.assert_close(lam_of(made["target"], data["label"]), 1 - shares[-1].expand(6))
    assert len(set(map(float, shares))) > 5


@pytest.mark.parametrize("shape", [(5,), (3, 7), (1, 2, 3, 4)], ids=["rows of a table", "signals", "videos"])
def test_mixup_takes_samples_of_any_shape(shape):
    data = batch(shape=shape)
    made = MixUp(MAPPING, NEW_KEY, num_classes=4)(data)
    lam = lam_of(made["target"], data["label"])[0]
    torch.testing.assert_close(made["image"], lam * data["image"] + (1 - lam) * data["image"].roll(1, 0))


def test_one_mixes_what_the_other_has_mixed():
    data = batch()
    both = CutMix({"image": "x", "target": "y"}, NEW_KEY)(MixUp(MAPPING, NEW_KEY, num_classes=4)(data))
    torch.testing.assert_close(both["target"].sum(1), torch.ones(6))
    assert both["target"].shape == (6, 4)


def test_p_is_the_share_of_batches_that_are_mixed_and_the_targets_are_probabilities_in_any_case():
    torch.manual_seed(0)
    data, step = batch(), MixUp(MAPPING, NEW_KEY, num_classes=4, p=0.25)
    made = [step(data) for _ in range(400)]
    mixed = sum(not torch.equal(one["image"], data["image"]) for one in made)
    assert 70 < mixed < 130
    assert {one["target"].dtype for one in made} == {torch.float32}


def test_the_numbers_follow_the_global_generator_and_the_input_stays_as_it_is():
    data, step = batch(), MixUp(MAPPING, NEW_KEY, num_classes=4)
    before = data["image"].clone()
    torch.manual_seed(5)
    first = step(data)["image"]
    torch.manual_seed(5)
    torch.testing.assert_close(step(data)["image"], first, rtol=0, atol=0)
    torch.testing.assert_close(data["image"], before, rtol=0, atol=0)
    assert set(data) == {"image", "label"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 0}, "alpha: is 0, but must be a number above 0."),
        ({"p": 1.5}, "p: is 1.5, but must be a share from 0 to 1."),
        ({"num_classes": 1}, "num_classes: is 1, but must be a whole number from 2, or null."),
    ],
)
@pytest.mark.parametrize("kind", [MixUp, CutMix])
def test_arguments_out_of_range_are_told(kind, arguments, message):
    with pytest.raises(ConfigError) as error:
        kind(MAPPING, NEW_KEY, **{"num_classes": 4, **arguments})
    assert str(error.value) == message


def test_a_mapping_to_another_parameter_is_told():
    with pytest.raises(ConfigError, match="no parameter 'images'"):
        MixUp({"image": "images", "label": "y"}, NEW_KEY, 4)


def test_a_label_that_is_no_class_is_told():
    with pytest.raises(DataError) as error:
        MixUp(MAPPING, NEW_KEY, num_classes=3)(batch())
    assert str(error.value) == (
        "mapping: 'y' gets the labels 3, but there are 3 classes, 0 to 2. Correct the data, or num_classes."
    )


def test_class_numbers_need_their_number():
    with pytest.raises(ConfigError, match=r"^num_classes: is null, but the labels are class numbers"):
        MixUp(MAPPING, NEW_KEY)(batch())


def test_bytes_cannot_be_blended():
    data = batch() | {"image": torch.zeros(6, 1, 4, 4, dtype=torch.uint8)}
    with pytest.raises(ConfigError, match=r"^mapping: 'x' gets uint8 \[6, 1, 4, 4\], which cannot be blended\."):
        MixUp(MAPPING, NEW_KEY, 4)(data)


def test_cutmix_needs_images():
    with pytest.raises(ConfigError, match=r"'x' gets float32 \[6, 5\], but must be a stack of images"):
        CutMix(MAPPING, NEW_KEY, 4)(batch(shape=(5,)))


def test_a_missing_key_is_told():
    with pytest.raises(BatchKeyError, match=r"no key 'label' in the batch\. Did you mean 'labels'\?"):
        MixUp(MAPPING, NEW_KEY, 4)({"image": torch.rand(2, 1), "labels": torch.tensor([0, 1])})
