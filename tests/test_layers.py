"""Imports point one way, and YAML holds no logic."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from setting import ROOT

PACKAGE = ROOT / "ml_core"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Lower first; a module may import from its own layer and those before it.
LAYERS = (
    ("ml_core.errors", "ml_core.constants"),
    ("ml_core.batch", "ml_core.annotations", "ml_core.typing_aliases", "ml_core.value_ranges", "ml_core.value_types"),
    (
        "ml_core.utils.arguments",
        "ml_core.utils.completion",
        "ml_core.utils.data_sets",
        "ml_core.utils.defaults_errors",
        "ml_core.utils.composition_errors",
        "ml_core.utils.eval_command",
        "ml_core.utils.instantiators",
        "ml_core.utils.last_checkpoint",
        "ml_core.utils.logged_values",
        "ml_core.utils.named_callables",
        "ml_core.utils.no_profiler",
        "ml_core.utils.option_hints",
        "ml_core.utils.origins",
        "ml_core.utils.other_ranks",
        "ml_core.utils.packages",
        "ml_core.utils.part_names",
        "ml_core.utils.project_root",
        "ml_core.utils.pylogger",
        "ml_core.utils.ranks",
        "ml_core.utils.report",
        "ml_core.utils.rich_utils",
        "ml_core.utils.retargeting",
        "ml_core.utils.search_path",
        "ml_core.utils.signatures",
        "ml_core.utils.stages",
        "ml_core.utils.storage",
        "ml_core.utils.targets",
        "ml_core.utils.values",
        "ml_core.utils.checkpoint_io",
        "ml_core.utils.stored_config",
        "ml_core.utils.trust",
        "ml_core.utils.composition",
        "ml_core.utils.logging_utils",
        "ml_core.utils.extras",
        "ml_core.machine_errors",
        "ml_core.models.components",
        "ml_core.step_errors",
    ),
    (
        "ml_core.generated_code",
        "ml_core.transforms",
        "ml_core.models.class_labels",
        "ml_core.models.compilation",
        "ml_core.models.finite",
        "ml_core.models.freezing",
        "ml_core.models.loss_means",
        "ml_core.models.optimization",
        "ml_core.models.parameter_groups",
        "ml_core.models.position",
        "ml_core.models.quick_module",
        "ml_core.models.schedules",
        "ml_core.models.scheduling",
        "ml_core.models.stable_decay",
        "ml_core.models.state_fit",
        "ml_core.models.utils",
        "ml_core.models.warmup",
        "ml_core.models.weight_patterns",
    ),
    ("ml_core.data", "ml_core.models.base_module", "ml_core.callbacks"),
    ("ml_core.wiring",),
    (
        "ml_core.utils.entry_point",
        "ml_core.utils.lifecycle",
        "ml_core.utils.run_errors",
        "ml_core.utils.sweep_check",
        "ml_core.utils.task",
    ),
    ("ml_core.train", "ml_core.eval", "ml_core.check", "ml_core.ai"),
)
APART = ("ml_core.data", "ml_core.models.base_module", "ml_core.callbacks")


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def layer_of(module: str) -> int | None:
    matches = [
        (len(p), i) for i, layer in enumerate(LAYERS) for p in layer if module == p or module.startswith(f"{p}.")
    ]
    return max(matches)[1] if matches else None


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ml_core"):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return {name for name in found if layer_of(name) is not None}


def test_every_module_stands_in_a_layer():
    assert len(MODULES) > 30
    names = [name_of(path) for path in MODULES if path.name != "__init__.py"]
    assert [name for name in names if layer_of(name) is None] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_from_its_own_layer_or_a_lower_one(path: Path):
    here = layer_of(name_of(path))
    higher = {name for name in imports_of(path) if here is not None and layer_of(name) > here}
    assert higher == set()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_data_module_and_callbacks_do_not_import_each_other(path: Path):
    own = next((part for part in APART if name_of(path).startswith(part)), None)
    others = {name for name in imports_of(path) for part in APART if part != own and name.startswith(part)}
    assert own is None or others == set()


@pytest.mark.parametrize("path", sorted((PACKAGE / "models" / "components").glob("*.py")), ids=name_of)
def test_components_know_no_configuration(path: Path):
    words = ("omegaconf", "hydra", "lightning")
    imported = {a.name for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Import) for a in n.names}
    imported |= {n.module or "" for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)}
    assert not [name for name in imported if name.startswith(words)]


def test_no_resolver_evaluates_expressions():
    assert not [path for path in MODULES if "register_new_resolver" in path.read_text()]


@pytest.mark.parametrize(
    "path", [PACKAGE / "train.py", PACKAGE / "eval.py", PACKAGE / "check.py", PACKAGE / "ai.py"], ids=name_of
)
def test_an_entry_point_fits_one_screen(path: Path):
    assert len(path.read_text().splitlines()) <= 60


def test_every_constant_is_used():
    constants = [
        n.targets[0].id for n in ast.parse((PACKAGE / "constants.py").read_text()).body if isinstance(n, ast.Assign)
    ]
    elsewhere = "".join(path.read_text() for path in MODULES if path.name != "constants.py")
    assert constants
    assert [name for name in constants if name not in elsewhere] == []
