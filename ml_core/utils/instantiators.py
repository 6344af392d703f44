"""How does a configuration node become an object? Every `_target_` of a run is built here.

A `Builder` walks the composed configuration itself rather than handing it to Hydra whole, because it must know
the YAML path of every node and which of them stand for one shared object. Hydra still resolves the names, so
its policy on dangerous targets holds.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from ml_core.errors import ConfigError, MissingPackageError, UserError, listed, nearest
from ml_core.utils.packages import install_hint, missing_package, needs
from ml_core.utils.pylogger import RankedLogger
from ml_core.utils.retargeting import INHERITED
from ml_core.utils.signatures import accepted, missing_arguments, reject_unknown
from ml_core.utils.targets import resolve_target
from ml_core.utils.values import value

log = RankedLogger(__name__, rank_zero_only=True)

DIRECTIVES = frozenset({"_target_", "_partial_", "_args_", "_recursive_", "_convert_", INHERITED})
INSTANCES = "params.instances"

Guard = Callable[[str, Any, Iterable[str], str], None]


class Builder:
    """Builds the objects of one composed configuration.

    Nodes under `params.instances` are built once and shared by all that point at them. Containers become plain
    dicts and lists, partials are `functools.partial`, and a class may ask for two things:

    - `deferred_parameters`: names of parameters that get a callable which builds the node when it is called
      (a data set that must not be loaded while the configuration is read);
    - `wrapped_parameters`: `{parameter: dataclass}` where the node carries the dataclass's further fields beside
      its own arguments (`monitor` and `interval` beside those of a scheduler).

    Args:
        cfg: The composed configuration.
        guard: Called with (target, object, argument names, YAML path) for every node that is built; it raises to
            refuse.
    """

    def __init__(self, cfg: DictConfig, guard: Guard | None = None) -> None:
        self.cfg = cfg
        self.guard = guard
        self._instances: dict[str, Any] = {}
        self._unfinished: set[str] = set()

    def build(self, path: str, **given: Any) -> Any:
        """Build the node at a dotted path, with further arguments that no YAML holds; None where it is null."""
        head, key = _split(path)
        parent = OmegaConf.select(self.cfg, head) if head else self.cfg
        if parent is None or (isinstance(parent, DictConfig) and parent.get(key) is None):
            return None
        return self._node(parent[key], path, given) if given else self._child(parent, key, path)

    def build_each(self, path: str) -> list[Any]:
        """Build the entries of a mapping or list of nodes, in order; entries without `_target_` are skipped.

        An experiment may hold values for a callback or a logger that a preset has switched off: they are
        fragments without a `_target_`.

        Raises:
            ConfigError: If the node is neither a mapping, a list nor null.
        """
        node = OmegaConf.select(self.cfg, path)
        if node is None:
            return []
        if not isinstance(node, (DictConfig, ListConfig)):
            raise ConfigError(path, f"is {node!r}, but must be a mapping of nodes with `_target_`, or null.")
        places = [(key, place) for key, place in _places(node, path) if node[key] is not None]
        targets = [
            (key, place) for key, place in places if isinstance(node[key], DictConfig) and "_target_" in node[key]
        ]
        for key, place in places:
            if targets and (key, place) not in targets:
                log.warning(
                    "%s has no `_target_`, so it is passed over.%s",
                    place,
                    nearest(str(key), (str(k) for k, _ in targets)),
                )
        return [self._child(node, key, place) for key, place in targets]

    def _node(self, node: Any, path: str, given: Mapping[str, Any] | None = None) -> Any:
        if isinstance(node, ListConfig):
            return [self._child(node, index, place) for index, place in _places(node, path)]
        if not isinstance(node, DictConfig):
            return node
        if "_target_" in node:
            return self._target_node(node, path, dict(given or {}))
        return {key: self._child(node, key, place) for key, place in _places(node, path)}

    def _child(self, parent: DictConfig | ListConfig, key: Any, path: str) -> Any:
        """Build one value of a container; an interpolation to a shared instance gives that instance."""
        child = value(parent, key, path)
        raw = parent._get_node(key)
        if not OmegaConf.is_config(child) or not raw._is_interpolation():  # type: ignore[union-attr]
            return self._node(child, path)
        source = child._get_full_key(None)
        if source.startswith(f"{INSTANCES}.") and source.count(".") == 2:
            return self._instance(source, child)
        if any(targets(child)):
            raise second_object(path, source)
        return self._node(child, path)

    def _instance(self, source: str, node: DictConfig) -> Any:
        if source in self._unfinished:
            raise ConfigError(source, "is made of itself: it points at a node that points back at it.")
        if source not in self._instances:
            self._unfinished.add(source)
            try:
                self._instances[source] = self._node(node, source)
            finally:
                self._unfinished.discard(source)
        return self._instances[source]

    def _target_node(self, node: DictConfig, path: str, given: dict[str, Any]) -> Any:
        name, is_partial, target = self._header(node, path)
        keys = _arguments(node, target, name, path)
        reject_unknown(target, name, keys, path)
        if node.get("_recursive_", True) is False:
            kwargs = {key: _plain(value(node, key, f"{path}.{key}")) for key in keys}
        else:
            kwargs = {key: self._argument(target, node, key, f"{path}.{key}") for key in keys}
        args = self._child(node, "_args_", f"{path}._args_") if "_args_" in node else []
        kwargs |= given
        if is_partial:
            return functools.partial(target, *args, **kwargs)
        _require_all(target, name, args, kwargs, path)
        return _call(target, name, args, kwargs, path)

    def _header(self, node: DictConfig, path: str) -> tuple[str, bool, Callable[..., Any]]:
        name = str(value(node, "_target_", f"{path}._target_"))
        is_partial = node.get("_partial_", False)
        if not isinstance(is_partial, bool):
            raise ConfigError(f"{path}._partial_", f"is {is_partial!r}, but must be true or false.")
        if node.get("_convert_", "all") == "none":
            raise ConfigError(f"{path}._convert_", "'none' is not to be had: components get plain containers.")
        target = resolve_target(name, f"{path}._target_")
        if self.guard is not None:
            self.guard(name, target, [str(key) for key in node], path)
        return name, is_partial, target

    def _argument(self, target: Any, node: DictConfig, key: str, path: str) -> Any:
        child = value(node, key, path)
        if key in getattr(target, "deferred_parameters", ()) and any(targets(child)):
            self._check(child, path)
            return Deferred(self, node, key, path)
        wrapper = getattr(target, "wrapped_parameters", {}).get(key)
        if wrapper is not None and isinstance(child, DictConfig):
            return self._wrapped(wrapper, child, path)
        return self._child(node, key, path)

    def _check(self, node: Any, path: str) -> None:
        """Find what is wrong with the names in a node that is built later."""
        if isinstance(node, DictConfig) and "_target_" in node:
            name, _, target = self._header(node, path)
            reject_unknown(target, name, _arguments(node, target, name, path), path)
        if isinstance(node, (DictConfig, ListConfig)):
            for key, place in _places(node, path):
                self._check(value(node, key, place), place)

    def _wrapped(self, wrapper: type, node: DictConfig, path: str) -> Any:
        """Split a node into the arguments of its target and the further fields of `wrapper`."""
        inner, *others = [field.name for field in fields(wrapper)]
        beside = {key: _plain(value(node, key, f"{path}.{key}")) for key in others if key in node}
        rest = node.copy()
        rest._set_parent(node._get_parent())
        OmegaConf.set_struct(rest, False)
        for key in beside:
            del rest[key]
        if "_target_" not in rest:
            raise ConfigError(path, "has no `_target_`.", "Choose one, or set the whole node to null.")
        return _call(wrapper, wrapper.__name__, [], {inner: self._node(rest, path), **beside}, path)


class Deferred:
    """A node that is built when it is called, anew each time; picklable, so that spawned ranks can build it."""

    def __init__(self, builder: Builder, parent: DictConfig, key: str, path: str) -> None:
        self._builder, self._parent, self._key, self.path = builder, parent, key, path

    def __call__(self) -> Any:
        """Build it."""
        return self._builder._child(self._parent, self._key, self.path)


def _arguments(node: DictConfig, target: Any, name: str, path: str) -> list[str]:
    """Return the argument names of a node, without inherited ones that the target does not name.

    A built-in without a signature keeps them all.
    """
    takes = accepted(target)
    keys = [str(key) for key in node if key not in DIRECTIVES]
    inherited = [] if takes is None else node.get(INHERITED) or []
    dropped = [key for key in keys if key in inherited and takes and key not in takes.names]
    if dropped:
        log.info(
            "%s: %s, written for the target before, are dropped: %s does not take them.", path, listed(dropped), name
        )
    return [key for key in keys if key not in dropped]


def _call(target: Any, name: str, args: list[Any], kwargs: dict[str, Any], path: str) -> Any:
    try:
        return target(*args, **kwargs)
    except UserError as error:
        error.within(path)
        raise
    except ImportError as error:
        package = missing_package(error) or name.split(".")[0]
        raise MissingPackageError(path, needs(name, package), install_hint(package)) from error
    except Exception as error:
        message = str(error).strip() or type(error).__name__
        raise ConfigError(path, f"{name} could not be built: {type(error).__name__}: {message}") from error


def _require_all(target: Any, name: str, args: list[Any], kwargs: dict[str, Any], path: str) -> None:
    takes = accepted(target)
    if takes is None or args:
        return
    missing = [key for key in takes.names if key in takes.required and key not in kwargs]
    if missing:
        raise missing_arguments(name, missing, path)


def _split(path: str) -> tuple[str, str | int]:
    """Return the path of the container that holds a node, and the node's name or index in it."""
    if path.endswith("]"):
        head, _, index = path.removesuffix("]").rpartition("[")
        return head, int(index)
    head, _, key = path.rpartition(".")
    return head, key


def _places(node: DictConfig | ListConfig, path: str) -> list[tuple[Any, str]]:
    """Return the keys of a container, each with its YAML path."""
    if isinstance(node, DictConfig):
        return [(key, f"{path}.{key!s}") for key in node]
    return [(index, f"{path}[{index}]") for index in range(len(node))]


def _plain(item: Any) -> Any:
    return OmegaConf.to_container(item, resolve=True) if OmegaConf.is_config(item) else item


def second_object(path: str, source: str) -> ConfigError:
    """Word that an interpolation points at a node which would be built a second time."""
    return ConfigError(
        path,
        f"points at the node '{source}', which has a `_target_`, so it would become a second object.",
        f"Move that node to {INSTANCES} and point both places at it.",
    )


def targets(item: Any) -> Iterator[str]:
    """Yield every `_target_` in a node, without resolving anything."""
    if isinstance(item, DictConfig) and not item._is_none() and not item._is_interpolation():
        if "_target_" in item:
            yield item._get_node("_target_")._value()  # type: ignore[union-attr]
        for key in item:
            yield from targets(item._get_node(key))
    elif isinstance(item, ListConfig) and not item._is_none() and not item._is_interpolation():
        for index in range(len(item)):
            yield from targets(item._get_node(index))
