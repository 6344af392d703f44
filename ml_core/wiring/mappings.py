"""Do mappings name parameters of what they feed, and parts that exist? Read from source."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ml_core.batch import resolve_mapping
from ml_core.errors import ConfigError, UserError, nearest
from ml_core.utils import origins
from ml_core.utils.instantiators import INSTANCES
from ml_core.utils.part_names import strangers, without_mapping, wrong_stages, wrong_weights
from ml_core.utils.signatures import Accepted, check_pairs
from ml_core.wiring.nodes import written
from ml_core.wiring.static_signatures import Resolver, StaticSignature, Unresolved

MODULE = "torch.nn.modules.module.Module"
METRIC = "torchmetrics.metric.Metric"
FED = {
    "ml_core.transforms.base.WrapTransform": "transform",
    "ml_core.models.utils.CriterionsComposition": "criterions",
    "ml_core.models.utils.MetricsComposition": "metrics",
}
"""Targets with a `mapping`, and the argument that it feeds."""
LOSS_KEY = "loss"
WORDS = {"criterions": "loss", "metrics": "metric"}
"""What a part of a composition is."""


def mapping_mistakes(resolver: Resolver, name: str, node: DictConfig, path: str) -> Iterator[UserError]:
    """Yield what is wrong with the mapping of a node; of parameters nothing where the callable cannot be read."""
    fed = FED.get(name)
    if fed is None:
        return
    if fed == "transform":
        yield from _reserved(node, path)
    if fed in WORDS:
        yield from _name_mistakes(node, fed, path)
    if fed == "metrics":
        yield from _no_metrics(resolver, node, path)
    for callee, mapping, place in _feeds(node, fed, path):
        if callee is not None and fed == "metrics" and _is_no_metric(resolver, callee):
            continue
        try:
            pairs = resolve_mapping(mapping, place)
            takes = None if callee is None else _accepted(resolver, callee)
            if takes is not None and callee is not None:
                check_pairs(takes, str(callee.get("_target_")), pairs, place)
        except Unresolved:
            continue
        except ConfigError as error:
            yield error


def _reserved(node: DictConfig, path: str) -> Iterator[ConfigError]:
    """Yield a new key whose name is the step's own."""
    new = _plain(node, "new_key")
    names = new.values() if isinstance(new, dict) else new if isinstance(new, list) else [new]
    if LOSS_KEY in names:
        what = f"is '{LOSS_KEY}', the name under which a step returns its total loss."
        yield ConfigError(f"{path}.new_key", what, "Choose another name.")


def _name_mistakes(node: DictConfig, fed: str, path: str) -> Iterator[ConfigError]:
    """Yield the names in `mapping`, `weights` and `stages` that belong to no part, and parts without a mapping."""
    parts = _node_at(node, fed)
    if parts is None or "_target_" in parts:
        return
    names, word = [str(name) for name in parts], WORDS[fed]
    mapping, weights, stages = (_plain(node, key) for key in ("mapping", "weights", "stages"))
    errors: list[Iterable[ConfigError]] = []
    if mapping is None or (isinstance(mapping, dict) and not _is_for_one(mapping, names)):
        errors += [
            strangers(mapping or (), names, "mapping", word),
            _unfed(mapping or {}, parts, word, f"{path}.{fed}"),
        ]
    if isinstance(weights, dict):
        numbers = {name: value for name, value in weights.items() if not isinstance(value, dict)}
        errors += [strangers(weights, names, "weights", word), wrong_weights(numbers)]
    if isinstance(stages, dict):
        lists = {name: value for name, value in stages.items() if isinstance(value, list)}
        errors += [strangers(stages, names, "stages", word), wrong_stages(lists)]
    for error in itertools.chain(*errors):
        error.within(path)
        yield error


class NoMetricError(ConfigError):
    """The node of a metric makes something else, so nothing else that is wrong with it counts."""


def _no_metrics(resolver: Resolver, node: DictConfig, path: str) -> Iterator[NoMetricError]:
    """Yield the parts that are classes of another kind."""
    parts = _node_at(node, "metrics")
    if parts is None:
        return
    named = {"": parts} if "_target_" in parts else {f".{name!s}": _node_at(parts, name) for name in parts}
    for name, part in named.items():
        if part is not None and _is_no_metric(resolver, part):
            what = f"{written(part, '_target_')} is no metric of torchmetrics."
            yield NoMetricError(f"{path}.metrics{name}._target_", what, "Losses stand under model.criterions.")


def _is_no_metric(resolver: Resolver, node: DictConfig) -> bool:
    """Whether a node makes a class that is read to its last ancestor, and no metric is among these."""
    try:
        name = str(written(node, "_target_"))
        bases = resolver.bases(name) if resolver.signature(name).kind == "class" else frozenset()
    except Unresolved:
        return False
    return MODULE in bases and METRIC not in bases


def _unfed(mapping: dict[Any, Any], parts: DictConfig, word: str, path: str) -> Iterator[ConfigError]:
    """Yield the parts without a mapping, told where the part is written; not those whose name there is misspelt."""
    written = [name for name in map(str, parts) if not _is_fragment(parts._get_node(name))]
    strange = [name for name in map(str, mapping) if name not in parts]
    meant = [name for name in written if any(nearest(other, [name]) for other in strange)]
    for error in without_mapping([*mapping, *meant], written, word):
        error.origin = str(origins.current().of(f"{path}.{error.where.removeprefix('mapping.')}") or "")
        yield error


def _is_fragment(node: Any) -> bool:
    return isinstance(node, DictConfig) and not node._is_none() and "_target_" not in node


def _is_for_one(mapping: dict[Any, Any], names: list[str]) -> bool:
    """Whether a mapping is that of the only part, without its name."""
    return len(names) == 1 and not any(isinstance(item, dict) for item in mapping.values())


def _feeds(node: DictConfig, fed: str, path: str) -> Iterator[tuple[DictConfig | None, Any, str]]:
    """Yield the node of each callable, None where it is not known, with its mapping and the mapping's path."""
    parts, mapping = _node_at(node, fed), _plain(node, "mapping")
    if mapping is None or (fed in WORDS and not isinstance(mapping, dict)):
        return
    if fed not in WORDS:
        yield parts if parts is not None and "_target_" in parts else None, mapping, f"{path}.mapping"
    elif parts is not None and "_target_" in parts:
        if not any(isinstance(item, dict) for item in mapping.values()):
            yield parts, mapping, f"{path}.mapping"
    elif parts is not None:
        is_for_one = _is_for_one(mapping, [str(name) for name in parts])
        for name in parts:
            part, place = _node_at(parts, name), f"{path}.mapping" + ("" if is_for_one else f".{name!s}")
            if part is not None and "_target_" in part and (is_for_one or name in mapping):
                yield part, mapping if is_for_one else mapping[name], place


def _node_at(parent: DictConfig, key: Any) -> DictConfig | None:
    """Return a node that is written out, or that is a shared instance; None for anything else."""
    raw = parent._get_node(key) if key in parent else None
    if not isinstance(raw, DictConfig) and not str(raw).startswith(f"${{{INSTANCES}."):
        return None
    try:
        node = parent[key]
    except OmegaConfBaseException:  # told where the value itself is looked at
        return None
    return node if isinstance(node, DictConfig) else None


def _plain(parent: DictConfig, key: str) -> Any:
    """Return a value as plain data; None where there is none."""
    try:
        child = parent.get(key)
        return OmegaConf.to_container(child, resolve=True) if OmegaConf.is_config(child) else child
    except OmegaConfBaseException:  # told where the value itself is looked at
        return None


def _accepted(resolver: Resolver, node: DictConfig) -> Accepted | None:
    """Return what the object that a node becomes takes when it is called; None where that is not known."""
    name = str(node._get_node("_target_")._value())  # type: ignore[union-attr]
    signature = resolver.signature(name)
    given = {str(key) for key in node if not str(key).startswith("_")}
    if written(node, "_partial_") is True:
        return None if node.get("_args_") else _of(signature, given)
    if signature.kind != "class":
        return None
    bases = resolver.bases(name)
    called = "update" if METRIC in bases else "forward" if MODULE in bases else "__call__"
    return _of(resolver.method(name, called))


def _of(signature: StaticSignature, given: set[str] | None = None) -> Accepted:
    return Accepted(signature.names, signature.required - (given or set()), signature.is_open, signature.takes_args)
