"""Does every name of a configuration exist, and does every key fit its target? Level 1 of the wiring check.

Signatures are read from source: nothing is imported, nothing is called, no data is opened.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from ml_core.annotations import has_limits
from ml_core.errors import ConfigError, MissingPackageError, UserError, listed, nearest
from ml_core.utils.defaults_errors import repeated_choices
from ml_core.utils.extras import top_level_mistakes
from ml_core.utils.instantiators import DIRECTIVES, INSTANCES, second_object, targets
from ml_core.utils.packages import install_hint, needs
from ml_core.utils.retargeting import INHERITED
from ml_core.utils.signatures import missing_arguments, unknown_argument
from ml_core.utils.values import value
from ml_core.value_types import choices_of, misfit
from ml_core.wiring.findings import Findings, Note
from ml_core.wiring.fragments import fragment_mistakes
from ml_core.wiring.library_values import KNOWN, annotation_of
from ml_core.wiring.mappings import NoMetricError, mapping_mistakes
from ml_core.wiring.nodes import is_ours, node_mistakes, written
from ml_core.wiring.static_signatures import Parameter, Resolver, StaticSignature, Unresolved
from ml_core.wiring.top_level import value_mistakes
from ml_core.wiring.trainer_values import ignored_values, trainer_mistakes
from ml_core.wiring.written_files import same_files, written_again

Beside = Mapping[str, Parameter]
"""Further keys that a node may carry beside the arguments of its target."""
NOTHING: Beside = {}

SECTIONS = ("params", "data", "model", "callbacks", "logger", "trainer")
GIVEN = {"trainer": ("callbacks", "logger")}
"""Arguments that the run adds to a node."""
GIVEN_BY_MODEL = {
    "model.optimizer": ("params",),
    "model.scheduler": ("optimizer", "total_steps", "num_training_steps", "T_max"),
}
"""Arguments that our own model adds to its partials: all that is not written then."""


def check_names(cfg: DictConfig, resolver: Resolver, findings: Findings, own: Collection[str] = ()) -> None:
    """Find every mistake that names, signatures and plain values show.

    Args:
        cfg: The composed configuration.
        resolver: Reads signatures.
        findings: Gets the mistakes, and the targets whose signature cannot be read.
        own: Keys of the top level that are the command's own.
    """
    findings.errors.extend(repeated_choices())
    findings.errors.extend(top_level_mistakes(cfg, own))
    findings.errors.extend(value_mistakes(cfg))
    findings.errors.extend(node_mistakes(cfg))
    walk = _Walk(resolver, findings, GIVEN_BY_MODEL if is_ours(written(cfg, "model")) else {})
    for section in SECTIONS:
        if section in cfg:
            walk.child(cfg, section, section)
    _keep_to_kinds(findings)
    findings.errors.extend(fragment_mistakes(cfg))
    findings.errors.extend(trainer_mistakes(cfg))
    findings.errors.extend(same_files(cfg))
    findings.notes.extend([*ignored_values(cfg), *written_again(cfg)])


def _keep_to_kinds(findings: Findings) -> None:
    """Drop what is wrong with the arguments of a node that should make something else altogether."""
    nodes = [error.where.removesuffix("_target_") for error in findings.errors if isinstance(error, NoMetricError)]
    findings.errors[:] = [
        error
        for error in findings.errors
        if isinstance(error, NoMetricError) or not any(error.where.startswith(node) for node in nodes)
    ]


@dataclass
class _Walk:
    resolver: Resolver
    findings: Findings
    given_to_partials: Mapping[str, tuple[str, ...]]

    def child(self, parent: DictConfig | ListConfig, key: Any, path: str, beside: Beside = NOTHING) -> None:
        """Look at one value of a container, and at everything below it."""
        raw = parent._get_node(key)
        try:
            child = value(parent, key, path)
        except ConfigError as error:
            self.findings.errors.append(error)
            return
        if OmegaConf.is_config(child) and raw._is_interpolation():  # type: ignore[union-attr]
            self._reference(child, path)
        elif isinstance(child, DictConfig):
            self._mapping(child, path, beside)
        elif isinstance(child, ListConfig):
            for index in range(len(child)):
                self.child(child, index, f"{path}[{index}]")

    def _mapping(self, node: DictConfig, path: str, beside: Beside) -> None:
        if "_target_" in node:
            self._target(node, path, beside)
            return
        for key in node:
            self.child(node, key, f"{path}.{key!s}")

    def _reference(self, node: Any, path: str) -> None:
        """Refuse a second object of a node; what is under `params.instances` is shared."""
        source = node._get_full_key(None)
        is_shared = source.startswith(f"{INSTANCES}.") and source.count(".") == 2
        if not is_shared and any(targets(node)):
            self.findings.errors.append(second_object(path, source))

    def _target(self, node: DictConfig, path: str, beside: Beside) -> None:
        try:
            name = str(value(node, "_target_", f"{path}._target_"))
        except ConfigError as error:
            self.findings.errors.append(error)
            return
        signature = self._signature(name, f"{path}._target_")
        keys = [str(key) for key in node if key not in DIRECTIVES and str(key) not in beside]
        for key in map(str, node):
            if key in beside:
                self._type(node, key, beside[key], f"{path}.{key}", beside[key].annotation)
                self.child(node, key, f"{path}.{key}")
        if signature is not None:
            inherited = node.get(INHERITED) or []
            keys = [key for key in keys if key not in inherited or key in signature.names or signature.is_open]
            self._arguments(node, name, signature, keys, path, beside)
            self.findings.errors.extend(mapping_mistakes(self.resolver, name, node, path))
        if written(node, "_recursive_") is False:
            return
        wrapped = self._wrapped(name) if signature is not None else {}
        for key in (*keys, *(key for key in ("_args_",) if key in node)):
            self.child(node, key, f"{path}.{key}", beside=wrapped.get(key, NOTHING))

    def _signature(self, name: str, path: str) -> StaticSignature | None:
        if name.split(".")[0] in sys.stdlib_module_names:
            self.findings.unchecked.append(Note(path, f"{name} is of Python's own library."))
            return None
        try:
            return self.resolver.signature(name)
        except Unresolved as error:
            if error.kind in ("builtin", "dynamic") or _is_there(name):
                self.findings.unchecked.append(Note(path, f"{name} has no signature that can be read: {error}."))
            else:
                self.findings.errors.append(unresolved(name, path, error))
            return None

    def _arguments(
        self, node: DictConfig, name: str, signature: StaticSignature, keys: list[str], path: str, beside: Beside
    ) -> None:
        by_name = {parameter.name: parameter for parameter in signature.parameters}
        meant: list[str] = []
        for key in keys:
            if key in by_name:
                annotation = self._annotation(name, by_name[key])
                self._type(node, key, by_name[key], f"{path}.{key}", annotation)
            elif key.startswith("_") and nearest(key, DIRECTIVES):
                self.findings.errors.append(_unknown_directive(key, path))
            elif not signature.is_open:
                self.findings.errors.append(unknown_argument(name, key, (*signature.names, *beside), path))
                meant.append(nearest(key, signature.names))
        missing = [
            key for key in self._missing(node, signature, keys, path) if nearest(key, [key]) not in meant
        ]  # or else it is told as a misspelt one
        if missing:
            self.findings.errors.append(missing_arguments(name, missing, path))

    def _missing(self, node: DictConfig, signature: StaticSignature, keys: list[str], path: str) -> list[str]:
        """Return the required arguments that a node lacks; none of a partial whose caller may have any."""
        is_partial = written(node, "_partial_") is True
        if (is_partial and path not in self.given_to_partials) or node.get("_args_"):
            return []
        given = self.given_to_partials[path] if is_partial else GIVEN.get(path, ())
        return [key for key in signature.names if key in signature.required - {*keys, *given}]

    def _annotation(self, name: str, parameter: Parameter) -> str | None:
        """Return what a parameter's values must be: as its library's words have it, or else as it is annotated."""
        if parameter.name not in KNOWN:
            return parameter.annotation
        owners = {parameter.via} if parameter.via else self.resolver.bases(name)
        return annotation_of(owners, parameter.name) or parameter.annotation

    def _type(self, node: DictConfig, key: str, parameter: Parameter, path: str, annotation: str | None) -> None:
        try:
            plain = value(node, key, path)
        except ConfigError:
            return  # told where the value itself is looked at
        wrong = misfit(_plain(plain), annotation, parameter.default)
        if wrong and not parameter.kind.startswith("var_"):
            fix = (
                _without_brackets(node, plain)
                or choices_of(annotation)
                or ("" if has_limits(annotation) else f"It is annotated {annotation}.")
            )
            self.findings.errors.append(ConfigError(path, wrong, fix))

    def _wrapped(self, name: str) -> Mapping[str, Beside]:
        """Return `{parameter: further keys its node may carry}` of a class that wraps parameters; see `Builder`."""
        wrappers = self.resolver.class_attribute(name, "wrapped_parameters")
        if not isinstance(wrappers, dict):
            return {}
        fields = {key: self.resolver.signature(str(wrapper)).parameters[1:] for key, wrapper in wrappers.items()}
        return {key: {parameter.name: parameter for parameter in others} for key, others in fields.items()}


def _unknown_directive(key: str, path: str) -> ConfigError:
    known = sorted(DIRECTIVES - {INHERITED})
    return ConfigError(
        f"{path}.{key}", f"there is no directive '{key}'.{nearest(key, known)}", f"There are: {listed(known)}."
    )


def _is_there(name: str) -> bool:
    """Whether a module that is loaded has a callable which its source does not show."""
    module, _, last = name.rpartition(".")
    return callable(getattr(sys.modules.get(module), last, None))


def unresolved(name: str, path: str, error: Unresolved) -> UserError:
    """Word why a target cannot be found: its package, its module or the name in it."""
    if "." not in name:
        return ConfigError(
            path, f"is '{name}', which names no module.", "Write package.module.name, such as torch.optim.Adam."
        )
    if "(" in name:
        bare = name.partition("(")[0]
        return ConfigError(path, f"is '{name}', which holds a call.", f"Write {bare} alone, and its arguments as keys.")
    if error.kind == "package":
        return MissingPackageError(path, needs(name, error.asked), install_hint(error.asked))
    if not error.asked:  # a file that is no Python
        return ConfigError(path, f"{name} cannot be read: {error}.", "Mend that file.")
    return ConfigError(
        path,
        f"there is no {name}: {error}.{nearest(error.asked, error.known)}",
        "Check the spelling, module by module.",
    )


def _without_brackets(node: DictConfig, given: Any) -> str:
    """Return what to write where text is the path of another value; nothing for any other value."""
    is_path = isinstance(given, str) and re.fullmatch(r"\w+(\.\w+)+", given)
    is_there = is_path and OmegaConf.select(node._get_root(), given, throw_on_missing=False) is not None
    return f"To point at that value, write ${{{given}}}." if is_there else ""


def _plain(item: Any) -> Any:
    """Return plain data, with interpolations below the top as they were written."""
    return OmegaConf.to_container(item, resolve=False) if OmegaConf.is_config(item) else item
