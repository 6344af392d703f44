"""Which values do parameters of libraries take, where their own annotations do not say it?"""

from __future__ import annotations

from collections.abc import Collection

TRAINER = "lightning.pytorch.trainer.trainer.Trainer"
LOADER = "torch.utils.data.DataLoader"
OPTIMIZER = "torch.optim.optimizer.Optimizer"

FROM_0, FROM_1 = "Annotated[int, Ge(0)]", "Annotated[int, Ge(1)]"
BATCHES = "Annotated[int, Ge(0)] | Annotated[float, Ge(0), Le(1)] | None"
"""A number of batches, or a share of them."""
NO_LIMIT = "Annotated[int, Ge(-1)]"
"""A number, or -1 for no end."""

ACCELERATORS = ("auto", "cpu", "cuda", "gpu", "hpu", "mps", "tpu")
STRATEGIES = (
    "auto",
    "ddp",
    "ddp_find_unused_parameters_false",
    "ddp_find_unused_parameters_true",
    "ddp_fork",
    "ddp_fork_find_unused_parameters_false",
    "ddp_fork_find_unused_parameters_true",
    "ddp_notebook",
    "ddp_notebook_find_unused_parameters_false",
    "ddp_notebook_find_unused_parameters_true",
    "ddp_spawn",
    "ddp_spawn_find_unused_parameters_false",
    "ddp_spawn_find_unused_parameters_true",
    "deepspeed",
    "deepspeed_stage_1",
    "deepspeed_stage_2",
    "deepspeed_stage_2_offload",
    "deepspeed_stage_3",
    "deepspeed_stage_3_offload",
    "deepspeed_stage_3_offload_nvme",
    "fsdp",
    "fsdp_cpu_offload",
    "hpu_parallel",
    "hpu_single",
    "single_device",
    "single_tpu",
    "single_xla",
    "xla",
    "xla_debug",
)
PRECISIONS = (
    "16-mixed",
    "16-true",
    "32-true",
    "64-true",
    "bf16-mixed",
    "bf16-true",
    "transformer-engine",
    "transformer-engine-float16",
    "16",
    "32",
    "64",
    "bf16",
    16,
    32,
    64,
)
PROFILERS = ("advanced", "pytorch", "simple", "xla")

ANNOTATIONS = {
    TRAINER: {
        "accelerator": f"Literal{[*ACCELERATORS]} | Callable",
        "strategy": f"Literal{[*STRATEGIES]} | Callable",
        "precision": f"Literal{[*PRECISIONS]} | None",
        "profiler": f"Literal{[*PROFILERS]} | Callable | None",
        "gradient_clip_algorithm": "Literal['norm', 'value'] | None",
        "gradient_clip_val": "Annotated[float, Ge(0)] | None",
        "max_epochs": f"{NO_LIMIT} | None",
        "max_steps": NO_LIMIT,
        "min_epochs": f"{FROM_0} | None",
        "min_steps": f"{FROM_0} | None",
        "num_nodes": FROM_1,
        "limit_train_batches": BATCHES,
        "limit_val_batches": BATCHES,
        "limit_test_batches": BATCHES,
        "limit_predict_batches": BATCHES,
        "overfit_batches": BATCHES,
        "check_val_every_n_epoch": f"{FROM_1} | None",
        "num_sanity_val_steps": f"{NO_LIMIT} | None",
        "log_every_n_steps": f"{FROM_0} | None",
        "accumulate_grad_batches": FROM_1,
        "fast_dev_run": f"bool | {FROM_0}",
        "reload_dataloaders_every_n_epochs": FROM_0,
    },
    LOADER: {
        "batch_size": f"{FROM_1} | Mapping[str, {FROM_1}]",
        "num_workers": FROM_0,
        "prefetch_factor": f"{FROM_1} | None",
        "timeout": "Annotated[float, Ge(0)]",
    },
    OPTIMIZER: {
        "lr": "Annotated[float, Ge(0)] | Tensor",
        "weight_decay": "Annotated[float, Ge(0)] | Tensor",
        "momentum": "Annotated[float, Ge(0)]",
        "eps": "Annotated[float, Ge(0)]",
    },
    "torch.nn.modules.dropout._DropoutNd": {"p": "Annotated[float, Ge(0), Le(1)]"},
    "torch.nn.modules.loss.CrossEntropyLoss": {"label_smoothing": "Annotated[float, Ge(0), Le(1)]"},
}
"""By the dotted name of a class, which its heirs have too, and the parameter."""
KNOWN = frozenset(parameter for table in ANNOTATIONS.values() for parameter in table)


def annotation_of(owners: Collection[str], parameter: str) -> str | None:
    """Return the annotation that says more than a library's own; None where nothing is known.

    Args:
        owners: The class that takes the parameter, and its ancestors.
        parameter: Its name.
    """
    found = (table[parameter] for owner, table in ANNOTATIONS.items() if owner in owners and parameter in table)
    return next(found, None)
