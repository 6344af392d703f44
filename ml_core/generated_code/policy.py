"""Which generated code is accepted? An allow-list over its syntax; what is not on it is refused.

This is a linter that a language model's answer must pass, not a sandbox: what passes runs in the process with its
full rights, so read what was generated before you rely on it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from ml_core.errors import PolicyError
from ml_core.generated_code.allowed_names import (
    ALIASES,
    BUILTINS,
    CONTAINER_METHODS,
    DTYPES,
    ERRORS,
    FUNCTIONAL,
    MATH,
    METHODS,
    MODULES,
    NODES,
    TORCH,
)

POLICY_VERSION = 1
"""Written into each file: raise it when less is accepted than before."""

GIVEN = BUILTINS | ERRORS | {"Tensor"}
OF_MODULE = {"torch": TORCH | DTYPES, "torch.nn.functional": FUNCTIONAL, "math": MATH}


def check_code(code: str, name: str, parameters: Sequence[str], where: str) -> None:
    """Accept one top-level function of the asked name and parameters that computes on its arguments alone.

    Raises:
        PolicyError: Names the line and what is not accepted there.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise PolicyError(where, f"is no Python: {error}.") from error
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    others = [node for node in tree.body if not isinstance(node, (ast.FunctionDef, ast.Import, ast.ImportFrom))]
    if len(functions) != 1 or others:
        place = f"line {others[0].lineno}: " if others else ""
        raise PolicyError(where, f"{place}must hold imports and one function, and nothing else at the top.")
    given = ast.arguments(args=[ast.arg(parameter) for parameter in parameters], posonlyargs=[], kwonlyargs=[],
                          kw_defaults=[], defaults=[])  # fmt: skip
    if (functions[0].name, _heads(functions[0].args)) != (name, _heads(given)):
        raise PolicyError(
            where, f"defines {functions[0].name}({_heads(functions[0].args)}), not {name}({', '.join(parameters)})."
        )
    for line, problem in _Policy(tree).problems():
        raise PolicyError(where, f"line {line}: {problem} is not accepted in generated code.", "Edit the prompt.")


def _heads(given: ast.arguments) -> str:
    """Return parameters as they are named, stars included, without annotations and defaults."""
    names = [argument.arg for argument in given.posonlyargs + given.args]
    names += [f"*{given.vararg.arg}"] if given.vararg else []
    names += [f"{argument.arg}=" for argument in given.kwonlyargs]
    names += [f"**{given.kwarg.arg}"] if given.kwarg else []
    return ", ".join(names)


class _Policy:
    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.aliases = ALIASES | _imported(tree)
        self.parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        self.made = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and _is_written(node)}
        self.made |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}

    def problems(self) -> Iterator[tuple[int, str]]:
        """Yield lines and what is not accepted on them."""
        for node in ast.walk(self.tree):
            problem = self._problem(node)
            if problem:
                yield getattr(node, "lineno", 0), problem

    def _problem(self, node: ast.AST) -> str | None:
        if not isinstance(node, NODES):
            return type(node).__name__
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return None if _is_known_import(node) else ast.unparse(node)
        if isinstance(node, ast.FunctionDef):
            return self._function_problem(node)
        if isinstance(node, ast.Name):
            return None if self._is_known_name(node) else node.id
        if isinstance(node, ast.Call):
            return None if _is_known_call(node.func) else f"{ast.unparse(node.func)}()"
        if isinstance(node, ast.Attribute):
            return None if self._is_known_attribute(node) else ast.unparse(node)
        if isinstance(node, ast.Raise):
            return None if isinstance(node.exc, ast.Call) and node.cause is None else "raise"
        return None

    def _function_problem(self, node: ast.FunctionDef) -> str | None:
        if not isinstance(self.parents.get(node), ast.Module):
            return f"a function inside the function ({node.name})"
        if node.decorator_list:
            return "a decorator"
        if any(not _is_constant(default) for default in node.args.defaults):
            return "a default that is no plain value"
        annotations = [argument.annotation for argument in node.args.args] + [node.returns]
        is_text = any(isinstance(part, ast.Constant) and isinstance(part.value, str)
                      for each in annotations if each for part in ast.walk(each))  # fmt: skip
        return "an annotation that is text" if is_text else None

    def _is_known_name(self, node: ast.Name) -> bool:
        if node.id.startswith("_"):
            return False
        is_given = node.id in GIVEN or node.id in self.aliases
        if _is_written(node):
            return not is_given
        if node.id in self.aliases and node.id not in self.made:
            parent = self.parents.get(node)
            return isinstance(parent, ast.Attribute) and parent.value is node
        return is_given or node.id in self.made

    def _is_known_attribute(self, node: ast.Attribute) -> bool:
        if node.attr.startswith("_") or not isinstance(node.ctx, ast.Load):
            return False
        owner = ast.unparse(node.value)
        module = self.aliases.get(owner, owner if owner in MODULES else None)
        if (module == "torch" and node.attr == "nn") or owner == "torch.nn":
            parent = self.parents.get(node)  # a module may only lead on to what is in it
            return node.attr in ("nn", "functional") and isinstance(parent, ast.Attribute)
        return node.attr in (OF_MODULE[module] if module else METHODS | CONTAINER_METHODS)


def _imported(tree: ast.Module) -> dict[str, str]:
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _is_written(node: ast.Name) -> bool:
    return not isinstance(node.ctx, ast.Load)


def _is_known_import(node: ast.Import | ast.ImportFrom) -> bool:
    if any((alias.asname or "").startswith("_") or alias.asname in GIVEN for alias in node.names):
        return False
    if isinstance(node, ast.Import):
        return all(alias.name in MODULES and (alias.asname or "." not in alias.name) for alias in node.names)
    return node.level == 0 and all(f"{node.module}.{alias.name}" in MODULES for alias in node.names)


def _is_known_call(function: ast.expr) -> bool:
    """Whether a call names what it calls: an accepted built-in or error, or an attribute, which is looked at itself."""
    return isinstance(function, ast.Attribute) or (isinstance(function, ast.Name) and function.id in BUILTINS | ERRORS)


def _is_constant(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True
