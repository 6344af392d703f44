"""Which steps of the data run on the device, on batches that were moved there?"""

from __future__ import annotations

import torch
from torch import nn

from ml_core.batch import Batch
from ml_core.errors import UserError
from ml_core.step_errors import step_error
from ml_core.transforms.base import Transform


class DeviceSteps:
    """`data.device_transform`, for every split, and then `data.device_augment`, for the train split alone.

    Args:
        transform: Deterministic.
        augment: Random.
    """

    def __init__(self, transform: Transform | None, augment: Transform | None) -> None:
        self.of_all = [("data.device_transform", transform)] if transform else []
        self.of_train = [*self.of_all, *([("data.device_augment", augment)] if augment else [])]
        self._device: torch.device | None = None

    def __call__(self, batch: Batch, device: torch.device, is_train: bool) -> Batch:
        """Return a batch with what the steps add; they and their tensors follow it to its device.

        Raises:
            UserError: If a step fails; its path tells which one.
        """
        steps = self.of_train if is_train else self.of_all
        if device != self._device:
            self._move(device)
        for name, step in steps:
            try:
                batch = {**batch, **step(batch)}
            except UserError as error:
                error.within(name)
                raise
            except Exception as error:
                raise step_error(error, name, step, batch) from error
        return batch

    def _move(self, device: torch.device) -> None:
        for _, step in self.of_train:
            if isinstance(step, nn.Module):
                step.to(device)
        self._device = device
