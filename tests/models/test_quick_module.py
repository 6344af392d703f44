"""A LightningModule that does what every other does, with less bookkeeping."""

import inspect

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn
from torch.optim import SGD
from torch.utils.data import DataLoader

from ml_core.models.quick_module import QuickModule

SAMPLES = [torch.full((1,), float(x)) for x in range(8)]


def trained(base, **options):
    """Return the weight that a training with this base class ends with."""

    class Fitted(base):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(1, 1, bias=False)
            nn.init.ones_(self.layer.weight)

        def training_step(self, batch, batch_idx):
            return (self.layer(batch) - 2).square().mean()

        def configure_optimizers(self):
            return SGD(self.parameters(), lr=0.01, momentum=0.9)

    module = Fitted()
    trainer = Trainer(
        max_epochs=2, logger=False, accelerator="cpu", enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, **options,
    )  # fmt: skip
    trainer.fit(module, DataLoader(SAMPLES, batch_size=2))
    return module.layer.weight.item()


@pytest.mark.parametrize("options", [{}, {"accumulate_grad_batches": 3}, {"gradient_clip_val": 0.1}])
def test_it_trains_to_the_bit_as_lightnings_own(options):
    assert trained(QuickModule, **options) == trained(LightningModule, **options)


def test_modules_and_weights_are_registered_as_ever():
    module = QuickModule()
    module.layer = nn.Linear(1, 1)
    module.scale = nn.Parameter(torch.ones(1))

    assert [name for name, _ in module.named_parameters()] == ["scale", "layer.weight", "layer.bias"]


def test_the_step_keeps_its_signature():
    class Own(QuickModule):
        def training_step(self, batch, batch_idx):
            return None

    assert [*inspect.signature(Own().training_step).parameters] == ["batch", "batch_idx"]
