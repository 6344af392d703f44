"""What may stand in a node with a given `_target_`, as JSON schema?"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from ml_core.wiring.schema import docs
from ml_core.wiring.schema.types import Schema, default_of, schema_of
from ml_core.wiring.static.parameters import BY_KEYWORD
from ml_core.wiring.static_signatures import Parameter, Resolver, StaticSignature, Unresolved

FRAMEWORK: dict[str, Schema] = {
    "_target_": {"type": "string", "description": "Dotted path of the class or function that the node becomes."},
    "_partial_": {
        **schema_of("bool"),
        "description": "true: do not call it yet, make a functools.partial; optimizers and schedulers are such.",
    },
    "_args_": {**schema_of("list"), "description": "Positional arguments."},
    "_recursive_": {**schema_of("bool"), "description": "false: hand nested nodes over as plain data."},
    "_convert_": {
        **schema_of("Literal['all', 'partial', 'object']"),
        "description": "Objects get plain dicts and lists, whichever of these is said.",
    },
}


class Targets:
    """Reads signatures and their documentation.

    Args:
        resolver: Reads signatures.
    """

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver
        self._definitions: dict[str, Schema] = {}

    def signature(self, target: str) -> StaticSignature | None:
        """Return what a target takes; None where its source does not tell."""
        if target.split(".")[0] in sys.stdlib_module_names:
            return None
        try:
            return self.resolver.signature(target)
        except Unresolved:
            return None

    def exists(self, target: str) -> bool:
        """Whether a target may exist; one of a package that is not installed may."""
        try:
            self.resolver.signature(target)
        except Unresolved as error:
            return error.kind not in ("module", "name")
        return True

    def is_closed(self, target: str) -> bool:
        """Whether all that a target takes is known."""
        signature = self.signature(target)
        return signature is not None and not signature.is_open

    def wrapper(self, target: str, key: str) -> str | None:
        """Return the class that holds the further fields of the node under a key; see `Builder`."""
        if self.signature(target) is None:
            return None
        wrapped = self.resolver.class_attribute(target, "wrapped_parameters")
        return str(wrapped[key]) if isinstance(wrapped, dict) and key in wrapped else None

    def parameters(self, target: str) -> dict[str, Schema]:
        """Return the schema of every parameter that may be given by keyword; of a target that can be read."""
        if target not in self._definitions:
            signature = self.signature(target)
            by_keyword = [p for p in signature.parameters if p.kind in BY_KEYWORD] if signature else []
            self._definitions[target] = {p.name: self._parameter(target, p) for p in by_keyword}
        return self._definitions[target]

    def fields(self, wrapper: str) -> dict[str, Schema]:
        """Return the schemas of the fields of a wrapping class that stand beside the arguments of what it wraps."""
        _, *rest = self.parameters(wrapper).items()
        return dict(rest)

    def definition(self, target: str, wrappers: Iterable[str] = ()) -> Schema:
        """Return the schema of a node of this target: closed, unless it takes names that are not known."""
        signature = self.signature(target)
        assert signature is not None
        beside = {name: schema for wrapper in wrappers for name, schema in self.fields(wrapper).items()}
        described = self.summary(target)
        named = {"_target_": {"type": "string", **({"description": described} if described else {})}}
        return {
            "title": target,
            **({"description": described} if described else {}),
            "properties": {**FRAMEWORK, **named, **beside, **self.parameters(target)},
            **({} if signature.is_open else {"additionalProperties": False}),
        }

    def summary(self, target: str) -> str:
        """Return what a target says of itself; empty where it says nothing, or cannot be read."""
        signature = self.signature(target)
        return docs.summary(signature.file, signature.line) if signature else ""

    def _parameter(self, target: str, parameter: Parameter) -> Schema:
        described = next((text for text in self._descriptions(target, parameter) if text), "")
        return {
            **schema_of(parameter.annotation, parameter.default),
            **default_of(parameter.default),
            **({"description": described} if described else {}),
        }

    def _descriptions(self, target: str, parameter: Parameter) -> Iterator[str]:
        """Yield what is said of a parameter: by the target, by what it hands it on to, by its ancestors."""
        for source in (target, parameter.via or "", *self._ancestors(target)):
            signature = self.signature(source) if "." in source else None
            if signature is not None:
                yield docs.description(signature.file, signature.line, parameter.name)

    def _ancestors(self, target: str) -> list[str]:
        try:
            return sorted(self.resolver.bases(target))
        except Unresolved:
            return []
