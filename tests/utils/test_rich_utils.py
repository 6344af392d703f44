"""The configuration as a tree."""

import pytest
from omegaconf import OmegaConf

from ml_core.utils.pylogger import RANK_VARIABLES
from ml_core.utils.rich_utils import mask_secrets, print_config_tree


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    for name in RANK_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def tree_of(tmp_path):
    """Return the lines of `config_tree.log` for a configuration."""

    def lines(config):
        print_config_tree(OmegaConf.create(config), to_terminal=False, folder=tmp_path)
        return [line.rstrip() for line in (tmp_path / "config_tree.log").read_text().splitlines()]

    return lines


def test_sections_come_in_order_and_the_rest_after_them(tree_of):
    lines = tree_of(
        {"seed": 1, "trainer": {"max_epochs": 5}, "tags": ["a"], "model": {"compile": False}, "data": {"x": 1}}
    )

    assert [line[4:] for line in lines if line.startswith(("├── ", "└── "))] == [
        "data",
        "model",
        "trainer",
        "seed",
        "tags",
    ]
    assert "│   └── max_epochs: 5" in lines


def test_the_terminal_and_the_file_show_the_same(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    print_config_tree(OmegaConf.create({"seed": 1}), folder=tmp_path)

    assert (tmp_path / "config_tree.log").read_text() == capsys.readouterr().out == "CONFIG\n└── seed\n    └── 1\n"


def test_without_a_folder_nothing_is_written(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    print_config_tree(OmegaConf.create({"seed": 1}), to_terminal=False)

    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_other_ranks_show_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    print_config_tree(OmegaConf.create({"seed": 1}), folder=tmp_path)

    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_interpolations_are_shown_as_they_were_written(tree_of):
    lines = tree_of({"logger": {"wandb": {"entity": "${oc.env:NOT_SET_ANYWHERE}"}}})

    assert "entity: ${oc.env:NOT_SET_ANYWHERE}" in [line.strip() for line in lines]


def test_secrets_are_masked(tree_of):
    word = "hunter2"
    config = {"logger": {"comet": {"api_key": "sk-123", "project": "p"}}, "password": word}  # pragma: allowlist secret
    text = "\n".join(tree_of(config))

    assert "sk-123" not in text
    assert word not in text
    assert "api_key: <masked>" in text
    assert "project: p" in text


def test_a_long_text_is_shown_whole(tree_of):
    text = " ".join(f"word{i}" for i in range(100))

    shown = " ".join(tree_of({"note": text, "data": {"note": text}}))

    assert [shown.count(f"word{i}") >= 2 for i in range(100)] == [True] * 100


def test_a_long_path_is_shown_whole(tree_of):
    lines = tree_of({"data": {"path": "/".join(["folder"] * 40)}})

    assert "\n".join(lines).count("folder") == 40


@pytest.mark.parametrize("value", ["[bold]name", "logs/[run]/x", "[/x]"])
def test_brackets_in_values_are_shown(value, tree_of):
    assert tree_of({"ckpt_path": value})[-1] == f"    └── {value}"


@pytest.mark.parametrize("value", [None, True, 0.5, [], {}])
def test_plain_values_are_shown(value, tree_of):
    assert tree_of({"key": value})[-1] == f"    └── {value}"


@pytest.mark.parametrize(
    "key",
    [
        "api_key",
        "apikey",
        "API_KEY",
        "token",
        "hf_token",
        "client_secret",
        "password",
        "passwd",
        "credentials",
        "api_keys",
    ],
)
def test_what_looks_like_a_secret_is_masked(key):
    assert mask_secrets({"a": [{key: "value"}]}) == {"a": [{key: "<masked>"}]}


@pytest.mark.parametrize(
    "plain",
    [{"tokenizer": "bert"}, {"max_tokens": 512}, {"token": None}, {"api_key": ""}, {"api_key": "${oc.env:KEY}"}],
)
def test_what_holds_no_secret_is_shown(plain):
    assert mask_secrets(plain) == plain


@pytest.mark.parametrize("value", [["sk-123"], {"user": "sk-123"}, "${oc.env:KEY,sk-123}"])
def test_a_secret_of_another_shape_is_masked_too(value):
    assert "sk-123" not in str(mask_secrets({"api_keys": value}))
