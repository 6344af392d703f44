"""What docstrings say of a parameter, in the styles that libraries use."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_core.wiring.schema.docs import description, summary

GOOGLE = '''
class Net:
    """A network of two layers
    with ReLU.

    Longer story, with width: that is not meant.

    Args:
        width (int, optional): Units of the hidden layer,
            as many as fit.
        depth: Layers.

            A second paragraph.
        **rest: Handed on.

    Returns:
        kind: nothing
    """

    def __init__(self, width, depth, **rest): ...
'''
NUMPY = '''
def scale(x, factor=1.0):
    """Scale.

    Parameters
    ----------
    x : array_like
        What is scaled.
    factor : float, optional
        By how much,
        as a number.

    Returns
    -------
    factor : float
    """
'''
SPHINX = '''
class Net:
    def __init__(self, width):
        """Make it.

        :param int width: Units of the
            hidden layer.
        :returns: nothing
        """
'''
TORCH = '''
from .shared import _fused_doc


class Adam:
    def __init__(self, lr, fused=None): ...


Adam.__doc__ = (
    r"""Implements Adam.

    """
    + rf"""
    Args:
        lr (float, Tensor, optional): learning rate, see :class:`~torch.Tensor`
            and ``float``
        {_fused_doc}
    """
)
'''
TASKS = '''
class Binary:
    """Args:
    threshold: Where one class ends."""

    def __init__(self, threshold): ...


class Accuracy:
    """Accuracy of any task."""

    def __new__(cls, task, threshold=0.5):
        return Binary(threshold)
'''


def line_of(path: Path, start: str) -> int:
    return next(i for i, line in enumerate(path.read_text().splitlines(), start=1) if line.startswith(start))


@pytest.mark.parametrize(
    ("source", "start", "name", "text"),
    [
        (GOOGLE, "class Net", "width", "Units of the hidden layer, as many as fit."),
        (GOOGLE, "class Net", "depth", "Layers."),
        (GOOGLE, "class Net", "rest", "Handed on."),
        (GOOGLE, "class Net", "kind", ""),
        (NUMPY, "def scale", "x", "What is scaled."),
        (NUMPY, "def scale", "factor", "By how much, as a number."),
        (SPHINX, "class Net", "width", "Units of the hidden layer."),
        (TORCH, "class Adam", "lr", "learning rate, see `torch.Tensor` and `float`"),
        (TORCH, "class Adam", "fused", "whether to fuse, in one kernel"),
        (TASKS, "class Accuracy", "threshold", "Where one class ends."),
    ],
)
def test_a_parameter_is_described_as_its_docstring_does(tmp_path, source, start, name, text):
    (tmp_path / "shared.py").write_text(
        '_fused_doc = r"""fused (bool): whether to fuse,\n            in one kernel"""\n'
    )
    path = tmp_path / "module.py"
    path.write_text(source)
    assert description(str(path), line_of(path, start), name) == text


def test_a_summary_is_the_first_paragraph(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(GOOGLE)
    assert summary(str(path), line_of(path, "class Net")) == "A network of two layers with ReLU."
    assert summary(str(path), 1) == ""
