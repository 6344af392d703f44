"""What is known of a place: which targets stand there, which keys do they take, and is that all?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from ml_core.errors import nearest
from ml_core.utils.extras import EXTRAS
from ml_core.wiring.fragments import NAMED_PARTS, STEPS
from ml_core.wiring.schema.places import Place
from ml_core.wiring.schema.targets import Targets
from ml_core.wiring.schema.types import Schema, schema_of

SECTIONS_OF_NODES = (("callbacks",), ("logger",))
EXTRAS_PATH = ("extras",)
STRUCTURED = {
    ("hydra",): "hydra.conf.HydraConf",
    ("hydra", "run"): "hydra.conf.RunDir",
    ("hydra", "sweep"): "hydra.conf.SweepDir",
    ("hydra", "job"): "hydra.conf.JobConf",
}
"""Places without a `_target_` whose keys are the fields of a class."""
ALWAYS_KNOWN = (*SECTIONS_OF_NODES, EXTRAS_PATH, *STRUCTURED)


class Knowledge:
    """Answers questions about the places that a set of files writes to.

    Args:
        root: What is written where.
        targets: Reads what targets take.
        families: For every target, others that may stand where it stands.
    """

    def __init__(self, root: Place, targets: Targets, families: Mapping[str, Sequence[str]]) -> None:
        self.root = root
        self.targets = targets
        self.families = families
        for path in ALWAYS_KNOWN:
            root.at(path)
        for place in root.walk():  # a misspelt target tells nothing of its place
            place.targets = [target for target in place.targets if targets.exists(target)]

    @cached_property
    def written(self) -> dict[str, None]:
        """All targets that files write, in their order."""
        return dict.fromkeys(target for place in self.root.walk() for target in place.targets)

    @cached_property
    def readable(self) -> dict[str, None]:
        """All targets whose signature is known, families included."""
        possible = [target for place in self.root.walk() for target in self.possible(place)]
        return dict.fromkeys(target for target in possible if self.targets.signature(target) is not None)

    def possible(self, place: Place) -> list[str]:
        """Return the targets that stand, or may as well stand, at a place."""
        relatives = (target for one in place.targets for target in self.families.get(one, ()))
        return list(dict.fromkeys([*place.targets, *relatives]))

    def told(self, place: Place) -> Schema:
        """Return description and default of a place: what files say, then what the parameter's documentation says."""
        above = self.root.at(place.path[:-1]).targets if place.path else []
        parameters = [self.parameters(target).get(place.path[-1], {}) for target in above]
        described = [
            *(schema.get("description", "") for schema in parameters),
            *map(self.targets.summary, place.targets),
        ]
        texts = dict.fromkeys(filter(None, [place.comment, next(filter(None, described), "")]))
        defaults = [{"default": schema["default"]} for schema in parameters[:1] if "default" in schema]
        return {**({"description": "\n\n".join(texts)} if texts else {}), **(defaults[0] if defaults else {})}

    def is_worth(self, place: Place) -> bool:
        """Whether anything is known of a place or of what is below it."""
        return place.path in ALWAYS_KNOWN or any(one.targets or one.comment for one in place.walk())

    @cached_property
    def wrappers(self) -> dict[str, list[str]]:
        """For every target, the classes whose fields may stand beside its arguments."""
        found: dict[str, set[str]] = {}
        for place in self.root.walk():
            for target in place.targets:
                for key, child in place.children.items():
                    wrapper = self.targets.wrapper(target, key)
                    for inner in self.possible(child) if wrapper else ():
                        found.setdefault(inner, set()).add(str(wrapper))
        return {target: sorted(wrappers) for target, wrappers in found.items()}

    def parameters(self, target: str) -> dict[str, Schema]:
        """Return the schemas of all keys that a node of this target may have, the framework's own left out."""
        wrappers = self.wrappers.get(target, ())
        beside = {name: schema for wrapper in wrappers for name, schema in self.targets.fields(wrapper).items()}
        return {**beside, **self.targets.parameters(target)}

    def names(self, targets: Iterable[str]) -> list[str]:
        """Return all keys that nodes of these targets may have."""
        return list(dict.fromkeys(name for target in targets for name in self.parameters(target)))

    def fields(self, place: Place) -> dict[str, Schema] | None:
        """Return the schemas of the keys of a place that no target decides; None of any other place."""
        if place.path == EXTRAS_PATH:
            return {name: schema_of("bool") for name in sorted(EXTRAS)}
        if place.path in STRUCTURED:
            fields = self.targets.parameters(STRUCTURED[place.path])
            return {name: schema for name, schema in fields.items() if name != "defaults"}
        return None

    def is_complete(self, place: Place) -> bool:
        """Whether a mapping without `_target_` at a place has no other keys than those that are known."""
        if self.fields(place) is not None:
            return True
        is_hydras = place.path[:1] == ("hydra",)  # its plugins bring options that no file here shows
        return not is_hydras and not place.is_variable and all(map(self.targets.is_closed, place.targets))

    def is_container(self, place: Place) -> bool:
        """Whether a place holds nodes under names of the user's choice."""
        above = self.root.at(place.path[:-1]).targets
        is_part = any(NAMED_PARTS.get(target) == place.path[-1] for target in above)
        return place.path in SECTIONS_OF_NODES or is_part or STEPS in place.targets or self._is_mixed(place)

    def _is_mixed(self, place: Place) -> bool:
        """Whether what is one node in a file is a mapping of nodes, none of them named like an argument, in another."""
        names = self.names(place.targets) if place.targets else []
        return bool(names) and any(
            keys and all(keys.values()) and not any(key in names or nearest(key, names) for key in keys)
            for keys in place.plain
        )
