"""Every transform that ships can be copied and sent to another process (data loader workers, `ddp_spawn`, a tuner)."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
from collections.abc import Callable

import pytest
import torch
from setting import ROOT
from torchvision.transforms import v2

from ml_core.transforms.ai_transform import AITransformWrapper
from ml_core.transforms.base import ComposeTransform, RenameTransform, WrapTransform
from ml_core.transforms.image import TorchVisionTransform
from ml_core.transforms.masks import ClassMask
from ml_core.transforms.mixing import CutMix, MixUp
from ml_core.transforms.signal import GaussianNoise, RandomScaling, TimeShift
from ml_core.transforms.table import CategoryIndex, Standardize, StackColumns
from ml_core.transforms.text import MaskTokens, TokenDropout

MODULES = sorted(path.stem for path in (ROOT / "ml_core" / "transforms").glob("*.py") if path.stem != "__init__")
NO_TRANSFORMS = {  # what transforms are made of, and what is no transform of batches itself
    "GeneratedFunction", "Mixing", "SignalTransform", "OnStack", "Flip", "Crop", "Rotate", "Erase", "Blur", "Jitter",
    "Apply",
}  # fmt: skip
