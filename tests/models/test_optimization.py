"""How optimizer and scheduler partials are completed."""

from functools import partial

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    OneCycleLR,
    ReduceLROnPlateau,
    StepLR,
)
from torch.utils.data import DataLoader, IterableDataset

from ml_core.errors import ConfigError
from ml_core.models.optimization import SchedulerSpec, build_optimizer, build_schedulers, require_sizes

BATCHES = 5
ONES = torch.ones(BATCHES, 1)


class Fitted(LightningModule):
    """Fits one weight on `BATCHES` batches an epoch and keeps every learning rate that a step was made with."""

    def __init__(self, spec):
        super().__init__()
        self.spec, self.rates = spec, []
        self.layer = nn.Linear(1, 1)

    def training_step(self, batch, batch_idx):
        loss = self.layer(batch).square().mean()
        self.log("train/total", loss, on_epoch=True, on_step=False)
        return loss

    def on_before_optimizer_step(self, optimizer):
        self.rates.append(optimizer.param_groups[0]["lr"])

    def configure_optimizers(self):
        optimizer = SGD(self.parameters(), lr=1.0)
        *_, self.built = schedulers = build_schedulers(self.spec, optimizer, self.trainer)
        return [optimizer], schedulers


class Stream(IterableDataset):
    """As many batches, but without a length."""

    def __iter__(self):
        yield from ONES


def fit(spec, data=ONES, **trainer):
    module = Fitted(spec)
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    Trainer(accelerator="cpu", devices=1, **quiet, **trainer).fit(module, DataLoader(data))
    return module


def stepped(scheduler_class, count, **arguments):
    """Return the first `count` learning rates of a scheduler that is stepped by hand."""
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = scheduler_class(optimizer, **arguments)
    rates = []
    for _ in range(count):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_only_trainable_weights_are_optimised():
    frozen, trained = nn.Linear(2, 2).requires_grad_(False), nn.Linear(2, 2)

    optimizer = build_optimizer(partial(SGD, lr=0.5), dict(nn.Sequential(frozen, trained).named_parameters()))

    assert [id(p) for p in optimizer.param_groups[0]["params"]] == [id(p) for p in trained.parameters()]
    assert optimizer.param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (nn.Identity(), "no step of model.forward_fn holds weights."),
        (nn.Linear(1, 1).requires_grad_(False), "all weights are frozen (model.freeze)."),
    ],
)
def test_nothing_to_train_is_an_error(module, why):
    with pytest.raises(ConfigError) as error:
        build_optimizer(partial(SGD, lr=0.5), dict(module.named_parameters()))

    assert str(error.value) == f"model.optimizer: has nothing to train: {why}"


def test_one_cycle_keeps_the_ratio_of_the_groups():
    layers = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    rules = [{"match": "0.*", "lr_scale": 0.1}]
    optimizer = build_optimizer(partial(SGD, lr=1.0), dict(layers.named_parameters()), rules)
    trainer = Trainer(max_steps=10, logger=False, accelerator="cpu", enable_checkpointing=False)
    spec = SchedulerSpec(partial(OneCycleLR, max_lr=2.0, total_steps=10), interval="step")

    build_schedulers(spec, optimizer, trainer)

    assert [group["max_lr"] for group in optimizer.param_groups] == pytest.approx([0.2, 2.0])


def test_an_optimizer_that_refuses_its_values_is_told():
    with pytest.raises(ConfigError) as error:
        build_optimizer(partial(SGD, lr=-1.0), dict(nn.Linear(1, 1).named_parameters()))

    assert str(error.value) == "model.optimizer: could not be built: ValueError: Invalid learning rate: -1.0"


def test_a_scheduler_that_refuses_its_values_is_told():
    with pytest.raises(ConfigError) as error:
        fit(SchedulerSpec(partial(ReduceLROnPlateau, factor=2.0)), max_epochs=1)

    assert str(error.value) == "model.scheduler: could not be built: ValueError: Factor should be < 1.0."


def test_by_default_a_scheduler_steps_every_epoch_and_looks_at_the_validation_total():
    spec = SchedulerSpec(StepLR)

    assert (spec.monitor, spec.interval, spec.frequency) == ("val/total", "epoch", 1)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"interval": "batch"}, "interval: is 'batch'. Choices: epoch, step."),
        ({"frequency": 0}, "frequency: is 0, but must be a whole number from 1."),
        ({"frequency": 0.5}, "frequency: is 0.5, but must be a whole number from 1."),
        ({"frequency": True}, "frequency: is True, but must be a whole number from 1."),
    ],
)
def test_a_bad_field_beside_the_scheduler_is_refused(field, message):
    with pytest.raises(ConfigError) as error:
        SchedulerSpec(StepLR, **field)

    assert str(error.value) == message


def test_what_stands_beside_the_scheduler_reaches_lightning():
    spec = SchedulerSpec(partial(StepLR, step_size=1, gamma=0.5), monitor="train/total", interval="step", frequency=2)

    module = fit(spec, max_epochs=1)

    config = module.trainer.lr_scheduler_configs[0]
    assert (config.monitor, config.interval, config.frequency) == ("train/total", "step", 2)
    assert not config.reduce_on_plateau
    assert module.rates == [1.0, 1.0, 0.5, 0.5, 0.25]


def test_a_plateau_scheduler_is_told_to_lightning_as_one():
    module = fit(SchedulerSpec(partial(ReduceLROnPlateau, patience=3), monitor="train/total"), max_epochs=1)

    assert module.trainer.lr_scheduler_configs[0].reduce_on_plateau
    assert module.built["monitor"] == "train/total"


def test_one_cycle_gets_the_number_of_steps():
    module = fit(SchedulerSpec(partial(OneCycleLR, max_lr=2.0), interval="step"), max_epochs=3)

    assert module.rates == pytest.approx(stepped(OneCycleLR, 3 * BATCHES, max_lr=2.0, total_steps=3 * BATCHES))


def test_gradient_accumulation_makes_fewer_steps():
    module = fit(
        SchedulerSpec(partial(OneCycleLR, max_lr=2.0), interval="step"), max_epochs=4, accumulate_grad_batches=5
    )

    assert module.rates == pytest.approx(stepped(OneCycleLR, 4, max_lr=2.0, total_steps=4))


def test_cosine_annealing_gets_the_number_of_epochs():
    module = fit(SchedulerSpec(CosineAnnealingLR), max_epochs=4)

    by_epoch = stepped(CosineAnnealingLR, 4, T_max=4)
    assert module.rates == pytest.approx([rate for rate in by_epoch for _ in range(BATCHES)])


def test_a_rarer_step_makes_the_schedule_shorter():
    spec = SchedulerSpec(CosineAnnealingLR, interval="step", frequency=5)

    assert fit(spec, max_epochs=4).built["scheduler"].T_max == 4


def test_max_steps_ends_the_schedule():
    spec = SchedulerSpec(CosineAnnealingLR, interval="step")

    assert fit(spec, max_steps=7).built["scheduler"].T_max == 7


def test_max_steps_ends_the_schedule_by_epoch():
    module = fit(SchedulerSpec(CosineAnnealingLR, interval="epoch"), max_steps=2 * BATCHES)

    assert module.trainer.current_epoch == 2
    assert module.built["scheduler"].T_max == 2


def test_a_schedule_by_epoch_needs_data_that_has_epochs():
    with pytest.raises(ConfigError) as error:
        fit(SchedulerSpec(CosineAnnealingLR, interval="epoch"), Stream(), max_steps=2 * BATCHES)

    assert str(error.value) == (
        "model.scheduler.interval: is epoch, but the data has no length, so no epoch has. Set it to step."
    )


@pytest.mark.parametrize(
    ("factory", "attribute", "value"),
    [
        (partial(CosineAnnealingLR, T_max=99), "T_max", 99),
        (partial(OneCycleLR, max_lr=1.0, total_steps=99), "total_steps", 99),
        (partial(OneCycleLR, max_lr=1.0, epochs=3, steps_per_epoch=33), "total_steps", 99),
    ],
)
def test_a_length_that_is_given_stays(factory, attribute, value):
    module = fit(SchedulerSpec(factory, interval="step"), max_epochs=1)

    assert getattr(module.built["scheduler"], attribute) == value


def test_a_scheduler_of_no_length_gets_none():
    assert fit(SchedulerSpec(partial(ConstantLR, factor=1.0, total_iters=0)), max_epochs=1).rates == [1.0] * BATCHES


def test_training_without_an_end_has_no_length():
    with pytest.raises(ConfigError) as error:
        fit(SchedulerSpec(CosineAnnealingLR), max_epochs=-1)

    assert (
        str(error.value)
        == "model.scheduler: needs 'T_max', but the training has no end. Set trainer.max_epochs or max_steps."
    )


def test_weights_without_a_size_are_refused_with_the_way_out():
    with pytest.raises(ConfigError) as caught:
        require_sizes(nn.Sequential(nn.Linear(2, 3), nn.LazyLinear(4)))
    assert str(caught.value) == (
        "1.weight: has weights without a size (1.weight, 1.bias): lazy modules take theirs from a first batch, "
        "which comes after the optimizer is made. "
        "Use the module that is told its sizes, such as torch.nn.Linear instead of LazyLinear."
    )
    require_sizes(nn.Linear(2, 3))
