"""Columns of text as columns of ids."""

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, List, Value

from ml_core.data.encoding import encoded
from ml_core.data.tokenization import SplitTokenizer
from ml_core.data.vocabulary import Vocabulary
from ml_core.errors import ConfigError, DataError


def splits(train, **others):
    return DatasetDict({name: Dataset.from_dict(rows) for name, rows in {"train": train, **others}.items()})


@pytest.fixture
def tagged():
    return splits(
        {"word": [["a", "b"], ["a"], []], "tag": [["X", "Y"], ["X"], []], "number": [1, 2, 3]},
        test={"word": [["b", "z"], ["a", "a", "a"]], "tag": [["Y", "X"], ["X", "X", "X"]], "number": [4, 5]},
    )


def closed(**arguments):
    return Vocabulary(padding=None, unknown=None, **arguments)


def test_ragged_columns_keep_their_lengths_and_learn_from_the_train_split_alone(tagged):
    result = encoded(tagged, {"word": Vocabulary(), "tag": closed()})

    assert result["train"].to_dict() == {"word": [[2, 3], [2], []], "tag": [[0, 1], [0], []], "number": [1, 2, 3]}
    assert result["test"].to_dict() == {"word": [[3, 1], [2, 2, 2]], "tag": [[1, 0], [0, 0, 0]], "number": [4, 5]}
    assert result["test"].features["tag"] == List(ClassLabel(names=["X", "Y"]))


def test_parts_of_a_data_set_are_encoded_as_they_are_chosen(tagged):
    tagged["test"] = tagged["test"].select([1])

    assert encoded(tagged, {"word": Vocabulary()})["test"]["word"][:] == [[2, 2, 2]]


def test_labels_become_class_labels_and_texts_ragged_ids():
    data = splits({"text": ["ab c", "c"], "kind": ["good", "bad"]})

    rows = encoded(data, {"text": SplitTokenizer(Vocabulary()), "kind": closed()}, new_key={"text": "token"})["train"]

    assert rows.to_dict() == {"text": ["ab c", "c"], "kind": [1, 0], "token": [[3, 2], [2]]}
    assert rows.features["kind"] == ClassLabel(names=["bad", "good"])
    assert rows.features["text"] == Value("string")


def test_a_value_that_is_in_no_list_is_told_with_its_rows(tagged):
    with pytest.raises(DataError) as error:
        encoded(tagged, {"tag": closed(entries=["Y"])})

    assert str(error.value) == (
        "columns.tag: 'X' in rows 0, 1 of the train split is none of the 1 values of the list. It has: Y."
    )


def test_null_is_told_with_its_rows():
    data = splits({"kind": ["a", None, "b"], "word": [["a"], None, ["b"]]})

    with pytest.raises(DataError, match=r"^columns\.kind: None in row 1 of the train split is no text\.$"):
        encoded(data, {"kind": Vocabulary()})
    with pytest.raises(DataError, match=r"^columns\.word: None in row 1 of the train split is no text\.$"):
        encoded(data, {"word": Vocabulary()})


@pytest.mark.parametrize(
    ("columns", "new_key", "message"),
    [
        (
            {"wrod": Vocabulary()},
            None,
            r"^columns\.wrod: there is no column 'wrod'\. Did you mean 'word'\? Columns: word,",
        ),
        ({"number": Vocabulary()}, None, r"^columns\.number: 'number' holds int64, not text\."),
        ({"word": SplitTokenizer(Vocabulary())}, None, r"^columns\.word: holds tokens, which this encoder would cut"),
        ({"word": Vocabulary()}, {"word": "tag"}, r"^new_key\.word: is 'tag', but there is such a column already\."),
        ({"word": Vocabulary()}, {"wrod": "id"}, r"^new_key\.wrod: is not encoded\. Did you mean 'word'\?"),
    ],
)
def test_mistakes_are_told(tagged, columns, new_key, message):
    with pytest.raises(ConfigError, match=message):
        encoded(tagged, columns, new_key)


def test_a_train_split_is_needed(tagged):
    with pytest.raises(ConfigError, match=r"^data: has no train split to learn from\. Splits: test\."):
        encoded({"test": tagged["test"]}, {"word": Vocabulary()})


def test_other_data_sets_are_told():
    with pytest.raises(ConfigError, match=r"holds a list, but must hold Hugging Face data sets"):
        encoded({"train": [{"word": ["a"]}]}, {"word": Vocabulary()})


def test_what_an_encoder_refuses_has_its_path(tagged):
    with pytest.raises(ConfigError, match=r"^columns\.tag\.max_size: is 1, but the train split has 2 values: X, Y\."):
        encoded(tagged, {"tag": closed(max_size=1)})
