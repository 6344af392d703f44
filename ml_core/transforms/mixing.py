"""Mix the samples of a batch, and their targets with them: MixUp and CutMix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import v2

from ml_core.batch import KeyMapping
from ml_core.errors import ConfigError, DataError, listed
from ml_core.step_errors import described
from ml_core.transforms.base import WrapTransform

MOST_SHOWN = 8


class MixUp(WrapTransform):
    """Blend every sample with its neighbour in the batch, `lam * x + (1 - lam) * neighbour`, and the targets alike.

    One `lam` a batch, from Beta(alpha, alpha). The targets become probabilities `[batch, num_classes]`, which
    `torch.nn.CrossEntropyLoss` takes; its value is then the weighted sum of the losses for both labels. The samples
    may be images, signals or rows of a table, of a floating type; the order must be a random one.

    Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018, https://arxiv.org/abs/1710.09412.

    Args:
        mapping: `{samples: x, labels: y}`; labels are class numbers `[batch]` or probabilities `[batch, num_classes]`.
        new_key: Keys of the mixed samples and of their targets.
        num_classes: Number of classes; null where the labels are probabilities.
        alpha: The larger, the nearer is `lam` to a half; above 0.
        p: Share of the batches that are mixed; the targets become probabilities in any case.

    Raises:
        ConfigError: If an argument is out of range, or the samples are whole numbers.
        DataError: When a label is none of the classes.
    """

    def __init__(
        self,
        mapping: KeyMapping,
        new_key: Sequence[str],
        num_classes: int | None = None,
        alpha: float = 0.2,
        p: float = 1.0,
    ) -> None:
        super().__init__(Mixing(v2.MixUp, num_classes, alpha, p), new_key, mapping)


class CutMix(WrapTransform):
    """Paste a rectangle of its neighbour in the batch into every image, and mix the targets by the pasted area.

    One rectangle a batch; it covers the share `1 - lam` of the image, `lam` from Beta(alpha, alpha), less where the
    border cuts it off. Targets as for `MixUp`.

    Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", 2019,
    https://arxiv.org/abs/1905.04899.

    Args:
        mapping: `{images: x, labels: y}`; images are `[batch, channel, height, width]`, labels as for `MixUp`.
        new_key: As for `MixUp`.
        num_classes: As for `MixUp`.
        alpha: As for `MixUp`.
        p: As for `MixUp`.

    Raises:
        ConfigError: If an argument is out of range, or there are no images of four dimensions.
        DataError: When a label is none of the classes.
    """

    def __init__(
        self,
        mapping: KeyMapping,
        new_key: Sequence[str],
        num_classes: int | None = None,
        alpha: float = 1.0,
        p: float = 1.0,
    ) -> None:
        super().__init__(Mixing(v2.CutMix, num_classes, alpha, p), new_key, mapping)


class Mixing:
    """torchvision's MixUp or CutMix on a batch of samples and labels.

    Args:
        method: `v2.MixUp` or `v2.CutMix`.
        num_classes: Number of classes; None where the labels are probabilities.
        alpha: Parameter of the Beta distribution.
        p: Share of the batches that are mixed.
    """

    def __init__(self, method: type[v2.Transform], num_classes: int | None, alpha: float, p: float) -> None:
        if not _is_number(alpha) or alpha <= 0:
            raise ConfigError("alpha", f"is {alpha!r}, but must be a number above 0.")
        if not _is_number(p) or not 0 <= p <= 1:
            raise ConfigError("p", f"is {p!r}, but must be a share from 0 to 1.")
        if num_classes is not None and (not isinstance(num_classes, int) or num_classes < 2):
            raise ConfigError("num_classes", f"is {num_classes!r}, but must be a whole number from 2, or null.")
        self.mix: Any = method(alpha=alpha, num_classes=num_classes)
        self.num_classes, self.p = num_classes, p

    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return mixed samples and targets.

        Args:
            x: Samples.
            y: Class numbers, or probabilities.
        """
        target = self._probabilities(y)
        images = self._images(x)
        if self.p < 1 and torch.rand(()) >= self.p:
            return x, target
        mixed, target = self.mix(images, target)
        return mixed.view(x.shape), target

    def _images(self, x: Tensor) -> Tensor:
        """Return the samples in the shape that torchvision takes."""
        if isinstance(self.mix, v2.MixUp):
            if not isinstance(x, Tensor) or not x.is_floating_point():
                raise ConfigError(
                    "mapping", f"'x' gets {described(x)}, which cannot be blended.", "Make it float before."
                )
            return x.reshape(len(x), 1, 1, -1)
        if not isinstance(x, Tensor) or x.ndim != 4:
            what = f"'x' gets {described(x)}, but must be a stack of images [batch, channel, height, width]."
            raise ConfigError("mapping", what)
        return x

    def _probabilities(self, labels: Tensor) -> Tensor:
        if labels.is_floating_point() and labels.ndim == 2:
            return labels
        if self.num_classes is None:
            raise ConfigError(
                "num_classes",
                "is null, but the labels are class numbers, not probabilities.",
                "Say how many there are.",
            )
        wrong = labels[(labels < 0) | (labels >= self.num_classes)] if labels.device.type == "cpu" else labels[:0]
        if len(wrong):
            values = sorted(set(wrong.tolist()))[:MOST_SHOWN]
            raise DataError(
                "mapping",
                f"'y' gets the labels {listed(values)}, but there are {self.num_classes} classes, "
                f"0 to {self.num_classes - 1}.",
                "Correct the data, or num_classes.",
            )
        return torch.nn.functional.one_hot(labels.long(), self.num_classes).float()


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
