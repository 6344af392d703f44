"""What does a prompt ask for, and under which key is the answer kept?"""

from __future__ import annotations

import ast
import builtins
import hashlib
import json
import re
import sys
import textwrap
from dataclasses import dataclass

from ml_core.errors import ConfigError
from ml_core.generated_code.template import TEMPLATE_VERSION

DEFINITION = re.compile(r"def\s+([a-zA-Z_]\w*)\s*\(")
TAKEN = sys.stdlib_module_names | frozenset(dir(builtins)) | {"torch", "numpy", "F", "Tensor"}


@dataclass(frozen=True)
class Prompt:
    """A function head and docstring, which a language model completes.

    Attributes:
        text: As it is sent, without the indentation of the YAML file.
        name: Name of the function, and of its file.
        parameters: Names of its parameters.
        annotations: The annotation of each parameter as text; empty where it has none.
        optional: Parameters that have a default.
        returns: The annotation of what it returns as text; empty where there is none.
        docstring: Its docstring; doctests in it are run when the function is validated.
    """

    text: str
    name: str
    parameters: tuple[str, ...]
    annotations: tuple[str, ...]
    optional: tuple[str, ...]
    returns: str
    docstring: str

    @property
    def signature(self) -> str:
        """The head of the function, as it is written in the prompt."""
        pairs = zip(self.parameters, self.annotations, strict=True)
        return f"{self.name}({', '.join(f'{name}: {kind}' if kind else name for name, kind in pairs)})"

    @property
    def key(self) -> str:
        """Hash of all that the function follows from; the model that writes it is not part of it."""
        parts = [self.text, self.name, self.signature, TEMPLATE_VERSION]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def parse_prompt(text: str) -> Prompt:
    """Return what a prompt asks for.

    Raises:
        ConfigError: If it does not start with `def name(`, is no Python, has no plain parameters, or its name is
            taken by a built-in function or a module of Python.
    """
    text = textwrap.dedent(text).strip()
    function = _function(text)
    if function.name in TAKEN or function.name.startswith("_"):
        raise ConfigError(
            "transform_prompt",
            f"'{function.name}' is the name of a module or function of Python's own, or starts with an underscore.",
            "Name the function after what it does.",
        )
    given = function.args
    if given.posonlyargs or given.kwonlyargs or given.vararg or given.kwarg:
        raise ConfigError("transform_prompt", "must have plain parameters: no *, no / and no **.")
    return Prompt(
        text,
        function.name,
        tuple(argument.arg for argument in given.args),
        tuple(ast.unparse(argument.annotation) if argument.annotation else "" for argument in given.args),
        tuple(argument.arg for argument in given.args[len(given.args) - len(given.defaults) :]),
        ast.unparse(function.returns) if function.returns else "",
        ast.get_docstring(function) or "",
    )


def _function(text: str) -> ast.FunctionDef:
    if not DEFINITION.match(text):
        raise ConfigError("transform_prompt", "must start with `def name(parameter: type, ...) -> type:`.")
    try:
        body = ast.parse(text).body
    except SyntaxError as error:
        raise ConfigError("transform_prompt", f"is no Python: line {error.lineno}: {error.msg}.") from error
    if len(body) != 1 or not isinstance(body[0], ast.FunctionDef):
        raise ConfigError("transform_prompt", "must hold one function and nothing after it.")
    return body[0]
