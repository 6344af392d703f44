"""Time the static signatures, and compare them with those that `inspect` tells of the imported libraries.

Run:
    python scripts/bench_signatures.py
    python scripts/bench_signatures.py --namespaces torch.optim torchmetrics
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from ml_core.wiring.static_signatures import Resolver, StaticSignature, Unresolved

ROOT = Path(__file__).resolve().parents[1]
NODES = 10_000
NAMESPACES = (
    "torch",
    "torch.nn",
    "torch.nn.functional",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.utils.data",
    "torchmetrics",
    "torchmetrics.classification",
    "torchmetrics.functional",
    "torchvision.models",
    "torchvision.transforms",
    "torchvision.transforms.v2",
    "lightning.pytorch",
    "lightning.pytorch.callbacks",
    "lightning.pytorch.loggers",
    "lightning.pytorch.strategies",
    "datasets",
    "optuna.samplers",
    "optuna.pruners",
    "transformers",
    "timm",
)


def config_targets(folder: Path) -> list[str]:
    """Return every `_target_` in the YAML files below a folder."""
    found: set[str] = set()
    for path in sorted(folder.rglob("*.yaml")):
        waiting = [yaml.safe_load(path.read_text(encoding="utf-8"))]
        while waiting:
            node = waiting.pop()
            waiting += node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
            if isinstance(node, dict) and "_target_" in node:
                found.add(node["_target_"])
    return sorted(found)


def public_callables(namespace: str) -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, object) of each public class and function of an imported module."""
    module = importlib.import_module(namespace)
    for name in sorted(getattr(module, "__all__", dir(module))):
        value = getattr(module, name, None)
        if not name.startswith("_") and callable(value):
            yield f"{namespace}.{name}", value


def contradiction(static: StaticSignature, value: Any) -> str | None:
    """Return how a static signature contradicts that of the object itself; None where it does not.

    It may hold more names where the object has `**kwargs`, may be open, and may hold names that a decorator takes,
    which `inspect` does not show. `inspect.signature` raises ValueError for an object that has none.
    """
    parameters = inspect.signature(value).parameters.values()
    named = {p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    is_open = any(p.kind is p.VAR_KEYWORD for p in parameters)
    if (missing := set(named) - set(static.names)) and not static.is_open:
        return f"lacks {sorted(missing)}"
    extra = {p.name for p in static.parameters if p.name in static.names and p.via != "decorator"} - set(named)
    if not is_open and extra:
        return f"has also {sorted(extra)}"
    known = {p.name for p in static.parameters if p.default != "?"} & set(named)
    required = {name for name in known if named[name].default is inspect.Parameter.empty}
    return (
        None if required == static.required & known else f"requires {sorted(static.required)}, not {sorted(required)}"
    )


def verdict(resolver: Resolver, target: str, value: Any) -> str:
    """Return what the comparison for one target comes to."""
    try:
        static = resolver.signature(target)
    except Unresolved as failure:
        return f"{failure.kind}: a false mistake" if failure.is_mistake else "not checked"
    try:
        fault = contradiction(static, value)
    except (ValueError, TypeError):
        return "only static"
    return f"contradiction: {fault}" if fault else "open" if static.is_open else "same"


def timed(work: Callable[[], object]) -> float:
    """Return the milliseconds that a piece of work takes."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def ask(resolver: Resolver, targets: list[str]) -> None:
    """Ask for each target once, whatever comes of it."""
    for target in targets:
        try:
            resolver.signature(target)
        except Unresolved:
            continue


def print_times(folder: Path, cache: Path) -> None:
    """Print how long the targets of the configurations take: from source, from the cache, and many times over."""
    targets = config_targets(folder)
    fresh = Resolver(cache=cache)
    print(
        f"{len(targets)} targets of {folder.name}/**/*.yaml, from source: {timed(lambda: ask(fresh, targets)):.0f} ms"
    )
    print(f"writing the cache: {timed(fresh.save):.0f} ms, {cache.stat().st_size / 1024:.0f} KiB")
    again = Resolver(cache=cache)
    start = timed(lambda: ask(Resolver(cache=cache), targets))
    print(f"the same from the cache: {start:.1f} ms")
    nodes = (targets * (NODES // len(targets) + 1))[:NODES]
    ask(again, targets)
    print(f"{NODES:,} nodes with these targets, asked again: {timed(lambda: ask(again, nodes)):.1f} ms")
    heavy = [name for name in ("torch", "lightning", "datasets") if name in sys.modules]
    print(f"imported by all this: {', '.join(heavy) or 'none of the libraries'}")


def print_agreement(namespaces: list[str]) -> None:
    """Print, for each namespace, how its static signatures compare with the imported ones."""
    resolver = Resolver()
    total: Counter[str] = Counter()
    for namespace in namespaces:
        try:
            objects = list(public_callables(namespace))
        except ImportError:
            print(f"{namespace:32} not installed")
            continue
        verdicts = {target: verdict(resolver, target, value) for target, value in objects}
        counts = Counter(v.partition(":")[0] for v in verdicts.values())
        total += counts
        print(f"{namespace:32} {len(verdicts):5}  {_shown(counts)}")
        for target, found in verdicts.items():
            if ":" in found:
                print(f"    {target}: {found}")
    print(f"{'all':32} {total.total():5}  {_shown(total)}")


def _shown(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {word}" for word, number in sorted(counts.items()))


def main() -> None:
    """Print times, then agreement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configs", type=Path, default=ROOT / "configs")
    parser.add_argument("--namespaces", nargs="*", default=NAMESPACES)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print_times(arguments.configs, Path(folder) / "signatures.json")
    warnings.simplefilter("ignore")
    print_agreement(list(arguments.namespaces))


if __name__ == "__main__":
    main()
