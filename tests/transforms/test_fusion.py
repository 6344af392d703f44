"""Single steps, and scalings of pixels that become one step."""

import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms as v1
from torchvision.transforms import v2

from ml_core.transforms.base import ComposeTransform, RenameTransform, WrapTransform
from ml_core.transforms.fusion import fused, single_steps
from ml_core.transforms.image import TorchVisionTransform

GRAY = {"mean": [0.1307], "std": [0.3081]}
COLOUR = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def on_image(*transforms):
    return [(f"data.transform.{i}", TorchVisionTransform(t, "image")) for i, t in enumerate(transforms)]


def run(steps, batch):
    for _, step in steps:
        batch = {**batch, **step(batch)}
    return batch


def every_value(channels):
    """A batch that holds each of the 256 values in each channel."""
    return torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).repeat(2, channels, 1, 1)


def test_compositions_are_taken_apart_and_keep_their_paths():
    rename = RenameTransform({"image": "copy"})
    both = TorchVisionTransform(v1.Compose([v1.ToTensor(), v1.Normalize(**GRAY)]), "image")

    steps = single_steps([("data.transform", ComposeTransform(pair=both, rename=rename)), ("data.augment", rename)])

    assert [path for path, _ in steps] == [
        "data.transform.pair", "data.transform.pair", "data.transform.rename", "data.augment",
    ]  # fmt: skip
    assert [type(getattr(step, "transform", step)) for _, step in steps] == [
        v1.ToTensor, v1.Normalize, RenameTransform, RenameTransform,
    ]  # fmt: skip


def test_steps_taken_apart_do_the_same():
    images = [Image.fromarray(np.full((6, 8, 3), i * 40, dtype=np.uint8)) for i in range(4)]
    transform = TorchVisionTransform(v2.Compose([v2.Resize(4), v2.ToTensor(), v2.Normalize(**COLOUR)]), "image")

    apart = run(single_steps([("data.transform", transform)]), {"image": images})

    torch.testing.assert_close(apart["image"], transform({"image": images})["image"], rtol=0, atol=0)


def test_steps_with_masks_taken_apart_do_the_same_and_those_on_images_alone_are_fused():
    images = [Image.fromarray(np.full((6, 8, 3), i * 40, dtype=np.uint8)) for i in range(4)]
    masks = [Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)) for _ in images]
    batch = {"image": images, "mask": masks}
    parts = [v2.Resize((3, 4)), v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(**COLOUR)]
    transform = TorchVisionTransform(v2.Compose(parts), "image", mask_key="mask")

    steps = fused(single_steps([("data.transform", transform)]))
    apart = run(steps, batch)

    assert [step.reads for _, step in steps] == [("image", "mask"), ("image",)]
    expected = transform(batch)
    torch.testing.assert_close(apart["image"], expected["image"], rtol=0, atol=1e-6)
    torch.testing.assert_close(apart["mask"], expected["mask"], rtol=0, atol=0)
    assert expected["mask"].shape == (4, 1, 3, 4)


@pytest.mark.parametrize(
    ("transforms", "channels"),
    [
        ([v1.ToTensor(), v1.Normalize(**GRAY)], 1),
        ([v1.ToTensor(), v1.Normalize(**COLOUR)], 3),
        ([v1.ToTensor(), v1.Normalize([0.5], [0.25])], 3),
        ([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(**COLOUR)], 3),
        ([v1.ToTensor(), v1.Normalize(**GRAY), v2.Normalize([0.1], [2.0])], 1),
    ],
)
def test_a_scaling_differs_from_its_steps_by_rounding_alone(transforms, channels):
    steps = on_image(*transforms)

    together = fused(steps)

    assert [path for path, _ in together] == ["data.transform.0"]
    expected = run(steps, {"image": every_value(channels)})["image"]
    result = run(together, {"image": every_value(channels)})["image"]
    assert result.dtype == torch.float32
    assert (result - expected).abs().max() < 1e-6 * expected.abs().max()


def test_pil_images_and_their_pixels_scale_alike():
    image = Image.fromarray(every_value(1)[0, 0].numpy())
    steps = fused(on_image(v1.ToTensor(), v1.Normalize(**GRAY)))

    assert torch.equal(run(steps, {"image": [image, image]})["image"], run(steps, {"image": every_value(1)})["image"])


def test_a_scaling_leaves_its_input_alone():
    pixels = every_value(1)

    run(fused(on_image(v1.ToTensor(), v1.Normalize(**GRAY))), {"image": pixels})

    assert torch.equal(pixels, every_value(1))


@pytest.mark.parametrize(
    "images",
    [torch.rand(2, 1, 4, 4), [torch.rand(1, 4, 4), torch.rand(1, 3, 3)]],
    ids=["floats", "several sizes"],
)
def test_what_is_no_stack_of_bytes_goes_through_the_steps_themselves(images):
    steps = on_image(v2.ToDtype(torch.float32, scale=True), v2.Normalize(**GRAY))

    torch.testing.assert_close(run(fused(steps), {"image": images}), run(steps, {"image": images}), rtol=0, atol=0)


def test_other_channels_than_the_means_fail_as_torchvision_does():
    with pytest.raises(RuntimeError, match=r"must match the size|doesn't match the broadcast"):
        run(fused(on_image(v1.ToTensor(), v1.Normalize(**COLOUR))), {"image": every_value(1)})


@pytest.mark.parametrize(
    "steps",
    [
        on_image(v1.ToTensor()),
        on_image(v1.Normalize(**GRAY)),
        on_image(v1.ToTensor(), v1.Normalize([0.0], [0.0])),
        on_image(v1.ToTensor(), v2.RandomHorizontalFlip(), v1.Normalize(**GRAY)),
        [*on_image(v1.ToTensor()), ("mask", TorchVisionTransform(v1.Normalize(**GRAY), "mask"))],
        [(p, TorchVisionTransform(s.transform, "image", per_sample=True))
         for p, s in on_image(v1.ToTensor(), v1.Normalize(**GRAY))],
        [("a", RenameTransform({"image": "x"})), ("b", WrapTransform(torch.abs, "y", {"x": "input"}))],
        [],
    ],
    ids=["no normalize", "no conversion", "zero std", "between them", "two keys", "per sample", "others", "none"],
)  # fmt: skip
def test_other_steps_stay_as_they_are(steps):
    assert fused(steps) == steps


def test_a_scaling_can_be_pickled_for_workers():
    steps = fused(on_image(v1.ToTensor(), v1.Normalize(**COLOUR)))

    again = pickle.loads(pickle.dumps(steps))

    assert torch.equal(run(again, {"image": every_value(3)})["image"], run(steps, {"image": every_value(3)})["image"])
