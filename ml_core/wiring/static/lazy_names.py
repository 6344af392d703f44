"""Which submodule does a package's table for lazy imports name? `{"models.auto": ["AutoModel"]}` and its like."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ml_core.wiring.static.module import literal_names


def lazy_homes(tree: ast.Module, name: str) -> Iterator[tuple[str, str]]:
    """Yield (submodule, attribute) for each entry of a literal table that gives `name`.

    Read are `{submodule: [names]}`, `{name: submodule}`, `{name: (submodule, attribute)}`, `table[key] = value` and
    `table[submodule].append(name)` or `.extend([names])`.
    """
    for node in ast.walk(tree):
        for key, value in _entries(node):
            listed = literal_names(value)
            if key == name and listed:
                yield listed[0], listed[1] if len(listed) == 2 else name
            elif name in listed:
                yield key, name


def _entries(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    match node:
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            yield from ((k.value, v) for k, v in pairs if isinstance(k, ast.Constant) and isinstance(k.value, str))
        case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=str(key)))]):
            yield key, node.value
        case ast.Call(func=ast.Attribute(value=ast.Subscript(slice=ast.Constant(value=str(key)))), args=[value]):
            yield key, value
