"""Image transforms: what comes out equals torchvision, image by image."""

import copy
import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms as v1
from torchvision.transforms import v2

from ml_core.errors import BatchKeyError
from ml_core.transforms.image import TorchVisionTransform

MNIST_STYLE = [v1.ToTensor(), v1.Normalize([0.1307], [0.3081])]


def pictures(*sizes, mode="L"):
    rng = np.random.default_rng(0)
    channels = len(Image.new(mode, (1, 1)).getbands())
    arrays = [rng.integers(0, 256, (height, width, channels), dtype=np.uint8) for height, width in sizes]
    return [Image.fromarray(array.squeeze(-1) if channels == 1 else array, mode) for array in arrays]


class CountedCrop(v2.CenterCrop):
    """A deterministic v2 transform that counts its calls."""

    calls = 0

    def transform(self, inpt, params):
        type(self).calls += 1
        return super().transform(inpt, params)


@pytest.mark.parametrize(("mode", "mean"), [("L", [0.13]), ("RGB", [0.5, 0.4, 0.3]), ("RGBA", [0.5, 0.4, 0.3, 0.2])])
@pytest.mark.parametrize("chained", [True, False], ids=["in one Compose", "in two steps"])
def test_to_tensor_and_normalize_equal_torchvision_on_each_image(mode, mean, chained):
    images = pictures(*[(7, 5)] * 4, mode=mode)
    steps = [v1.ToTensor(), v1.Normalize(mean, [0.25] * len(mean))]
    batch = {"image": images}

    for step in [v1.Compose(steps)] if chained else steps:
        batch = TorchVisionTransform(step, key="image")(batch)

    expected = torch.stack([v1.Compose(steps)(image) for image in images])
    torch.testing.assert_close(batch["image"], expected, rtol=0, atol=0)


@pytest.mark.parametrize("mode", ["1", "I", "F", "P", "LA", "CMYK"])
def test_to_tensor_equals_torchvision_in_other_modes(mode):
    images = [image.convert(mode) for image in pictures((4, 6), (4, 6), mode="L" if mode != "CMYK" else "RGB")]

    result = TorchVisionTransform(v1.ToTensor(), "image")({"image": images})["image"]

    torch.testing.assert_close(result, torch.stack([v1.ToTensor()(image) for image in images]), rtol=0, atol=0)


def test_images_of_different_sizes_stay_a_list():
    images = pictures((4, 4), (5, 3))

    result = TorchVisionTransform(v1.Compose(MNIST_STYLE), "image")({"image": images})["image"]

    assert isinstance(result, list)
    for tensor, image in zip(result, images, strict=True):
        torch.testing.assert_close(tensor, v1.Compose(MNIST_STYLE)(image), rtol=0, atol=0)


def test_a_stack_of_tensors_stays_a_stack():
    stack = torch.rand(3, 1, 4, 4)

    result = TorchVisionTransform(v1.Normalize([0.5], [0.5]), "image")({"image": stack})["image"]

    torch.testing.assert_close(result, (stack - 0.5) / 0.5)


def test_only_its_key_is_returned_and_the_input_stays_unchanged():
    images = pictures((4, 4), (4, 4))
    batch = {"image": images, "label": [1, 2]}
    pixels = [np.asarray(image).copy() for image in images]

    result = TorchVisionTransform(v1.ToTensor(), "image")(batch)

    assert list(result) == ["image"]
    assert batch == {"image": images, "label": [1, 2]}
    assert all(np.array_equal(np.asarray(image), pixel) for image, pixel in zip(images, pixels, strict=True))


@pytest.mark.parametrize("inplace", [False, True])
def test_a_stack_that_is_normalised_is_not_changed_in_place(inplace):
    stack = torch.rand(2, 1, 3, 3)
    before = stack.clone()

    TorchVisionTransform(v1.Compose([v1.Normalize([0.1307], [0.3081], inplace=inplace)]), "image")({"image": stack})

    torch.testing.assert_close(stack, before, rtol=0, atol=0)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize(
    "transform",
    [
        v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.CenterCrop(3)]),
        v2.Compose([v2.PILToTensor(), v2.ConvertImageDtype(torch.float32), v2.Pad(2)]),
        v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Resize((3, 9))]),
    ],
    ids=["crop", "pad", "resize"],
)
def test_fixed_v2_transforms_equal_torchvision_on_each_image(transform, mode):
    images = pictures((6, 8), (6, 8), (6, 8), mode=mode)

    result = TorchVisionTransform(transform, "image")({"image": images})["image"]

    torch.testing.assert_close(result, torch.stack([transform(image) for image in images]).as_subclass(torch.Tensor))


@pytest.mark.parametrize("transform", [v2.Resize((16, 12)), v2.Grayscale()], ids=["resize", "grayscale"])
def test_fixed_v2_transforms_equal_torchvision_on_each_pil_image(transform):
    images = pictures(*[(40, 30)] * 3, mode="RGB")
    chain = v2.Compose([transform, v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])

    result = TorchVisionTransform(chain, "image")({"image": images})["image"]

    torch.testing.assert_close(result, torch.stack([chain(image) for image in images]).as_subclass(torch.Tensor))


@pytest.mark.filterwarnings("ignore:The transform `ToTensor")
def test_v2_to_tensor_equals_torchvision_on_each_image():
    images = pictures((4, 4), (4, 4))

    result = TorchVisionTransform(v2.ToTensor(), "image")({"image": images})["image"]

    torch.testing.assert_close(result, torch.stack([v1.ToTensor()(image) for image in images]))


def test_a_fixed_v2_transform_is_called_once_per_batch(monkeypatch):
    monkeypatch.setattr(CountedCrop, "calls", 0)

    TorchVisionTransform(CountedCrop(2), "image")({"image": torch.rand(16, 1, 4, 4)})

    assert CountedCrop.calls == 1


def test_per_sample_calls_a_fixed_v2_transform_for_each_image(monkeypatch):
    monkeypatch.setattr(CountedCrop, "calls", 0)

    result = TorchVisionTransform(CountedCrop(2), "image", per_sample=True)({"image": torch.rand(16, 1, 4, 4)})

    assert CountedCrop.calls == 16
    assert result["image"].shape == (16, 1, 2, 2)


@pytest.mark.parametrize(
    "transform",
    [
        v2.RandomHorizontalFlip(0.5),
        v2.Compose([v2.ToDtype(torch.float32), v2.RandomHorizontalFlip(0.5)]),
        v2.RandomApply([v2.Pad(0), v2.Lambda(lambda image: image.flip(-1))], p=0.5),
        v2.RandomChoice([v2.Identity(), v2.RandomHorizontalFlip(1.0)]),
        v1.RandomHorizontalFlip(0.5),
    ],
    ids=["flip", "in a Compose", "apply", "choice", "v1 flip"],
)
def test_random_transforms_draw_for_each_image(transform):
    ramp = torch.arange(4.0).repeat(64, 1, 1, 1)
    torch.manual_seed(0)

    flipped = TorchVisionTransform(transform, "image")({"image": ramp})["image"][:, 0, 0, 0] == 3

    assert 16 < int(flipped.sum()) < 48


def test_any_callable_on_one_image_works():
    images = pictures((2, 3), (2, 3))

    result = TorchVisionTransform(lambda image: image.size, "image")({"image": images})

    assert result == {"image": [(3, 2), (3, 2)]}


def test_a_missing_key_is_an_error():
    with pytest.raises(BatchKeyError) as error:
        TorchVisionTransform(v1.ToTensor(), "imag")({"image": []})

    assert str(error.value) == "key: no key 'imag' in the batch. Did you mean 'image'? Keys: image."


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_image_transforms_survive_copies_and_other_processes(travel):
    images = pictures((4, 4), (4, 4))

    result = travel(TorchVisionTransform(v1.Compose(MNIST_STYLE), "image"))({"image": images})["image"]

    torch.testing.assert_close(result, torch.stack([v1.Compose(MNIST_STYLE)(image) for image in images]))
