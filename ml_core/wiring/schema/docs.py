"""What does the documentation of a parameter say? Read from the source of the docstring, which is never run."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SECTION = re.compile(
    r"^( *)(?:Keyword |Other )?(?:Args|Arguments|Parameters|Params|Attributes|Kwargs|Keyword args):?[ ]*(\n *-+ *)?$",
    re.MULTILINE,
)
END = r"^ {0,%d}(?:Returns?|Raises|Yields?|Examples?|References|Shape)\b.*(?::|\n *-+) *$"
ITEM = r"^ *(?:- )?[*`]*%s[*`]*(?: *\(.*?\))? *:(?!:)"
ROLE = re.compile(r":[\w:]+:`~?\.?([^`<]+?)(?:\s*<[^`]*)?`")
MAX_DEPTH = 4  # names that hold parts of docstrings, through modules

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def summary(file: str, line: int) -> str:
    """Return the first paragraph of a definition's docstring; empty where there is none."""
    for text in _docstrings(file, line):
        return _plain(text.split("\n\n")[0])
    return ""


def description(file: str, line: int, name: str) -> str:
    """Return what the docstrings of a definition say of a parameter, its first paragraph; empty where they do not.

    Google, NumPy and Sphinx style are read.
    """
    return next((found for text in _docstrings(file, line) if (found := _item(text, name))), "")


@cache
def _docstrings(file: str, line: int) -> tuple[str, ...]:
    node = _definitions(file).get(line)
    return tuple(inspect.cleandoc(text) for text in _texts(file, node)) if node else ()


def _texts(file: str, node: Definition) -> Iterator[str]:
    """Yield the docstrings of a definition: its own, its constructor's, and those of what its constructor returns."""
    own = ast.get_docstring(node, clean=False)
    if own:
        yield own
    yield from (
        text for text in (_text(file, value) for value in _assigned(_tree(file), f"{node.name}.__doc__")) if text
    )
    if not isinstance(node, ast.ClassDef):
        return
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name in ("__init__", "__new__"):
            inner = ast.get_docstring(method, clean=False)
            if inner:
                yield inner
            for made in _made_by(file, method):
                yield from _texts(file, made)


def _made_by(file: str, method: ast.FunctionDef) -> Iterator[ast.ClassDef]:
    """Yield the classes of the same file whose instances a `__new__` returns, as metrics with a `task` do."""
    names = [
        node.value.func.id
        for node in ast.walk(method)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name)
    ]
    classes = {node.name: node for node in _tree(file).body if isinstance(node, ast.ClassDef)}
    yield from (classes[name] for name in names if name in classes and method not in classes[name].body)


def _item(text: str, name: str) -> str:
    """Return the description that a docstring has under a parameter's name."""
    sphinx = re.search(rf"^ *:param(?: [^:\n]+)? {re.escape(name)}:", text, re.MULTILINE)
    if sphinx:
        return _paragraph(text[sphinx.start() :], text[sphinx.end() :])
    for section in SECTION.finditer(text):
        rest = text[section.end() :]
        end = re.search(END % len(section[1]), rest, re.MULTILINE)
        body = rest[: end.start()] if end else rest
        if found := re.search(ITEM % re.escape(name), body, re.MULTILINE):
            after = body[found.end() :]
            is_numpy = bool(section[2])  # the rest of the line is the type
            return _paragraph(body[found.start() :], after.partition("\n")[2] if is_numpy else after, is_numpy)
    return ""


def _paragraph(item: str, rest: str, is_below: bool = False) -> str:
    """Return the lines that belong to an item: the rest of its line, and deeper ones up to the first empty one."""
    indent = len(item) - len(item.lstrip())
    lines = rest.split("\n")
    kept = [] if is_below else lines[:1]
    for line in lines[len(kept) :]:
        if not line.strip() and (kept and kept[-1].strip()):
            break
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        kept.append(line)
    return _plain("\n".join(kept))


def _plain(text: str) -> str:
    """Return a paragraph as one line of Markdown."""
    return " ".join(ROLE.sub(r"`\1`", text).replace("``", "`").split())


def _text(file: str, node: ast.expr, depth: int = 0) -> str:
    """Return the text that an expression of string literals makes; what else stands in it is left out."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(file, part, depth) for part in parts)
        case ast.FormattedValue(value=inner):
            return _text(file, inner, depth)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _text(file, left, depth) + _text(file, right, depth)
        case ast.Name(id=name) if depth < MAX_DEPTH:
            return _named(file, name, depth + 1)
    return ""


def _named(file: str, name: str, depth: int) -> str:
    """Return the text that a name of a module holds, written there or imported from a module beside it."""
    for value in _assigned(_tree(file), name):
        return _text(file, value, depth)
    for node in _tree(file).body:
        if isinstance(node, ast.ImportFrom) and node.level and any(name in (a.asname, a.name) for a in node.names):
            folder = Path(file).parents[node.level - 1]
            other = folder.joinpath(*(node.module or "__init__").split(".")).with_suffix(".py")
            original = next(a.name for a in node.names if name in (a.asname, a.name))
            return _named(str(other), original, depth) if other.is_file() and depth < MAX_DEPTH else ""
    return ""


def _assigned(tree: ast.Module, name: str) -> Iterator[ast.expr]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == name for target in node.targets):
            yield node.value


@cache
def _tree(file: str) -> ast.Module:
    return ast.parse(Path(file).read_bytes())


@cache
def _definitions(file: str) -> dict[int, Definition]:
    """Return the definitions of a file by their line; those inside functions are left out."""
    if not file.endswith((".py", ".pyi")):
        return {}
    found, pending = {}, [*_tree(file).body]
    while pending:
        node = pending.pop()
        if isinstance(node, Definition):
            found[node.lineno] = node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            pending.extend(child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt))
    return found
