"""Masks move with their images: as torchvision moves `tv_tensors.Image` and `tv_tensors.Mask`, sample by sample."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms as v1
from torchvision import tv_tensors
from torchvision.transforms import v2

from ml_core.errors import BatchKeyError, ConfigError, DataError
from ml_core.transforms.base import ComposeTransform
from ml_core.transforms.image import TorchVisionTransform
from ml_core.transforms.masks import ClassMask

COUNT, SIZE, CLASSES = 12, (14, 18), 4
OUTSIDE = 9


def class_masks(count=COUNT, size=SIZE):
    return torch.randint(CLASSES, (count, *size), generator=torch.Generator().manual_seed(0))


def pictures_of(masks):
    """Return images whose first channel is their own mask, from 0 to 1."""
    shown = masks.unsqueeze(1) / 10
    return torch.cat([shown, torch.rand_like(shown), torch.rand_like(shown)], 1)


def jointly(transform, images, masks, **arguments):
    step = TorchVisionTransform(transform, "image", mask_key="mask", **arguments)
    result = step({"image": images, "mask": masks})
    return result["image"], result["mask"]


MOVES = {
    "horizontal flip": v2.RandomHorizontalFlip(),
    "vertical flip": v2.RandomVerticalFlip(),
    "crop": v2.RandomCrop(10),
    "padded crop": v2.RandomCrop(14, padding=4, fill=OUTSIDE / 10),
    "rotation": v2.RandomRotation(60, fill=OUTSIDE / 10),
    "applied now and then": v2.RandomApply([v2.RandomHorizontalFlip(1.0), v2.RandomRotation(40, fill=OUTSIDE / 10)]),
    "affine": v2.RandomAffine(30, translate=(0.2, 0.2), fill=OUTSIDE / 10),
    "perspective": v2.RandomPerspective(p=1.0, interpolation="nearest", fill=OUTSIDE / 10),
    "resized crop": v2.RandomResizedCrop(12, interpolation="nearest"),
    "padding": v2.Pad(3, fill=OUTSIDE / 10),
    "centre": v2.CenterCrop(8),
    "resizing": v2.Resize((7, 9), interpolation="nearest"),
    "one of two": v2.RandomChoice([v2.RandomHorizontalFlip(1.0), v2.RandomVerticalFlip(1.0)]),
    "several": v2.Compose([v2.RandomCrop(12), v2.RandomAffine(20, fill=OUTSIDE / 10), v2.RandomHorizontalFlip()]),
}


@pytest.mark.parametrize("per_sample", [False, True], ids=["batch", "per sample"])
@pytest.mark.parametrize("name", MOVES)
def test_an_image_that_shows_its_mask_still_shows_it(name, per_sample):
    masks = class_masks()

    images, moved = jointly(MOVES[name], pictures_of(masks), masks, mask_fill=OUTSIDE, per_sample=per_sample)

    assert moved.dtype == masks.dtype
    assert moved.shape == (COUNT, *images.shape[-2:])
    assert torch.equal((images[:, 0] * 10).round().long(), moved)


@pytest.mark.parametrize("name", sorted(MOVES.keys() - {"centre", "padding", "resizing"}))
def test_every_sample_draws_for_itself_follows_the_generator_and_leaves_the_input_alone(name):
    masks = class_masks(1).repeat(30, 1, 1)
    images = pictures_of(masks[:1]).repeat(30, 1, 1, 1)
    before = images.clone(), masks.clone()

    torch.manual_seed(1)
    first = jointly(MOVES[name], images, masks)
    torch.manual_seed(1)
    again = jointly(MOVES[name], images, masks)

    assert len(first[1].unique(dim=0)) > 1
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert torch.equal(images, before[0])
    assert torch.equal(masks, before[1])


SAME_NUMBERS = ["affine", "horizontal flip", "one of two", "perspective", "resized crop", "rotation", "vertical flip"]


@pytest.mark.parametrize("name", SAME_NUMBERS)
def test_the_same_seed_gives_what_torchvision_gives_sample_by_sample(name):
    masks = class_masks()
    images, transform = pictures_of(masks), copy.deepcopy(MOVES[name])
    if hasattr(transform, "_fill"):
        transform._fill = {tv_tensors.Mask: OUTSIDE, "others": OUTSIDE / 10}
    torch.manual_seed(2)
    pairs = zip(images, masks, strict=True)
    expected = [transform(tv_tensors.Image(image), tv_tensors.Mask(mask)) for image, mask in pairs]

    torch.manual_seed(2)
    moved = jointly(MOVES[name], images, masks, mask_fill=OUTSIDE)

    torch.testing.assert_close(moved[0], torch.stack([image.as_subclass(torch.Tensor) for image, _ in expected]))
    assert torch.equal(moved[1], torch.stack([mask.as_subclass(torch.Tensor) for _, mask in expected]))


def test_class_numbers_are_never_blended_while_the_image_is():
    masks = (class_masks() > 1) * 3
    images = pictures_of(masks)

    turned, moved = jointly(v2.RandomRotation((20, 40), interpolation="bilinear"), images, masks)

    assert set(moved.unique().tolist()) == {0, 3}
    assert len(turned[:, 0].unique()) > 100


@pytest.mark.parametrize(
    "transform",
    [
        v2.ColorJitter(0.3, 0.3),
        v2.RandomErasing(1.0),
        v2.GaussianBlur(3),
        v2.GaussianNoise(),
        v2.RandomGrayscale(1.0),
        v2.Normalize([0.5] * 3, [0.25] * 3),
        v2.ToDtype(torch.float64),
        v2.RandomApply([v2.ColorJitter(0.3)], p=1.0),
    ],
    ids=lambda transform: type(transform).__name__,
)
def test_colours_noise_and_erasing_leave_masks_alone(transform):
    masks = class_masks()
    images = pictures_of(masks)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        changed, same = jointly(transform, images, masks)

    assert changed.dtype != images.dtype or not torch.equal(changed, images)
    assert torch.equal(same, masks)


def test_pixels_from_outside_are_the_background_or_the_class_that_is_asked_for():
    masks = class_masks().clamp(min=1)
    images = pictures_of(masks)
    transform = v2.Pad(2)

    assert set(jointly(transform, images, masks)[1].unique().tolist()) == {0, 1, 2, 3}
    assert set(jointly(transform, images, masks, mask_fill=255)[1].unique().tolist()) == {1, 2, 3, 255}
    assert transform._fill == {"others": 0}, "the transform of the user is left as it is"


def test_images_and_masks_of_several_sizes_are_brought_to_one_before_anything_else():
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, CLASSES, size, dtype=np.uint8) for size in ((20, 30), (24, 16), (9, 40))]
    images = [Image.fromarray(np.stack([array * 60] * 3, -1)) for array in arrays]
    masks = [Image.fromarray(array, "L") for array in arrays]
    steps = ComposeTransform(
        resize=TorchVisionTransform(v2.Resize((8, 8), interpolation="nearest-exact"), "image", mask_key="mask"),
        to_tensor=TorchVisionTransform(v1.ToTensor(), "image"),
        classes=ClassMask("mask", CLASSES),
    )

    batch = steps({"image": images, "mask": masks})

    expected = [np.asarray(mask.resize((8, 8), Image.Resampling.NEAREST)) for mask in masks]
    assert torch.equal(batch["mask"], torch.from_numpy(np.stack(expected)).long())
    assert torch.equal((batch["image"][:, 0] * 255 / 60).round().long(), batch["mask"])


def test_masks_of_several_sizes_stay_a_list():
    masks = [class_masks(1, size)[0] for size in ((8, 9), (5, 6))]
    images = [pictures_of(mask[None])[0] for mask in masks]

    moved, their = jointly(v2.RandomHorizontalFlip(1.0), images, masks)

    assert [tuple(image.shape) for image in moved] == [(3, 8, 9), (3, 5, 6)]
    assert all(torch.equal(a[0], b.flip(-1)) for a, b in zip(their, masks, strict=True))


def test_masks_with_a_channel_keep_it():
    masks = class_masks()
    assert jointly(v2.RandomCrop(8), pictures_of(masks), masks.unsqueeze(1))[1].shape == (COUNT, 1, 8, 8)


def test_it_says_all_keys_that_it_reads_and_writes():
    step = TorchVisionTransform(v2.RandomCrop(8), "image", mask_key="mask")
    assert step.reads == step.writes == ("image", "mask")


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (v2.RandAugment(), r"^mask_key: torchvision's RandAugment cannot move masks with their images\. Name single"),
        (v2.Compose([v2.RandomApply([v2.AugMix()])]), r"^mask_key: torchvision's AugMix cannot move masks"),
        (v1.RandomHorizontalFlip(), r"^mask_key: takes a transform of torchvision\.transforms\.v2, which knows masks, "
                                    r"not torchvision\.transforms\.transforms\.RandomHorizontalFlip\."),
        (torch.flip, r"knows masks, not .*flip\."),
    ],
    ids=["RandAugment", "inside", "v1", "function"],
)  # fmt: skip
def test_what_cannot_move_masks_is_refused(transform, message):
    with pytest.raises(ConfigError, match=message):
        TorchVisionTransform(transform, "image", mask_key="mask")


@pytest.mark.parametrize("per_sample", [False, True])
def test_a_mask_of_another_size_than_its_image_is_told(per_sample):
    masks = class_masks()
    message = (
        r"^mask_key: a mask has 14 x 9 pixels \(height, width\), but its image has 14 x 18\. Give masks of the size"
    )
    with pytest.raises(DataError, match=message):
        jointly(v2.RandomHorizontalFlip(), pictures_of(masks), masks[..., ::2], per_sample=per_sample)


def test_another_number_of_masks_than_images_is_told():
    masks = class_masks()
    with pytest.raises(DataError, match=r"^mask_key: there are 11 masks for 12 images\."):
        jointly(v2.RandomHorizontalFlip(), pictures_of(masks), masks[1:])


def test_a_batch_without_masks_is_told():
    step = TorchVisionTransform(v2.RandomHorizontalFlip(), "image", mask_key="masks")
    with pytest.raises(BatchKeyError, match=r"^mask_key: no key 'masks' in the batch\. Did you mean 'mask'\?"):
        step({"image": torch.rand(2, 3, 4, 4), "mask": torch.zeros(2, 4, 4)})


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_it_survives_copies_and_other_processes(travel):
    masks = class_masks()
    step = travel(TorchVisionTransform(MOVES["several"], "image", mask_key="mask"))
    assert step({"image": pictures_of(masks), "mask": masks})["mask"].shape == (COUNT, 12, 12)


def test_flips_crops_and_rotations_of_a_stack_are_never_handed_to_torchvision(monkeypatch):
    kinds = {v2.RandomHorizontalFlip: (), v2.RandomCrop: (8,), v2.RandomRotation: (30,), v2.RandomErasing: ()}
    steps = [kind(*arguments) for kind, arguments in kinds.items()]
    for kind in kinds:
        monkeypatch.setattr(kind, "forward", None)
    masks = class_masks()
    assert jointly(v2.Compose(steps), pictures_of(masks), masks)[1].shape == (COUNT, 8, 8)
