"""Which generated code is accepted? An allow-list over its syntax; what is not on it is refused.

This is a linter that a language model's answer must pass, not a sandbox: what passes runs in the process with its
full rights, so read what was generated before you rely on it.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator

import torch

from ml_core.errors import PolicyError

MODULES = {"torch": "torch", "math": "math", "torch.nn.functional": "torch.nn.functional"}
BUILTINS = frozenset(
    [
        "abs",
        "all",
        "any",
        "bool",
        "dict",
        "enumerate",
        "float",
        "int",
        "isinstance",
        "len",
        "list",
        "max",
        "min",
        "range",
        "reversed",
        "round",
        "set",
        "sorted",
        "str",
        "sum",
        "tuple",
        "zip",
    ]
)
TORCH_FUNCTIONS = frozenset(
    name for name in dir(torch._C._VariableFunctions) if not name.startswith("_") and name not in {"from_file", "save"}
) | frozenset(
    {"einsum", "tensor", "Tensor", "where", "meshgrid", "split", "stft", "norm", "unique", "inf", "nan", "pi"}
)
DTYPES = frozenset(name for name in dir(torch) if isinstance(getattr(torch, name), torch.dtype))
METHODS = frozenset(name for name in dir(torch.Tensor) if not name.startswith("_")) - frozenset(
    [
        "apply_",
        "data_ptr",
        "map_",
        "map2_",
        "module_load",
        "numpy",
        "record_stream",
        "register_hook",
        "register_post_accumulate_grad_hook",
        "resize_",
        "set_",
        "share_memory_",
        "storage",
        "to_dlpack",
        "type",
        "untyped_storage",
    ]
)
CONTAINER_METHODS = frozenset(["append", "extend", "get", "items", "keys", "values", "index", "count"])
NODES = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr,
    ast.If, ast.For, ast.Pass, ast.Break, ast.Continue, ast.Import, ast.ImportFrom, ast.alias, ast.Name, ast.Load,
    ast.Store, ast.Constant, ast.Attribute, ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.Call,
    ast.keyword, ast.Starred, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.ListComp, ast.DictComp,
    ast.GeneratorExp, ast.comprehension, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.Raise,
)  # fmt: skip


def check_code(code: str, name: str, parameters: list[str], where: str) -> None:
    """Accept one top-level function of the asked name and parameters that computes on its arguments alone.

    Raises:
        PolicyError: Names the line and what is not accepted there.
    """
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        raise PolicyError(where, f"is no Python: line {error.lineno}: {error.msg}.") from error
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    others = [node for node in tree.body if not isinstance(node, (ast.FunctionDef, ast.Import, ast.ImportFrom))]
    if len(functions) != 1 or others:
        raise PolicyError(where, "must hold imports and one function, and nothing else at the top.")
    given = [argument.arg for argument in functions[0].args.args]
    if (functions[0].name, given) != (name, parameters):
        raise PolicyError(
            where, f"defines {functions[0].name}({', '.join(given)}), not {name}({', '.join(parameters)})."
        )
    for line, problem in _problems(tree):
        raise PolicyError(where, f"line {line}: {problem} is not accepted in generated code.", "Edit the prompt.")


def _problems(tree: ast.Module) -> Iterator[tuple[int, str]]:
    aliases = _aliases(tree)
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if not isinstance(node, NODES):
            yield line, type(node).__name__
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            if not _is_known_import(node):
                yield line, ast.unparse(node)
        elif isinstance(node, ast.FunctionDef) and node.decorator_list:
            yield line, "a decorator"
        elif isinstance(node, ast.Name) and node.id.startswith("_"):
            yield line, node.id
        elif isinstance(node, ast.Call) and not _is_known_call(node.func):
            yield line, f"{ast.unparse(node.func)}()"
        elif isinstance(node, ast.Attribute) and not _is_known_attribute(node, aliases):
            yield line, ast.unparse(node)
        elif isinstance(node, ast.Raise) and not isinstance(node.exc, ast.Call):
            yield line, "raise"


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Return the modules that names stand for; `torch` and `math` are there without an import."""
    names = {"torch": "torch", "math": "math", "F": "torch.nn.functional"}
    for node in tree.body:
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _is_known_import(node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.Import):
        return all(alias.name in MODULES and (alias.asname or "." not in alias.name) for alias in node.names)
    return node.level == 0 and all(f"{node.module}.{alias.name}" in MODULES for alias in node.names)


def _is_known_call(function: ast.expr) -> bool:
    """Whether a call names what it calls: an accepted built-in or error, or an attribute, which is looked at itself."""
    if isinstance(function, ast.Name):
        return function.id in BUILTINS | {"ValueError", "TypeError"}
    return isinstance(function, ast.Attribute)


def _is_known_attribute(node: ast.Attribute, aliases: dict[str, str]) -> bool:
    if node.attr.startswith("_"):
        return False
    owner = ast.unparse(node.value)
    module = aliases.get(owner, owner if owner in MODULES else None)
    if module == "torch":
        return node.attr in TORCH_FUNCTIONS | DTYPES or (node.attr == "nn")
    if owner in ("torch.nn", "nn"):
        return node.attr == "functional"
    if module == "torch.nn.functional":
        return callable(getattr(torch.nn.functional, node.attr, None)) and node.attr not in ("handle_torch_function",)
    if module == "math":
        return hasattr(math, node.attr)
    return node.attr in METHODS | CONTAINER_METHODS
