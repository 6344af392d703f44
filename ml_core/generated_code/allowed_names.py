"""Which functions, methods and syntax may generated code use?"""

from __future__ import annotations

import ast
import math

import torch

MODULES = {"torch": "torch", "math": "math", "torch.nn.functional": "torch.nn.functional"}
ALIASES = {"torch": "torch", "math": "math", "F": "torch.nn.functional"}
"""Modules that are there without an import, by name."""

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
ERRORS = frozenset({"ValueError", "TypeError"})

NOT_IN_TORCH = {"from_file", "from_numpy", "frombuffer", "save", "triplet_margin_with_distance_loss"}
TORCH = frozenset(
    name for name in dir(torch._C._VariableFunctions) if not name.startswith(("_", "sym_")) and name not in NOT_IN_TORCH
) | frozenset(
    ["einsum", "tensor", "Tensor", "where", "meshgrid", "split", "stft", "norm", "unique", "inf", "nan", "pi"]
)
DTYPES = frozenset(name for name in dir(torch) if isinstance(getattr(torch, name), torch.dtype))

NOT_FUNCTIONAL = ("_", "assert_", "boolean_", "handle_", "has_torch_")
FUNCTIONAL = frozenset(
    name
    for name in dir(torch.nn.functional)
    if name.islower()
    and callable(getattr(torch.nn.functional, name))
    and not name.startswith(NOT_FUNCTIONAL)
    and name not in NOT_IN_TORCH
)
MATH = frozenset(name for name in dir(math) if not name.startswith("_"))

NO_METHODS = frozenset(
    [
        "apply_",
        "backward",
        "cuda",
        "data",
        "data_ptr",
        "grad_fn",
        "hpu",
        "ipu",
        "is_shared",
        "map_",
        "map2_",
        "module_load",
        "mtia",
        "name",
        "numpy",
        "output_nr",
        "pin_memory",
        "record_stream",
        "register_hook",
        "register_post_accumulate_grad_hook",
        "reinforce",
        "resize_",
        "resize_as_",
        "retain_grad",
        "set_",
        "share_memory_",
        "storage",
        "storage_type",
        "to_dlpack",
        "to_mkldnn",
        "type",
        "untyped_storage",
        "volatile",
        "xpu",
    ]
)
METHODS = frozenset(name for name in dir(torch.Tensor) if not name.startswith("_")) - NO_METHODS
CONTAINER_METHODS = frozenset(["append", "extend", "get", "items", "keys", "values", "index", "count"])

NODES = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr,
    ast.If, ast.For, ast.Pass, ast.Break, ast.Continue, ast.Import, ast.ImportFrom, ast.alias, ast.Name, ast.Load,
    ast.Store, ast.Constant, ast.Attribute, ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.Call,
    ast.keyword, ast.Starred, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.ListComp, ast.DictComp,
    ast.GeneratorExp, ast.comprehension, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.Raise,
)  # fmt: skip
