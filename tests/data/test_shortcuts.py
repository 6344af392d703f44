"""Faster ways to the same batches, and where they are not taken."""

from __future__ import annotations

import torch
from datasets import Dataset
from setting import Compose
from torchvision import transforms as v1

from ml_core.data.batches import BatchedDataset
from ml_core.data.decoding import DecodedRows
from ml_core.data.shortcuts import with_shortcuts
from ml_core.data.sources import mnist_mini
from ml_core.transforms.base import ComposeTransform
from ml_core.transforms.image import TorchVisionTransform
from ml_core.wiring.findings import Findings
from ml_core.wiring.flow import check_flow


def transform():
    return ComposeTransform(
        to_tensor=TorchVisionTransform(v1.ToTensor(), "image"),
        normalize=TorchVisionTransform(v1.Normalize([0.1307], [0.3081]), "image"),
    )


def test_images_are_decoded_together_and_scaled_in_one_step():
    data = BatchedDataset(mnist_mini()["test"], [("data.transform", transform())], None, "data, split test")

    fast = with_shortcuts(data, False, "test")

    assert isinstance(fast.source, DecodedRows)
    assert [path for path, _ in fast.steps] == ["data.transform.to_tensor"]
    torch.testing.assert_close(
        fast.__getitems__([1, 2])["image"], data.__getitems__([1, 2])["image"], rtol=0, atol=1e-6
    )
    assert (data.source.features["image"].decode, len(data.steps)) == (True, 1)


def test_a_collate_function_gets_samples_as_the_data_set_gives_them():
    def collate(samples):
        return {"sizes": [sample["image"].size for sample in samples]}

    data = BatchedDataset(mnist_mini()["test"], (), collate, "data, split test")

    assert with_shortcuts(data, False, "test").__getitems__([0, 1]) == {"sizes": [(28, 28)] * 2}


def test_random_steps_stay_behind_what_is_kept(tmp_path):
    data = Dataset.from_dict({"x": [1, 2, 3]})
    steps = [
        ("data.transform", lambda batch: {"y": batch["x"] * 2}),
        ("data.augment", lambda batch: {"y": batch["y"] + 1}),
    ]

    fast = with_shortcuts(BatchedDataset(data, steps, None, "data, split train"), str(tmp_path), "train")

    assert [path for path, _ in fast.steps] == ["data.augment"]
    assert fast.__getitems__([2])["y"].tolist() == [7]


def test_the_wiring_check_builds_no_cache(compose_config: Compose, tmp_path):
    cfg = compose_config("experiment=example", f"data.cache={tmp_path}/cache")
    findings = Findings()

    check_flow(cfg, findings)

    assert findings.errors == []
    assert not (tmp_path / "cache").exists()
