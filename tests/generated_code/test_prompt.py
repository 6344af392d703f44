"""What a prompt asks for, and the key of its file."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from ml_core.errors import ConfigError
from ml_core.generated_code.prompt import parse_prompt

# The YAML of the template's description
YAML = '''
transform_prompt: |
  def normalize_data(x: torch.Tensor) -> torch.Tensor:
    """Normalize tensor to range [0, 1]."""
    return (x - x.min()) / (x.max() - x.min())
'''


def test_a_block_of_yaml_is_a_prompt():
    prompt = parse_prompt(OmegaConf.create(YAML).transform_prompt)
    assert (prompt.name, prompt.parameters, prompt.returns) == ("normalize_data", ("x",), "torch.Tensor")
    assert prompt.docstring == "Normalize tensor to range [0, 1]."


def test_indentation_of_the_yaml_file_does_not_change_the_key():
    text = "def g(x):\n  return x"
    assert parse_prompt(text).key == parse_prompt("\n    def g(x):\n      return x\n").key


@pytest.mark.parametrize("other", ["def g(x):\n  return -x", "def h(x):\n  return x", "def g(x: int):\n  return x"])
def test_each_change_is_another_key(other: str):
    assert parse_prompt(other).key != parse_prompt("def g(x):\n  return x").key


@pytest.mark.parametrize(
    "prompt", ["normalize the data", "Please: def f(x): pass", "def f(x: pass", "def f(x):\n    pass\nf(1)", "def f(x)"]
)
def test_a_prompt_must_be_one_function(prompt: str):
    with pytest.raises(ConfigError, match=r"^transform_prompt: "):
        parse_prompt(prompt)


@pytest.mark.parametrize("parameters", ["*x", "x, /", "*, x", "**x"])
def test_parameters_are_plain(parameters: str):
    with pytest.raises(ConfigError, match="must have plain parameters"):
        parse_prompt(f"def f({parameters}): ...")
