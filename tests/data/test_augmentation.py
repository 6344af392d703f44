"""Augmentation as docs/data.md shows it: each of the usual choices works on a batch, and one file serves all stages."""

from __future__ import annotations

import re

import pytest
import torch
import yaml
from hydra.utils import instantiate
from setting import ROOT, Compose

from ml_core.data.base_datamodule import BaseDataModule
from ml_core.transforms.image import TorchVisionTransform
from ml_core.transforms.random_images import per_image
from ml_core.utils.instantiators import Builder

SECTION = (ROOT / "docs" / "data.md").read_text().partition("## Augmentation\n")[2].partition("\n## ")[0]
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"```text\n(.*?)```", SECTION, flags=re.S)]
CHOICES = next(block for block in BLOCKS if "flip" in block)
ONE_BY_ONE = {"rand_augment", "auto_augment", "trivial_augment"}


def test_the_list_of_usual_choices_is_whole():
    assert set(CHOICES) == {"flip", "crop", "color", "turn", "erase", "blur", *ONE_BY_ONE}


@pytest.mark.parametrize("name", CHOICES)
def test_a_usual_choice_changes_images_each_in_its_own_way(name):
    transform = instantiate(CHOICES[name])
    images = (torch.rand(1, 3, 32, 32) * 255).to(torch.uint8).repeat(40, 1, 1, 1)
    torch.manual_seed(0)
    changed = TorchVisionTransform(transform, "image")({"image": images})["image"]
    assert changed.shape == images.shape
    assert len(changed.unique(dim=0)) > 1
    assert (per_image(transform) is None) == (name in ONE_BY_ONE)


def test_the_signal_steps_of_the_page_work():
    steps = instantiate(next(block["augment"] for block in BLOCKS if "noise" in block.get("augment", {})))
    signals = torch.rand(8, 100)
    assert not torch.equal(steps({"signal": signals})["signal"], signals)


def test_the_device_steps_of_the_page_are_built():
    parts = next(block for block in BLOCKS if "device_transform" in block)
    data = BaseDataModule({}, **{name: instantiate(node) for name, node in parts.items()})
    names = [name for name, _ in data.device_steps.of_train]
    assert names == ["data.device_transform", "data.device_augment"]


def test_mixed_targets_in_training_and_class_numbers_elsewhere(compose_config: Compose):
    cfg = compose_config("experiment=data/augmented_images")
    data = Builder(cfg).build("data")
    train, val = next(iter(data.train_dataloader())), next(iter(data.val_dataloader()))
    assert train["target"].shape == (64, 10)
    torch.testing.assert_close(train["target"].sum(1), torch.ones(64))
    assert train["label"].dtype == torch.int64
    assert torch.equal(val["target"], val["label"])
    loss = torch.nn.CrossEntropyLoss()
    assert loss(torch.zeros(64, 10), train["target"]).isfinite()
    assert loss(torch.zeros(len(val["label"]), 10), val["target"]).isfinite()
