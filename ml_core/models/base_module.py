"""The one LightningModule: every experiment is wired into it by configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from ml_core.batch import Batch, batch_size, require_batch
from ml_core.constants import TORCH_COMPILE_MINIMUM_CUDA_VERSION
from ml_core.errors import ConfigError, UserError
from ml_core.models.loss_means import LossMeans
from ml_core.models.optimization import (
    OptimizerFactory,
    SchedulerFactory,
    SchedulerSpec,
    build_optimizer,
    build_scheduler,
)
from ml_core.models.utils import METRIC_ATTRIBUTES, STAGES, CriterionsComposition, Direction
from ml_core.utils.pylogger import RankedLogger
from ml_core.utils.stages import is_yet_to_come, require_validation

log = RankedLogger(__name__, rank_zero_only=True)


class BaseLitModule(LightningModule):
    """Forward pass, losses, optimizer and scheduler of an experiment.

    Logs `<stage>/<loss>` and `<stage>/total` at the end of every epoch, as means over all samples of all ranks.
    Steps return the batch with everything that was computed, and `loss`, the total.

    Args:
        forward_fn: Batch to new keys, in every stage.
        criterions: Named losses and their weighted sum.
        optimizer: Partial that takes `params`; it gets the weights that require a gradient.
        scheduler: Partial that takes `optimizer`; in YAML it may carry `monitor`, `interval` and `frequency`.
        compile: Compile `forward_fn` with `torch.compile`, on CUDA devices of capability 7 or higher.
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

    def forward(self, batch: Batch) -> Batch:
        """Return the batch with the keys that `forward_fn` makes."""
        return _apply(self.forward_fn, require_batch(batch, "model.forward_fn"), "model.forward_fn")

    def infer(self, batch: Batch) -> Batch:
        """Return the batch with the keys of `forward_fn` and `inference_fn`."""
        batch = self.forward(batch)
        return batch if self.inference_fn is None else _apply(self.inference_fn, batch, "model.inference_fn")

    def model_step(self, batch: Batch, stage: str) -> Batch:
        """Compute and accumulate the losses of a batch; return it with all keys and `loss`.

        Raises:
            ConfigError: If the batch already holds a key `loss`.
        """
        size = batch_size(require_batch(batch, "the data loader"))
        batch = self.forward(batch) if stage == "train" else self.infer(batch)
        if "loss" in batch:
            raise ConfigError(
                "batch.loss", "is taken: the step returns its total loss under 'loss'.", "Rename that column or key."
            )
        try:
            losses = self.criterions(batch)
        except UserError as error:
            error.within("model.criterions")
            raise
        self.means[stage].update(losses, size)
        if stage == "train" and self.log_train_steps:
            self._log_step(losses)
        return {**batch, "loss": losses["total"]}

    def training_step(self, batch: Batch, batch_idx: int) -> Batch:
        """Run the step of stage `train`."""
        return self.model_step(batch, "train")

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> Batch:
        """Run the step of stage `val`."""
        return self.model_step(batch, "val")

    def test_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> Batch:
        """Run the step of stage `test`."""
        return self.model_step(batch, "test")

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> Batch:
        """Return the batch with everything that the model makes of it; no losses."""
        return self.infer(batch)

    def on_train_start(self) -> None:
        """Refuse a plateau scheduler that waits for a validation which never comes."""
        for config in self.trainer.lr_scheduler_configs:
            if config.reduce_on_plateau:
                require_validation(config.monitor, self.trainer, "model.scheduler.monitor")

    def on_train_epoch_start(self) -> None:
        """Start the means of `train` anew."""
        self.means["train"].reset()

    def on_validation_epoch_start(self) -> None:
        """Start the means of `val` anew, so that the sanity check leaves nothing behind."""
        self.means["val"].reset()

    def on_test_epoch_start(self) -> None:
        """Start the means of `test` anew."""
        self.means["test"].reset()

    def on_train_epoch_end(self) -> None:
        """Log the means of `train`; step plateau schedulers, so that the epoch's checkpoint holds that step."""
        self._log_means("train")
        for config in self.trainer.lr_scheduler_configs:
            is_due = config.interval == "epoch" and (self.current_epoch + 1) % config.frequency == 0
            if config.reduce_on_plateau and is_due and not is_yet_to_come(str(config.monitor), self.trainer):
                config.scheduler.step(self._monitored(config.monitor))  # type: ignore[arg-type]

    def on_validation_epoch_end(self) -> None:
        """Log the means of `val`."""
        self._log_means("val")

    def on_test_epoch_end(self) -> None:
        """Log the means of `test`."""
        self._log_means("test")

    def lr_scheduler_step(self, scheduler: Any, metric: Any | None) -> None:
        """Step a scheduler, except plateau ones by epoch: those were stepped before the checkpoint was written.

        Lightning would step them after it and, on resuming, not at all.
        """
        if not isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step()
        elif any(c.scheduler is scheduler and c.interval == "step" for c in self.trainer.lr_scheduler_configs):
            scheduler.step(metric)  # type: ignore[arg-type]

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Make the optimizer and scheduler for the weights of the model; those of metrics are left out."""
        parameters = (p for name, p in self.named_parameters() if name.split(".")[0] not in METRIC_ATTRIBUTES)
        optimizer = build_optimizer(self.optimizer, parameters)
        if self.scheduler is None:
            return optimizer
        return {  # type: ignore[return-value]
            "optimizer": optimizer,
            "lr_scheduler": build_scheduler(self.scheduler, optimizer, self.trainer),
        }

    def setup(self, stage: str) -> None:
        """Compile the forward pass where it is asked for and the device can run what comes out."""
        if self.compile_forward and stage == "fit" and _can_compile(self.trainer.strategy.root_device):
            if not isinstance(self.forward_fn, nn.Module):
                raise ConfigError("model.compile", "needs a forward_fn that is a module.", "Wrap it in WrapTransform.")
            # This keeps the names of the state, so checkpoints load with and without it.
            self.forward_fn.compile()

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Load weights; those of metrics (feature networks) only where the same metrics are there."""
        own = {k: v for k, v in self.state_dict().items() if _is_of_metric(k)}
        given = {k: v for k, v in state_dict.items() if not _is_of_metric(k) or k in own}
        return super().load_state_dict({**own, **given}, strict=strict, assign=assign)

    def mean_losses(self, stage: str) -> dict[str, Tensor]:
        """Return `{loss: mean}` of a stage so far, over all samples of all ranks."""
        strategy = self.trainer.strategy
        return self.means[stage].compute(lambda sums: strategy.reduce(sums, reduce_op="sum"))

    def directions(self) -> dict[str, Direction]:
        """Return that every loss that is logged here is better when lower."""
        return {f"{stage}/{name}": "min" for stage in STAGES for name in (*self.criterions.names, "total")}

    def _log_means(self, stage: str) -> None:
        means = self.mean_losses(stage)
        self.log_dict({f"{stage}/{name}": value for name, value in means.items()}, prog_bar=True)

    def _log_step(self, losses: Mapping[str, Tensor]) -> None:
        if (self.trainer.fit_loop.epoch_loop.total_batch_idx + 1) % self.trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            values = {f"train/{name}_step": value.item() for name, value in losses.items()}
            for logger in self.loggers:
                logger.log_metrics(values, step=self.global_step)

    def _monitored(self, name: str | None) -> Tensor:
        try:
            return self.trainer.callback_metrics[str(name)]
        except KeyError:
            known = ", ".join(sorted(self.trainer.callback_metrics)) or "none"
            raise ConfigError(
                "model.scheduler.monitor", f"'{name}' was not logged. Logged: {known}.", "Name one of those."
            ) from None


def _apply(function: Callable[[Batch], Mapping[str, Any]], batch: Batch, where: str) -> Batch:
    try:
        return {**batch, **function(batch)}
    except UserError as error:
        error.within(where)
        raise


def _is_of_metric(key: str) -> bool:
    return key.split(".")[0] in METRIC_ATTRIBUTES


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
