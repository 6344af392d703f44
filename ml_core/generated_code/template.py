"""In which words is a model asked for a function?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TEMPLATE_VERSION = 1
"""Part of the key of a file: raise it when other words are to bring other code."""

INSTRUCTION = """Complete this Python function. Answer with the whole function in one code block and nothing else.
Keep its name, its parameters and its annotations. Work on whole batches: the first dimension of a tensor counts the
samples. Use only torch, torch.nn.functional (as F) and math, the methods of tensors, and these built-in functions:
{builtins}.
Do not import anything else, change no argument in place, write no loop with `while`, no class, no lambda, no inner
function and no `try`, read and write no files, and define nothing beside the function.

{prompt}
"""

SHAPES = "\nShapes and types:\n"

REPAIR = """This function was not accepted:
{report}
Answer with the whole function again, mended, in one code block and nothing else.
"""


def question(prompt: str, builtins: Sequence[str], contract: Mapping[str, Any]) -> str:
    """Return the request for a function; its prompt and the shapes are all that leaves the machine, never data.

    Args:
        prompt: Head and docstring of the function.
        builtins: Built-in functions that it may call.
        contract: Shape and dtype of each parameter and of `return`, as far as they are known.
    """
    shapes = "".join(f"- {name}: {spec.get('dtype')} {list(spec['shape'])}\n" for name, spec in contract.items())
    return INSTRUCTION.format(prompt=prompt, builtins=", ".join(sorted(builtins))) + (SHAPES + shapes) * bool(shapes)


def repair(report: str) -> str:
    """Return the request to mend a function of which a report says what is wrong."""
    return REPAIR.format(report=report)
