"""Can the forward pass be compiled here?"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ml_core.constants import TORCH_COMPILE_MINIMUM_CUDA_VERSION
from ml_core.errors import ConfigError
from ml_core.utils.pylogger import RankedLogger

log = RankedLogger(__name__, rank_zero_only=True)


def compile_in_place(forward_fn: Any, device: torch.device) -> None:
    """Compile a module where the device can run what comes out; names of its state stay, so checkpoints load.

    Raises:
        ConfigError: If it is no module.
    """
    if not _can_compile(device):
        return
    if not isinstance(forward_fn, nn.Module):
        raise ConfigError("model.compile", "needs a forward_fn that is a module.", "Wrap it in WrapTransform.")
    forward_fn.compile()


def _can_compile(device: torch.device) -> bool:
    capability = torch.cuda.get_device_capability(device)[0] if device.type == "cuda" else 0
    if capability >= TORCH_COMPILE_MINIMUM_CUDA_VERSION:
        return True
    log.warning(
        "model.compile=true is not done on %s: it needs a CUDA device of capability %d or higher.",
        device,
        TORCH_COMPILE_MINIMUM_CUDA_VERSION,
    )
    return False
