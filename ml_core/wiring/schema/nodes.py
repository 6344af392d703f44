"""What may stand at each place of a configuration, as JSON schema?

Two things decide: the `_target_` that is written there, wherever it is, and, where none is written (an experiment's
`model.optimizer: {lr: 0.1}`), what the targets take that other files write at that place. Definitions:

- `any`: any value; every node in it with a known target is checked;
- `node`: closes a node to what its target takes, where it is one that some file writes;
- `entry`: an entry of a mapping of nodes that no file knows, which needs a target;
- `target.<target>` and `place.<path>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote, unquote

from ml_core.errors import nearest
from ml_core.utils.extras import TOP_LEVEL
from ml_core.wiring.schema.knowledge import Knowledge
from ml_core.wiring.schema.places import KeyPath, Place
from ml_core.wiring.schema.targets import FRAMEWORK
from ml_core.wiring.schema.types import INTERPOLATION, Schema, schema_of


class Nodes:
    """Writes schemas of places.

    Args:
        known: What is known of them.
    """

    def __init__(self, known: Knowledge) -> None:
        self.known = known

    def definitions(self) -> dict[str, Schema]:
        """Return all that the schemas of places refer to."""
        found = {"any": self._any(), "node": self._node(), "entry": _entry()}
        for target in self.known.readable:
            found[f"target.{target}"] = self.known.targets.definition(target, self.known.wrappers.get(target, ()))
        for place in self.known.root.walk():
            if place.path and self.known.is_worth(place):
                found[_name(place.path)] = self.place(place)
        return found

    def place(self, place: Place, file_keys: Schema | None = None) -> Schema:
        """Return the schema of what stands at a place.

        Args:
            place: The place.
            file_keys: Schemas of keys that stand in a file beside those of the place; None where it is no file.
        """
        closing = self._closed([place]) if file_keys is None else self._closed_file(place, file_keys)
        fragment = self._fragment(place, file_keys or {})
        rules = [*closing, *([_unless_target(fragment)] if fragment else [])]
        children, told = self._children(place)
        own = {**_suggested(self.known.possible(place)), **children, **(file_keys or {})}
        return {
            **self.known.told(place),
            **({"allOf": rules} if rules else {}),
            **({"properties": own} if own else {}),
            **({"patternProperties": told} if told else {}),
            "additionalProperties": self._unnamed(place),
            "items": ANY,
        }

    def file(self, packages: Sequence[KeyPath], file_keys: Schema, own_keys: Iterable[str] = ()) -> Schema:
        """Return the schema of the files of a group.

        Args:
            packages: Where they land. Where that differs from file to file, only those that land at the first may
                have a target that is not known there.
            file_keys: Schemas of keys that stand in a file beside those of its place.
            own_keys: What a primary configuration has at the top level: its command may have options of its own.
        """
        if () in packages:
            options = [key for key in own_keys if key not in file_keys and not nearest(key, TOP_LEVEL)]
            return self._top_level({**{key: self._section(key, "Any") for key in options}, **file_keys})
        places = [self.known.root.at(package) for package in packages]
        first, *others = shapes = [self.place(place, file_keys) for place in places]
        for place, shape in zip(places[1:], others, strict=True):
            shape["properties"]["_target_"] = {"enum": [*self.known.possible(place), None]}
        return {"anyOf": shapes} if others else first

    def _top_level(self, file_keys: Schema) -> Schema:
        """Return the schema of a file that writes to the top level."""
        kinds = {**TOP_LEVEL, "hydra": "dict"}
        return {
            "type": ["object", "null"],
            "properties": {**{key: self._section(key, kind) for key, kind in kinds.items()}, **file_keys},
            "additionalProperties": False,
        }

    def _section(self, key: str, kind: str | None) -> Schema:
        place = self.known.root.child(key)
        inner = _ref(_name(place.path) if self.known.is_worth(place) else "any")
        return {**self.known.told(place), **schema_of(kind or "dict | list | None"), "allOf": [inner]}

    def _any(self) -> Schema:
        return {"allOf": [_ref("node")], "additionalProperties": ANY, "items": ANY}

    def _node(self) -> Schema:
        rules = [_if_target(target) for target in self.known.written if target in self.known.readable]
        return {"allOf": rules} if rules else {}

    def _closed(self, places: Iterable[Place]) -> list[Schema]:
        """Return what closes a node to what its target takes: one that files write, or one of a family at a place."""
        possible = dict.fromkeys(target for place in places for target in self.known.possible(place))
        others = [target for target in possible if target not in self.known.written and target in self.known.readable]
        return [_ref("node"), *map(_if_target, others)]

    def _closed_file(self, place: Place, file_keys: Schema) -> list[Schema]:
        """Return what closes a file to what its target takes, with the keys that only a file has."""
        closed = []
        for target in (one for one in self.known.possible(place) if one in self.known.readable):
            names = (*FRAMEWORK, *self.known.names([target]))
            keys = {name: _ref(f"target.{target}", name) for name in names}
            is_open = not self.known.targets.is_closed(target)
            shape = {"title": target, "properties": {**keys, **_free(file_keys)}, "additionalProperties": is_open}
            closed.append({**_if_target(target), "then": shape})
        return closed

    def _fragment(self, place: Place, file_keys: Schema) -> Schema:
        """Return the schema of a place's mapping without `_target_`; empty where nothing is known of it."""
        keys = self._keys(place)
        if keys is None:
            return {}
        if self.known.is_container(place):
            entries = [name for name, child in place.children.items() if child.targets or child.is_variable]
            named = {**_free(entries), **keys, **_free(file_keys)}
            return {"properties": named, "additionalProperties": _ref("entry")}
        is_open = not self.known.is_complete(place)
        return {"properties": {**FRAMEWORK, **keys, **_free(file_keys)}, "additionalProperties": is_open}

    def _unnamed(self, place: Place) -> Schema:
        """Return the schema of what stands under a key that is not known; new nodes are offered the others' targets."""
        if not self.known.is_container(place):
            return ANY
        offered = [target for child in place.children.values() for target in self.known.possible(child)]
        closing = {"allOf": self._closed(place.children.values())}
        return {**self._any(), **closing, "properties": _suggested(offered)}

    def _keys(self, place: Place) -> Schema | None:
        """Return the keys that what stands at a place takes; None where that is not known."""
        fields = self.known.fields(place)
        readable = [target for target in place.targets if self.known.targets.signature(target) is not None]
        if fields is not None or (not readable and not self.known.is_container(place)):
            return fields
        return {name: self._merged(readable, name) for name in self.known.names(readable)}

    def _merged(self, targets: Iterable[str], name: str) -> Schema:
        """Return the schema of a key that some of the targets take: what any of them lets pass."""
        kinds: list[Schema] = []
        chosen = []
        for target in targets:
            schema = self.known.parameters(target).get(name)
            kind = {key: rule for key, rule in (schema or {}).items() if key not in ("default", "description")}
            if schema is not None and kind not in kinds:
                kinds.append(kind)
                chosen.append(_ref(f"target.{target}", name))
        return chosen[0] if len(chosen) == 1 else {"anyOf": chosen}

    def _children(self, place: Place) -> tuple[Schema, Schema]:
        """Return the schemas of the keys below a place of which something is known; misspelt ones are left out.

        Arguments with no more than a comment come apart, as patterns: an editor shows those and offers none of them,
        because another target may not take them.
        """
        keys, is_container = self._keys(place), self.known.is_container(place)
        offered, told = {}, {}
        for name, child in place.children.items():
            if self.known.is_worth(child) and (keys is None or name in keys or (is_container and child.targets)):
                if keys is not None and not child.targets and not child.children:
                    told[f"^{re.escape(name)}$"] = {**self.known.told(child), "allOf": [ANY]}
                else:
                    offered[name] = _ref(_name(child.path))
        return offered, told


def used(schema: Schema, definitions: dict[str, Schema]) -> dict[str, Schema]:
    """Return the definitions that a schema refers to, directly or through others."""
    names: set[str] = set()
    pending = list(_references(schema))
    while pending:
        name = pending.pop()
        if name not in names:
            names.add(name)
            pending.extend(_references(definitions[name]))
    return {name: definition for name, definition in definitions.items() if name in names}


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield unquote(schema["$ref"].split("/")[2]).replace("~1", "/").replace("~0", "~")
        schema = list(schema.values())
    if isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)


def _suggested(targets: Iterable[str]) -> Schema:
    """Return the property `_target_` with targets that an editor offers; any other is as good."""
    listed = list(dict.fromkeys(targets))
    return {"_target_": {"anyOf": [{"enum": listed}, {"type": "string"}]}} if listed else {}


def _free(names: Iterable[str]) -> Schema:
    return {name: {} for name in names}


def _entry() -> Schema:
    needs = {"if": {"type": "object"}, "then": {"required": ["_target_"]}}
    return {"type": ["object", "null", "string"], "pattern": INTERPOLATION, **needs}


def _if_target(target: str) -> Schema:
    """Return the rule for a node of this target: its definition."""
    has = {"type": "object", "properties": {"_target_": {"const": target}}, "required": ["_target_"]}
    return {"if": has, "then": _ref(f"target.{target}")}


def _unless_target(then: Schema) -> Schema:
    return {"if": {"type": "object", "not": {"required": ["_target_"]}}, "then": then}


def _name(path: KeyPath) -> str:
    return ".".join(("place", *path))


def _ref(name: str, key: str | None = None) -> Schema:
    """Return the reference to a definition, or to one of its properties."""
    parts = ["definitions", name, *(["properties", key] if key is not None else [])]
    escaped = (quote(part.replace("~", "~0").replace("/", "~1"), safe="~") for part in parts)
    return {"$ref": f"#/{'/'.join(escaped)}"}


ANY = _ref("any")
