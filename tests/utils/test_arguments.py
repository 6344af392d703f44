"""Command lines in any order, and what is said about those that are none."""

from __future__ import annotations

import shlex

import pytest

from ml_core.errors import ConfigError
from ml_core.utils.arguments import COMMANDS, is_open, read, split


def words(line: str) -> list[str]:
    return read(shlex.split(line)).words


@pytest.mark.parametrize(
    ("line", "ordered"),
    [
        ("experiment=a --config-dir my debug=fdr", "--config-dir=my experiment=a debug=fdr"),
        ("experiment=a -cd my", "--config-dir=my experiment=a"),
        ("-cd=my a=1", "--config-dir=my a=1"),
        ("a=1 -m b=1,2", "--multirun a=1 b=1,2"),
        ("a=1 --multi", "--multirun a=1"),
        ("a=1 --cfg job b=2 --resolve", "--cfg=job --resolve a=1 b=2"),
        ("a=1 --info defaults", "--info=defaults a=1"),
        ("--info a=1", "--info=all a=1"),
        ("a=1 --info", "--info=all a=1"),
        ("-h a=1", "--help a=1"),
        ("-sc query=bash", "--shell-completion query=bash"),
        ("-- a=1 ~b ~c=2 +d=3 ++e=4", "a=1 ~b ~c=2 +d=3 ++e=4"),
        (
            "'a=tag(log, interval(0.1, 1))' 'b=[1, 2]' 'c={d: 1}'",
            "'a=tag(log, interval(0.1, 1))' 'b=[1, 2]' 'c={d: 1}'",
        ),
        ("a= b=''", "a= b="),
    ],
)
def test_options_come_first_and_everything_keeps_its_meaning(line: str, ordered: str):
    assert words(line) == shlex.split(ordered)


def test_what_is_in_order_stays_as_it_is():
    line = ["--config-dir=my", "--multirun", "a=1", "b=1,2"]
    assert read(line).words == line


def test_hydra_has_the_options_that_say_what_is_done():
    assert all(split([name, "job"] if name == "--cfg" else [name]).has(name) for name in COMMANDS)


def test_the_last_of_two_values_of_an_option_counts():
    assert read(["--config-dir", "a", "x=1", "--config-dir=b"]).value_of("--config-dir") == "b"


@pytest.mark.parametrize(
    ("line", "where", "told"),
    [
        ("--help-me", "--help-me", "Here: --help"),
        ("--confg-dir my experiment=a", "--confg-dir", "Here: --config-dir my"),
        ("a=1 --epochs 5", "--epochs", "Here: trainer.max_epochs=5"),
        ("--max_epochs=5", "--max_epochs", "Here: trainer.max_epochs=5"),
        ("--frobnicate", "--frobnicate", "--help lists what there is"),
        ("--cfg jobb", "--cfg", "is 'jobb'. Did you mean 'job'? It takes one of: job, hydra, all"),
        ("--cfg", "--cfg", "needs a value after it."),
        ("--config-dir --cfg job", "--config-dir", "needs a value after it."),
        ("-m=3", "-m", "takes no value."),
        ("-m --cfg job", "--cfg", "does not go with --multirun"),
        ("--resolve", "--resolve", "belongs to --cfg or --help."),
    ],
)
def test_an_option_that_is_none_is_told_with_what_to_type(line: str, where: str, told: str):
    with pytest.raises(ConfigError) as error:
        words(line)
    assert error.value.where == where
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("line", "where", "told"),
    [
        ("tags=[a, b] seed=1", "tags", "came in pieces: 'tags=[a,', 'b]'. Quote it, so that the shell leaves it whole: "
         "'tags=[a, b]'"),
        ("+lr=tag(log, interval(0.1, 1))", "lr", "'+lr=tag(log, interval(0.1, 1))'"),
        ("x='lr=tag(log,'", "x", "opens a bracket or a quote that nothing closes."),
        ("trainer.max_epochs = 5", "trainer.max_epochs", "has a space before its '='."),
        ("trainer.max_epochs= 5", "trainer.max_epochs", "Write trainer.max_epochs=5"),
        ("logs/last.ckpt", "logs/last.ckpt", "Write ckpt_path=logs/last.ckpt"),
        ("example", "example", "is no override: it has no '='."),
        ("task_name=my run", "run", "if it belongs to the word before, quote both: 'task_name=my run'"),
    ],
)  # fmt: skip
def test_what_a_shell_took_to_pieces_is_put_together(line: str, where: str, told: str):
    with pytest.raises(ConfigError) as error:
        words(line)
    assert error.value.where == where
    assert told in str(error.value)


def test_other_mistakes_are_left_to_hydra():
    assert words("a== b=1") == ["a==", "b=1"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=[1,", True),
        ("a=[1,2]", False),
        ("a='(", True),
        ("a='('", False),
        (r"a=\(", False),
        ("a={b: [1}", True),
        ("a=)", False),
    ],
)
def test_an_open_bracket_is_seen_outside_of_quotes_alone(text: str, expected: bool):
    assert is_open(text) is expected


def test_a_group_with_dashes_is_no_abbreviation_of_an_option_of_hydra():
    with pytest.raises(ConfigError, match=r"^--experiment: is no option\..* experiment=conv") as caught:
        read(["--experiment", "conv"])
    assert caught.value.exit_code == 64
