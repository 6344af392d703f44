"""The one LightningModule: every experiment is wired into it by configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim import Optimizer

from ml_core.batch import Batch, batch_size, require_batch
from ml_core.errors import ConfigError, NumericsError, UserError
from ml_core.models import finite, scheduling
from ml_core.models.class_labels import HostLabels
from ml_core.models.compilation import compile_in_place
from ml_core.models.finite import LossWatch
from ml_core.models.freezing import FreezeRule, Freezing
from ml_core.models.loss_means import LossMeans
from ml_core.models.optimization import (
    OptimizerFactory,
    SchedulerFactory,
    SchedulerSpec,
    build_optimizer,
    build_schedulers,
    require_sizes,
)
from ml_core.models.parameter_groups import GroupRule
from ml_core.models.position import Position, rows_of
from ml_core.models.quick_module import QuickModule
from ml_core.models.state_fit import mismatch, require_own_state
from ml_core.models.utils import METRIC_ATTRIBUTES, CriterionsComposition, Direction
from ml_core.step_errors import step_error
from ml_core.utils.data_sets import Sets, prefixes, sets_now
from ml_core.utils.part_names import STAGES


class BaseLitModule(QuickModule):
    """Forward pass, losses, optimizer and scheduler of an experiment.

    Logs `<stage>/<loss>` and `<stage>/total` at the end of every epoch, as means over all samples of all ranks;
    where a stage goes through several data sets, over those of all of them, and `<stage>/<set>/<loss>` for each.
    Steps return the batch with everything that was computed, and `loss`, the total. A total that is not finite ends
    a training (see `models/finite.py`) and is counted in an evaluation; a state that is not finite is never saved.

    Args:
        forward_fn: Batch to new keys, in every stage.
        criterions: Named losses and their weighted sum.
        optimizer: Partial that takes `params`; it gets the weights that require a gradient.
        scheduler: Partial that takes `optimizer`; in YAML it may carry `monitor`, `interval`,
            `frequency` and a warm-up (see `SchedulerSpec`).
        compile: Compile `forward_fn` with `torch.compile`, on CUDA devices of capability 7 or higher.
        parameter_groups: Rules `{match, ...options}` of the optimizer; see `models/parameter_groups.py`.
        freeze: One or several `{match, until_epoch}`; see `models/freezing.py`.
        inference_fn: Batch to new keys, after `forward_fn`, in val, test and predict only (sampling, decoding).
        log_train_steps: Also log `train/<loss>_step`, every `trainer.log_every_n_steps` steps.
    """

    wrapped_parameters: ClassVar[dict[str, type]] = {"scheduler": SchedulerSpec}

    def __init__(
        self,
        forward_fn: Callable[[Batch], Mapping[str, Any]],
        criterions: CriterionsComposition,
        optimizer: OptimizerFactory,
        scheduler: SchedulerSpec | SchedulerFactory | None = None,
        compile: bool = False,
        inference_fn: Callable[[Batch], Mapping[str, Any]] | None = None,
        log_train_steps: bool = False,
        parameter_groups: Sequence[GroupRule] = (),
        freeze: FreezeRule | Sequence[FreezeRule] | None = None,
    ) -> None:
        super().__init__()
        self.forward_fn = forward_fn
        self.inference_fn = inference_fn
        self.criterions = criterions
        self.optimizer = optimizer
        self.scheduler = SchedulerSpec(scheduler) if callable(scheduler) else scheduler
        self.compile_forward = compile
        self.log_train_steps = log_train_steps
        self.means = {stage: LossMeans() for stage in STAGES}
        self.set_means: dict[str, LossMeans] = {}
        self.loss_watch = LossWatch()
        self.host_labels = HostLabels(criterions.class_losses())
        require_sizes(self)
        self.parameter_groups = parameter_groups or ()
        self.freezing = Freezing(freeze, self)
        self.freezing.freeze_for_good()

    def forward(self, batch: Batch) -> Batch:
        """Return the batch with the keys that `forward_fn` makes."""
        return _apply(self.forward_fn, require_batch(batch, "model.forward_fn"), "model.forward_fn")

    def infer(self, batch: Batch) -> Batch:
        """Return the batch with the keys of `forward_fn` and `inference_fn`."""
        batch = self.forward(batch)
        return batch if self.inference_fn is None else _apply(self.inference_fn, batch, "model.inference_fn")

    def model_step(self, batch: Batch, stage: str, set_index: int = 0) -> Batch:
        """Compute and accumulate the losses of a batch; return it with all keys and `loss`.

        Args:
            batch: The batch.
            stage: `train`, `val` or `test`.
            set_index: Which of several data sets of the stage it is from.

        Raises:
            ConfigError: If the batch already holds a key `loss`.
            DataError: If a label is none of the classes.
            NumericsError: If the total of a training step is not finite.
        """
        given = require_batch(batch, "the data loader")
        size = batch_size(given)
        batch = self.forward(given) if stage == "train" else self.infer(given)
        if "loss" in batch:
            raise ConfigError(
                "batch.loss", "is taken: the step returns its total loss under 'loss'.", "Rename that column or key."
            )
        try:
            self.host_labels.check(batch)
            losses = self.criterions(batch, self.global_step if self._trainer is not None else 0)
        except UserError as error:
            error.within("model.criterions")
            raise
        if stage == "train":
            self._watch(losses, given)
        else:
            self.loss_watch.count(losses["total"])
        self.means[stage].update(losses, size)
        if stage != "train" and self.set_means:
            [*self.set_means.values()][set_index].update(losses, size)
        if stage == "train" and self.log_train_steps:
            self._log_step(losses)
        return {**batch, "loss": losses["total"]}

    def training_step(self, batch: Batch, batch_idx: int) -> Batch:
        """Run the step of stage `train`."""
        return self.model_step(batch, "train")

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> Batch:
        """Run the step of stage `val`."""
        return self.model_step(batch, "val", dataloader_idx)

    def test_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> Batch:
        """Run the step of stage `test`."""
        return self.model_step(batch, "test", dataloader_idx)

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> Batch:
        """Return the batch with everything that the model makes of it; no losses."""
        return self.infer(batch)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Move a batch, and keep the host's copy of class labels, so that they are checked without waiting for it."""
        if device.type == "cpu":
            return batch
        moved = super().transfer_batch_to_device(batch, device, dataloader_idx)
        self.host_labels.keep(batch, moved)
        return moved

    def on_train_start(self) -> None:
        """Refuse a plateau scheduler that waits for a value which never comes, and the state of another optimizer."""
        for optimizer in self.trainer.optimizers:
            require_own_state(optimizer)
        scheduling.require_monitored(self)

    def on_train_epoch_start(self) -> None:
        """Start the means of `train` anew, and let stand still what is frozen."""
        self.means["train"].reset()
        self.freezing.set_modes(self.current_epoch)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Leave out weights that are still frozen."""
        self.freezing.drop_gradients(self.current_epoch)

    def on_validation_epoch_start(self) -> None:
        """Start the means of `val` anew, so that the sanity check leaves nothing behind."""
        self._start_evaluation("val")

    def on_test_epoch_start(self) -> None:
        """Start the means of `test` anew."""
        self._start_evaluation("test")

    def on_train_epoch_end(self) -> None:
        """Log the means of `train`; step plateau schedulers, so that the epoch's checkpoint holds that step."""
        self.loss_watch.read()
        self._log_means("train")
        scheduling.step_plateaus(self.trainer)

    def on_validation_epoch_end(self) -> None:
        """Log the means of `val`."""
        self._log_means("val")
        self.loss_watch.say("val")

    def on_test_epoch_end(self) -> None:
        """Log the means of `test`."""
        self._log_means("test")
        self.loss_watch.say("test")

    def lr_scheduler_step(self, scheduler: Any, metric: Any | None) -> None:
        """Step a scheduler, except plateau ones by epoch: those were stepped before the checkpoint was written."""
        scheduling.step(scheduler, metric, self.trainer)

    def make_optimizer(self) -> Optimizer:
        """Return an optimizer for the weights of the model; those of metrics are left out."""
        named = {name: weight for name, weight in self.named_parameters() if not _is_of_metric(name)}
        return build_optimizer(self.optimizer, named, self.parameter_groups)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Make the optimizer and its schedulers."""
        optimizer = self.make_optimizer()
        schedulers = build_schedulers(self.scheduler, optimizer, self.trainer) if self.scheduler else []
        return [optimizer], schedulers  # type: ignore[return-value]

    def setup(self, stage: str) -> None:
        """Compile the forward pass where it is asked for and the device can run what comes out."""
        if self.compile_forward and stage == "fit":
            compile_in_place(self.forward_fn, self.trainer.strategy.root_device)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Load weights; those of metrics (feature networks) only where the same metrics are there.

        Raises:
            WeightsMismatchError: If they belong to another model; lists what differs.
        """
        own = {k: v for k, v in self.state_dict().items() if _is_of_metric(k)}
        given = {k: v for k, v in state_dict.items() if not _is_of_metric(k) or k in own}
        try:
            return super().load_state_dict({**own, **given}, strict=strict, assign=assign)
        except RuntimeError as error:
            raise mismatch(self.state_dict(), {**own, **given}) from error

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse to save a state that is not finite, on all ranks together.

        Raises:
            NumericsError: If a loss since the last look, or a weight, is not finite.
        """
        found = None
        try:
            self.loss_watch.read()
            finite.require_finite_weights(self.named_parameters(), f"after step {self.global_step}")
        except NumericsError as error:
            found = error
        if not self.trainer.strategy.reduce_boolean_decision(found is None, all=True):
            raise found or NumericsError("model", f"another rank is no longer finite after step {self.global_step}.")

    def mean_losses(self, stage: str) -> dict[str, Tensor]:
        """Return `{loss: mean}` of a stage so far, over all samples of all ranks."""
        return self._computed(self.means[stage])

    def directions_of(self, sets: Sets) -> dict[str, Direction]:
        """Return that every loss that is logged here is better when lower."""
        starts = [start for stage in STAGES for start in dict.fromkeys((stage, *prefixes(stage, sets.get(stage, ()))))]
        return {f"{start}/{name}": "min" for start in starts for name in (*self.criterions.names, "total")}

    def logged_values_of(self, sets: Sets) -> list[str]:
        """Return the names of all values that are logged here."""
        return list(self.directions_of(sets))

    def _start_evaluation(self, stage: str) -> None:
        names = sets_now(self.trainer)
        self.means[stage].reset()
        self.set_means = {start: LossMeans() for start in prefixes(stage, names)} if names else {}
        self.loss_watch.start()

    def _computed(self, means: LossMeans) -> dict[str, Tensor]:
        strategy = self.trainer.strategy
        return means.compute(lambda sums: strategy.reduce(sums, reduce_op="sum"))

    def _log_means(self, stage: str) -> None:
        of_sets = self.set_means if stage != "train" else {}
        for start, means in {stage: self.means[stage], **of_sets}.items():
            values = {f"{start}/{name}": value for name, value in self._computed(means).items()}
            self.log_dict(values, prog_bar=start == stage)

    def _watch(self, losses: Mapping[str, Tensor], batch: Batch) -> None:
        """Stop where the total is not finite: at once on a CPU, a little later on an accelerator."""
        if finite.is_read_at_once(losses["total"]) or self._trainer is None:
            if not finite.is_finite(losses["total"]):
                raise self._not_finite(losses, batch)
        elif self.loss_watch.keep(Position.of(self.trainer), losses) >= self.trainer.log_every_n_steps:  # type: ignore[attr-defined]
            self.loss_watch.read()

    def _not_finite(self, losses: Mapping[str, Tensor], batch: Batch) -> UserError:
        if self._trainer is None:
            return finite.not_finite(losses, "in this step", batch)
        position = Position.of(self.trainer)
        return finite.not_finite(losses, str(position), batch, rows_of(self.trainer, position.batch))

    def _log_step(self, losses: Mapping[str, Tensor]) -> None:
        if (self.trainer.fit_loop.epoch_loop.total_batch_idx + 1) % self.trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            values = {f"train/{name}_step": value.item() for name, value in losses.items()}
            for logger in self.loggers:
                logger.log_metrics(values, step=self.global_step)


def _apply(function: Callable[[Batch], Mapping[str, Any]], batch: Batch, where: str) -> Batch:
    try:
        return {**batch, **function(batch)}
    except UserError as error:
        error.within(where)
        raise
    except Exception as error:
        raise step_error(error, where, function, batch) from error


def _is_of_metric(key: str) -> bool:
    return key.split(".")[0] in METRIC_ATTRIBUTES
