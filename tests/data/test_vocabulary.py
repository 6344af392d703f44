"""Ids of tokens."""

import json
from collections import Counter

import pyarrow as pa
import pytest

from ml_core.data.vocabulary import Vocabulary
from ml_core.errors import ConfigError, DataError

WORDS = ["b", "a", "c", "a", "b", "a", "d"]


def fitted(*words, **arguments):
    vocabulary = Vocabulary(**arguments)
    vocabulary.fit(pa.array(words or WORDS))
    return vocabulary


def test_the_most_frequent_come_first_and_equal_ones_in_order_of_the_alphabet():
    assert fitted().entries == ["<pad>", "<unk>", "a", "b", "c", "d"]
    assert [word for word, _ in Counter(WORDS).most_common(2)] == ["a", "b"]


def test_ids_are_places_in_the_list_and_what_is_not_in_it_is_unknown():
    vocabulary = fitted()

    assert vocabulary.encode(pa.array(["a", "d", "x"])).to_pylist() == [2, 5, 1]
    assert vocabulary.feature().int2str([2, 1]) == ["a", "<unk>"]
    assert vocabulary.size == 6


@pytest.mark.parametrize(
    ("arguments", "entries"),
    [
        ({"max_size": 4}, ["<pad>", "<unk>", "a", "b"]),
        ({"min_count": 2}, ["<pad>", "<unk>", "a", "b"]),
        ({"padding": None}, ["<unk>", "a", "b", "c", "d"]),
        ({"padding": None, "unknown": None}, ["a", "b", "c", "d"]),
        ({"entries": ["x", "y"]}, ["<pad>", "<unk>", "x", "y"]),
        ({"padding": "a"}, ["a", "<unk>", "b", "c", "d"]),
    ],
)
def test_arguments_say_what_is_in_the_list(arguments, entries):
    assert fitted(**arguments).entries == entries


def test_upper_and_lower_case_may_be_the_same():
    vocabulary = fitted("Ab", "aB", "c", lowercase=True)

    assert vocabulary.entries[2:] == ["ab", "c"]
    assert vocabulary.encode(pa.array(["AB"])).to_pylist() == [2]


def test_a_closed_list_leaves_others_without_an_id_and_says_what_there_is():
    tags = fitted("NOUN", "VERB", padding=None, unknown=None)

    assert tags.encode(pa.array(["VERB", "NUON", None])).to_pylist() == [1, None, None]
    assert tags.explained("NUON") == "is none of the 2 values of the list. Did you mean 'NOUN'? It has: NOUN, VERB."


def test_a_closed_list_that_is_too_long_is_told():
    with pytest.raises(ConfigError, match=r"^max_size: is 3, but the train split has 4 values: a, b, c, d\."):
        fitted(max_size=3, padding=None, unknown=None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_size": 0}, r"^max_size: is 0, but must be a whole number from 1\."),
        ({"min_count": 1.5}, r"^min_count: is 1\.5"),
        ({"unknown": None, "min_count": 2}, r"^min_count: is 2, but a closed list"),
        ({"entries": ["a", "a"]}, r"^entries: has 'a' twice\."),
        ({"entries": ["a"], "max_size": 2}, r"^max_size: is 2, but the list has 3 entries\."),
    ],
)
def test_wrong_arguments_are_told(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Vocabulary(**arguments)


def test_a_file_keeps_the_ids_when_the_train_split_changes(tmp_path):
    file = tmp_path / "new" / "words.json"
    first = fitted(file=file)

    later = fitted("z", "z", "a", file=file)

    assert later.entries == first.entries == json.loads(file.read_text())["entries"]
    assert [path.name for path in file.parent.iterdir()] == ["words.json"]


def test_a_file_that_was_made_otherwise_is_told(tmp_path):
    file = tmp_path / "words.json"
    fitted(file=file)

    with pytest.raises(ConfigError, match=r"^file: .*words\.json was made with min_count: 1, not 2\. Remove the file"):
        fitted(file=file, min_count=2)


def test_a_file_that_is_no_vocabulary_is_told(tmp_path):
    file = tmp_path / "words.json"
    file.write_text("[1]")

    with pytest.raises(DataError, match=r"^file: .*words\.json is no vocabulary"):
        fitted(file=file)
