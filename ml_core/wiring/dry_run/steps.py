"""Of which steps does an experiment consist, and which keys does each say that it reads and writes?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import Tensor as TorchTensor
from torch import nn

from ml_core.batch import Pairs
from ml_core.transforms.ai_transform import AITransformWrapper
from ml_core.transforms.base import ComposeTransform
from ml_core.utils.rich_utils import mask_secrets
from ml_core.wiring.dry_run.experiment import Experiment
from ml_core.wiring.dry_run.lenient import Unbuilt
from ml_core.wiring.graph import ALL_STAGES, NodeKind, Stage, Tensor

INFERENCE: tuple[Stage, ...] = ("val", "test", "predict")


@dataclass(frozen=True, eq=False)
class Step:
    """Something that reads keys.

    Attributes:
        path: YAML path of its node.
        mapping_path: YAML path of what says which keys it reads.
        run: What is called on a batch, and what it returns are the new keys.
        kind: What it is.
        stages: Where it runs.
        pairs: `(batch key, parameter)` that it reads; None where it has no mapping.
        reads: Keys that it reads; None where it does not say.
        writes: Keys that it writes; None where it does not say.
    """

    path: str
    mapping_path: str
    run: Any
    kind: NodeKind
    stages: tuple[Stage, ...]
    pairs: Pairs | None
    reads: tuple[str, ...] | None
    writes: tuple[str, ...] | None

    def parameters_of(self, key: str) -> list[str]:
        """Return what a key feeds; one empty name where the step does not tell."""
        return [parameter for read, parameter in self.pairs or () if read == key] or [""]


def transform_steps(transform: Any, path: str, stages: tuple[Stage, ...] = ALL_STAGES) -> Iterator[Step]:
    """Yield the steps of a transform: those of a composition one by one, however deep."""
    if isinstance(transform, ComposeTransform) or (isinstance(transform, Unbuilt) and transform.names):
        for name in transform.names:
            yield from transform_steps(transform[name], f"{path}.{name}", stages)
    elif transform is not None:
        yield Step(
            path,
            _mapping_path(transform, path),
            transform,
            _kind(transform),
            stages,
            getattr(transform, "pairs", None),
            getattr(transform, "reads", None),
            getattr(transform, "writes", None),
        )


def model_steps(experiment: Experiment) -> Iterator[Step]:
    """Yield the steps of a model, those for inference last."""
    yield from transform_steps(experiment.parts["forward_fn"], "model.forward_fn")
    yield from transform_steps(experiment.parts["inference_fn"], "model.inference_fn", INFERENCE)


def called(step: Step) -> Any:
    """Return what a step calls in the end: the callable in a `WrapTransform`, the loss, the metric."""
    return getattr(step.run, "transform", step.run)


def target_of(cfg: DictConfig, path: str) -> str:
    """Return the `_target_` that does the work: that of the callable where a node wraps one."""
    node = selected(cfg, path)
    inner = selected(cfg, f"{path}.transform")
    chosen = inner if isinstance(inner, DictConfig) and "_target_" in inner else node
    return str(chosen.get("_target_", "")) if isinstance(chosen, DictConfig) else ""


def yaml_of(cfg: DictConfig, path: str) -> str:
    """Return a node as YAML text, interpolations as written and secrets masked."""
    node = selected(cfg, path)
    if not OmegaConf.is_config(node):
        return ""
    plain: Any = mask_secrets(OmegaConf.to_container(node, resolve=False))
    if isinstance(plain, dict):
        plain = {key: value for key, value in plain.items() if key != "_inherited_"}
    return OmegaConf.to_yaml(OmegaConf.create(plain))


def shown(value: Any, rows: int, size: int) -> Tensor:
    """Return what is known of a value; the two rows of a check stand for the batch."""
    if isinstance(value, TorchTensor):
        sizes = tuple(value.shape)
        is_batch = bool(sizes) and sizes[0] == rows
        return Tensor((size, *sizes[1:]) if is_batch else sizes, str(value.dtype).removeprefix("torch."))
    if isinstance(value, (list, tuple)) and value:
        return Tensor(None, _name(value[0]))
    return Tensor(None, _name(value))


def _name(value: Any) -> str:
    if isinstance(value, TorchTensor):
        return f"list of {str(value.dtype).removeprefix('torch.')}"
    return "PIL.Image" if type(value).__module__.startswith("PIL.") else type(value).__name__


def _mapping_path(transform: Any, path: str) -> str:
    if getattr(transform, "pairs", None) is not None:
        return f"{path}.mapping"
    return f"{path}.key" if hasattr(transform, "key") else path


def _kind(transform: Any) -> NodeKind:
    if isinstance(transform, AITransformWrapper):
        return "ai"
    inner = getattr(transform, "transform", transform)
    has_weights = isinstance(inner, nn.Module) and any(True for _ in inner.parameters())
    return "network" if has_weights else "transform"


def selected(cfg: DictConfig, path: str) -> Any:
    """Return what stands at a path; None where nothing does, or its value cannot be resolved."""
    try:
        return OmegaConf.select(cfg, path)
    except OmegaConfBaseException:
        return None
