"""Every transform that ships can be copied and sent to another process (data loader workers, `ddp_spawn`, a tuner)."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
from collections.abc import Callable

import pytest
import torch
from omegaconf import OmegaConf
from setting import ROOT
from torchvision.transforms import v2

from ml_core.transforms.ai_transform import AITransformWrapper
from ml_core.transforms.base import ComposeTransform, RenameTransform, WrapTransform
from ml_core.transforms.image import TorchVisionTransform
from ml_core.transforms.masks import ClassMask
from ml_core.transforms.mixing import CutMix, MixUp
from ml_core.transforms.signal import GaussianNoise, RandomScaling, TimeShift
from ml_core.transforms.table import CategoryIndex, StackColumns, Standardize
from ml_core.transforms.text import MaskTokens, TokenDropout

MODULES = sorted(path.stem for path in (ROOT / "ml_core" / "transforms").glob("*.py") if path.stem != "__init__")
NO_TRANSFORMS = {  # what transforms are made of, and what is no transform of batches itself
    "GeneratedFunction", "Mixing", "SignalTransform", "OnStack", "Flip", "Crop", "Rotate", "Erase", "Blur", "Jitter",
    "Apply", "ImageAndMask",
}  # fmt: skip

WRITTEN = OmegaConf.load(ROOT / "configs" / "experiment" / "ai_transform.yaml").data.transform


EXAMPLES: dict[type, tuple[Callable, dict]] = {
    AITransformWrapper: (
        lambda _: AITransformWrapper(
            WRITTEN.transform_prompt, "y", {"x": "x"}, path=str(ROOT / WRITTEN.path), model=WRITTEN.model
        ),
        {"x": torch.rand(4, 8)},
    ),
    CategoryIndex: (lambda _: CategoryIndex("x", ["a", "b"], "y"), {"x": ["b", "a"]}),
    ClassMask: (lambda _: ClassMask("x", num_classes=3), {"x": torch.tensor([[[0, 1], [2, 0]]])}),
    ComposeTransform: (lambda _: ComposeTransform(a=RenameTransform({"x": "y"})), {"x": torch.arange(3)}),
    CutMix: (
        lambda _: CutMix({"x": "x", "y": "y"}, ["x", "t"], 3),
        {"x": torch.rand(4, 1, 5, 5), "y": torch.arange(4) % 3},
    ),
    GaussianNoise: (lambda _: GaussianNoise("x", std=0.1), {"x": torch.rand(4, 9)}),
    MaskTokens: (lambda _: MaskTokens("x", mask_id=1, num_tokens=9, mask=None), {"x": torch.arange(12).view(2, 6) % 9}),
    MixUp: (lambda _: MixUp({"x": "x", "y": "y"}, ["x", "t"], 3), {"x": torch.rand(4, 5), "y": torch.arange(4) % 3}),
    RandomScaling: (lambda _: RandomScaling("x"), {"x": torch.rand(4, 9)}),
    RenameTransform: (lambda _: RenameTransform({"x": "y"}), {"x": torch.arange(3)}),
    StackColumns: (lambda _: StackColumns(["a", "b"]), {"a": torch.rand(4), "b": torch.rand(4)}),
    Standardize: (lambda _: Standardize("x"), {"x": torch.rand(4, 3)}),
    TimeShift: (lambda _: TimeShift("x", 3), {"x": torch.rand(4, 9)}),
    TokenDropout: (lambda _: TokenDropout("x", 0.5, value=1, mask=None), {"x": torch.arange(12).view(2, 6)}),
    TorchVisionTransform: (
        lambda _: TorchVisionTransform(v2.Compose([v2.RandomCrop(4), v2.ColorJitter(0.3), v2.RandomErasing()]), "x"),
        {"x": torch.rand(4, 3, 8, 8)},
    ),
    WrapTransform: (
        lambda _: WrapTransform(torch.add, "s", {"x": "input", "y": "other"}),
        {"x": torch.ones(2), "y": torch.ones(2)},
    ),
}


def shipped() -> set[type]:
    """Return the public classes of ml_core/transforms whose instances can be called."""
    modules = [importlib.import_module(f"ml_core.transforms.{name}") for name in MODULES]
    classes = {kind for module in modules for _, kind in inspect.getmembers(module, inspect.isclass)
               if kind.__module__ == module.__name__ and not kind.__name__.startswith("_")}  # fmt: skip
    return {kind for kind in classes if "__call__" in dir(kind) and kind.__name__ not in NO_TRANSFORMS}


def test_there_is_an_example_of_every_transform():
    assert len(MODULES) >= 8
    assert {kind.__name__ for kind in shipped()} == {kind.__name__ for kind in EXAMPLES}


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))], ids=["copy", "pickle"])
@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
def test_a_copy_does_the_same(kind, travel, tmp_path):
    make, batch = EXAMPLES[kind]
    transform = make(tmp_path)
    torch.manual_seed(0)
    expected = transform(batch)
    torch.manual_seed(0)
    made = travel(transform)(batch)
    assert made.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(made[key], value, rtol=0, atol=0)
