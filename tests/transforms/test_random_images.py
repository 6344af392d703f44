"""Random image transforms on a stack: each image gets what torchvision makes of it with its numbers."""

import copy
import pickle

import pytest
import torch
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as tv

from ml_core.transforms.image import TorchVisionTransform
from ml_core.transforms.random_images import ON_STACK, per_image


def pictures(count=24, channels=3, size=(14, 18), dtype=torch.float32):
    images = torch.rand(count, channels, *size, generator=torch.Generator().manual_seed(0))
    return images if dtype == torch.float32 else (images * 255).to(dtype)


def assert_each(transform, one, images, **tolerances):
    """Compare with `one(image, numbers of this image)`, from torchvision, for every image."""
    on_stack = per_image(transform)
    drawn = on_stack.draw(images)
    result = on_stack.apply(images, **drawn)
    expected = [one(image, {key: _of(value, i) for key, value in drawn.items()}) for i, image in enumerate(images)]
    torch.testing.assert_close(result.float(), torch.stack(expected).float(), **tolerances)


def _of(value, i):
    if isinstance(value, torch.Tensor):
        return value[i].tolist()
    return [entry[i].item() if isinstance(entry, torch.Tensor) else entry for entry in value]


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
@pytest.mark.parametrize(
    ("kind", "flip"), [(v2.RandomHorizontalFlip, tv.horizontal_flip), (v2.RandomVerticalFlip, tv.vertical_flip)]
)
def test_flips(kind, flip, dtype):
    assert_each(kind(0.5), lambda image, own: flip(image) if own["is_flipped"] else image, pictures(dtype=dtype))


@pytest.mark.parametrize(
    "transform",
    [
        v2.RandomCrop(10),
        v2.RandomCrop((12, 14), padding=4, fill=0.25),
        v2.RandomCrop((14, 18), padding=(3, 2), padding_mode="reflect"),
        v2.RandomCrop((16, 18), pad_if_needed=True, fill=[0.1, 0.2, 0.3]),
    ],
    ids=["plain", "padded", "reflected", "if needed"],
)
def test_crops(transform):
    images = pictures()
    padding = transform.make_params([images])["padding"]

    def one(image, own):
        image = tv.pad(image, padding, fill=transform.fill, padding_mode=transform.padding_mode)
        return tv.crop(image, own["tops"], own["lefts"], *transform.size)

    assert_each(transform, one, images)


def test_a_crop_that_is_too_large_is_told_by_torchvision():
    with pytest.raises(ValueError, match=r"Required crop size \(20, 20\) is larger than input image size \(14, 18\)"):
        per_image(v2.RandomCrop(20))(pictures())


@pytest.mark.parametrize("fill", [0, 0.5, [0.1, 0.2, 0.3]])
@pytest.mark.parametrize("mode", ["nearest", InterpolationMode.BILINEAR])
def test_rotations(mode, fill):
    transform = v2.RandomRotation(60, interpolation=mode, fill=fill)
    filling = fill if isinstance(fill, list) else [float(fill)]

    def one(image, own):
        return tv.rotate(image, own["angles"], interpolation=transform.interpolation, fill=filling)

    assert_each(transform, one, pictures(), rtol=0, atol=1e-4)


def test_rotations_of_bytes_are_rounded():
    transform = v2.RandomRotation(30, interpolation="bilinear")

    def one(image, own):
        return tv.rotate(image, own["angles"], interpolation=InterpolationMode.BILINEAR, fill=[0.0])

    assert_each(transform, one, pictures(dtype=torch.uint8), rtol=0, atol=1)


@pytest.mark.parametrize("value", [0, (0.2, 0.4, 0.6)])
def test_erasing(value):
    color = torch.tensor(value, dtype=torch.float32).view(-1, 1, 1)

    def one(image, own):
        return tv.erase(image, own["tops"], own["lefts"], own["tall"], own["wide"], color) if own["tall"] else image

    assert_each(v2.RandomErasing(0.5, value=value), one, pictures())


def test_erasing_draws_areas_and_shapes_as_torchvision_does():
    transform, images = v2.RandomErasing(1.0, scale=(0.05, 0.3), ratio=(0.5, 2.0)), torch.ones(2000, 1, 40, 40)
    torch.manual_seed(0)
    drawn = per_image(transform).draw(images)
    theirs = [transform.make_params([image]) for image in images]

    for own, name in (("tall", "h"), ("wide", "w"), ("tops", "i"), ("lefts", "j")):
        other = torch.tensor([float(params[name]) for params in theirs])
        assert drawn[own].float().mean() == pytest.approx(other.mean().item(), rel=0.05)
        assert drawn[own].float().std() == pytest.approx(other.std().item(), rel=0.1)


def test_erasing_with_noise_leaves_the_rest_alone():
    images = torch.zeros(8, 1, 20, 20)
    erased = per_image(v2.RandomErasing(1.0, value="random"))(images)

    shares = (erased != 0).float().mean((1, 2, 3))
    assert ((shares > 0.01) & (shares < 0.4)).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_blurs(dtype):
    transform = v2.GaussianBlur((3, 5), (0.1, 2.0))

    def one(image, own):
        return tv.gaussian_blur(image, [3, 5], [own["sigmas"]] * 2)

    assert_each(transform, one, pictures(dtype=dtype), rtol=0, atol=1 if dtype == torch.uint8 else 1e-5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
@pytest.mark.parametrize("asked", [{"brightness": 0.4}, {"hue": 0.5}, dict.fromkeys(("brightness", "contrast"), 0.3),
                                   {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.1}])  # fmt: skip
def test_jitter_in_the_order_of_each_image(asked, dtype, channels):
    adjust = (tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation, tv.adjust_hue)

    def one(image, own):
        for number in own["orders"]:
            factor = own["factors"][number]
            image = image if factor is None else adjust[number](image, factor)
        return image

    tolerance = 2 if dtype == torch.uint8 else 1e-5
    assert_each(v2.ColorJitter(**asked), one, pictures(channels=channels, dtype=dtype), rtol=0, atol=tolerance)


def test_jitter_draws_every_order():
    orders = per_image(v2.ColorJitter(0.1)).draw(pictures(count=500))["orders"]
    assert len({tuple(order) for order in orders.tolist()}) == 24


def test_random_apply_changes_some_images_and_leaves_the_others():
    transform = v2.RandomApply([v2.GaussianBlur(3, 1.0), v2.RandomHorizontalFlip(1.0)], p=0.3)
    images = pictures(count=400)
    torch.manual_seed(0)
    result = per_image(transform)(images)

    changed = (result != images).flatten(1).any(1)
    assert 80 < changed.sum() < 160
    expected = tv.horizontal_flip(tv.gaussian_blur(images[changed], [3, 3], [1.0, 1.0]))
    torch.testing.assert_close(result[changed], expected)


def test_random_apply_of_nothing_is_the_same_stack():
    images = pictures()
    assert per_image(v2.RandomApply([v2.RandomHorizontalFlip()], p=0.0))(images) is images


@pytest.mark.parametrize("transform", [v2.RandomHorizontalFlip(), v2.RandomCrop(8), v2.RandomRotation(30),
                                       v2.RandomErasing(1.0), v2.GaussianBlur(3), v2.ColorJitter(0.5)])  # fmt: skip
def test_each_image_draws_for_itself_follows_the_global_generator_and_leaves_the_input_alone(transform):
    images = pictures(count=1).repeat(40, 1, 1, 1)
    before = images.clone()
    step = TorchVisionTransform(transform, "image")

    torch.manual_seed(3)
    first = step({"image": images})["image"]
    torch.manual_seed(3)
    again = step({"image": images})["image"]

    assert len(first.unique(dim=0)) > 1
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    torch.testing.assert_close(images, before, rtol=0, atol=0)


@pytest.mark.parametrize("kind", sorted(ON_STACK, key=lambda kind: kind.__name__))
def test_a_stack_is_never_handed_to_torchvision(kind, monkeypatch):
    arguments = {
        v2.RandomCrop: (8,), v2.RandomRotation: (30,), v2.GaussianBlur: (3,), v2.ColorJitter: (0.2, 0.2, 0.2, 0.1),
        v2.RandomApply: ([v2.RandomHorizontalFlip()],),
    }  # fmt: skip
    transform = kind(*arguments.get(kind, ()))
    monkeypatch.setattr(kind, "forward", None)
    assert len(TorchVisionTransform(transform, "image")({"image": pictures()})["image"]) == 24


@pytest.mark.parametrize(
    "transform",
    [
        v2.RandomRotation(30, expand=True),
        v2.RandomRotation(30, center=[0.0, 0.0]),
        v2.RandomRotation([90, 90]),
        v2.RandAugment(),
        v2.RandomApply([v2.RandAugment()]),
        type("OwnFlip", (v2.RandomHorizontalFlip,), {})(),
    ],
    ids=["expand", "centre", "fixed", "RandAugment", "in RandomApply", "a class of one's own"],
)
def test_what_is_not_done_on_a_stack_is_done_by_torchvision(transform):
    assert per_image(transform) is None


@pytest.mark.parametrize(("transform", "images"), [(v2.RandomHorizontalFlip(1.0), torch.rand(4, 5, 6)),
                                                   (v2.GaussianBlur(7), torch.rand(3, 1, 3, 3)),
                                                   (v2.ColorJitter(0.5), torch.rand(3, 2, 4, 4))])  # fmt: skip
def test_images_of_another_kind_go_to_torchvision_one_by_one(transform, images, monkeypatch):
    seen = []
    monkeypatch.setattr(type(transform), "forward", lambda self, image: seen.append(image.shape) or image)
    per_image(transform)(images)
    assert seen == [images.shape[1:]] * len(images)


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_they_survive_copies_and_other_processes(travel):
    step = travel(TorchVisionTransform(v2.Compose([v2.RandomCrop(8), v2.RandomErasing(1.0)]), "image"))
    assert step({"image": pictures()})["image"].shape == (24, 3, 8, 8)
