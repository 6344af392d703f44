"""Windows over one long text."""

import pickle

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict

from ml_core.data.batches import BatchedDataset
from ml_core.data.token_windows import TokenWindows, token_files, token_windows
from ml_core.data.tokenization import SplitTokenizer
from ml_core.data.vocabulary import Vocabulary
from ml_core.errors import ConfigError, DataError


def characters(**arguments):
    return SplitTokenizer(Vocabulary(**arguments), "character")


def lines(*texts):
    return Dataset.from_dict({"text": list(texts)})


@pytest.mark.parametrize(("stride", "starts"), [(4, [0, 4]), (2, [0, 2, 4]), (1, [0, 1, 2, 3, 4, 5]), (20, [0])])
def test_a_window_is_a_part_of_the_text_and_its_target_the_same_one_later(stride, starts):
    tokens = np.arange(10, dtype=np.uint8)
    windows = TokenWindows(tokens, length=4, stride=stride)

    batch = windows[:]

    assert batch["token"].tolist() == [list(range(start, start + 4)) for start in starts]
    torch.testing.assert_close(batch["target"], batch["token"] + 1)
    assert len(windows) == len(starts)


def test_batches_samples_and_columns_agree():
    windows = TokenWindows(np.arange(100, dtype=np.uint16), length=5, stride=3)

    batch = BatchedDataset(windows).__getitems__([7, 0, 7])

    torch.testing.assert_close(batch, windows[[7, 0, 7]])
    torch.testing.assert_close(windows["token"][[7, 0, 7]], batch["token"])
    torch.testing.assert_close(windows[7]["target"], batch["target"][0])
    torch.testing.assert_close(windows.select([3, 7, 9])[1], windows[7])
    torch.testing.assert_close(windows.select(slice(2, 9)).select([5])[0], windows[7])
    assert (len(windows.select([3, 7, 9])), batch["token"].dtype) == (3, torch.int64)


def test_windows_share_the_text(tmp_path):
    tokens = np.zeros(10**6, dtype=np.uint8)
    windows = TokenWindows(tokens, length=8, stride=1)

    assert windows.select([1, 2, 3]).tokens is tokens


def test_texts_are_joined_and_the_smallest_type_holds_the_ids():
    data = {"train": lines("ab", "cd", "e")}

    windows = token_windows(data, "text", characters(padding=None, unknown=None), length=3)["train"]

    assert windows.tokens.dtype == np.uint8
    letters = ["abcde\n".index(letter) for letter in "ab\ncd\ne\n"]
    by_letter = dict(zip(windows.tokens.tolist(), letters, strict=True))
    assert [by_letter[token] for token in windows.tokens.tolist()] == letters
    assert len(windows) == 2


def test_parts_at_the_end_share_nothing_with_the_train_part_and_are_not_learnt_from():
    text = "".join(map(chr, range(1000, 2000)))
    data = {"train": lines(*text)}
    encoder = characters(padding=None)

    parts = token_windows(data, "text", encoder, length=9, stride=1, separator="", val_ratio=0.1, test_ratio=0.2)

    assert {name: len(part.tokens) for name, part in parts.items()} == {"train": 700, "validation": 100, "test": 200}
    assert sorted(encoder.vocabulary.entries[1:]) == list(text[:700])
    assert set(parts["validation"].tokens.tolist()) == set(parts["test"].tokens.tolist()) == {0}


def test_splits_that_exist_are_kept():
    data = DatasetDict({"train": lines("abcd"), "test": lines("bbbb")})

    parts = token_windows(data, "text", characters(), length=2)

    assert {name: part.tokens.tolist() for name, part in parts.items()}["test"] == [4, 4, 4, 4, 2]
    with pytest.raises(ConfigError, match=r"^test_ratio: is 0\.1, but there is a test split already\."):
        token_windows(data, "text", characters(), length=2, test_ratio=0.1)


def test_lists_of_tokens_are_one_text_too():
    data = {"train": Dataset.from_dict({"word": [["a", "b"], ["c"], ["a", "a", "b"]]})}

    windows = token_windows(data, "word", Vocabulary(padding=None, unknown=None), length=2, val_ratio=0.5)

    assert [part.tokens.tolist() for part in windows.values()] == [[0, 1, 2], [0, 0, 1]]


def test_arrays_on_disk_are_mapped_and_travel_by_name(tmp_path):
    np.save(tmp_path / "train.npy", np.arange(10**6, dtype=np.int32))

    windows = token_files({"train": tmp_path / "train.npy"}, length=4)["train"]
    sent = pickle.dumps(windows)

    assert isinstance(windows.tokens, np.memmap)
    assert len(sent) < 2000
    torch.testing.assert_close(pickle.loads(sent)[[5, 249_998]], windows[[5, 249_998]])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"length": 0}, ConfigError, r"^length: is 0, but must be a whole number from 1\."),
        ({"length": 4, "stride": 0}, ConfigError, r"^stride: is 0"),
        ({"length": 4, "val_ratio": 1.0}, ConfigError, r"^val_ratio: is 1\.0, but must be a share from 0 to below 1"),
        ({"length": 4, "val_ratio": 0.5, "test_ratio": 0.5}, ConfigError, r"^val_ratio: and test_ratio are 0\.5 and"),
        ({"length": 4, "column": "txt"}, ConfigError, r"^column: there is no column 'txt'\. Did you mean 'text'\?"),
        ({"length": 99}, DataError, r"^length: the train part has 10 tokens, too few for a window of 99 and the next"),
        ({"length": 8, "val_ratio": 0.4}, DataError, r"^length: the train part has 6 tokens"),
        (
            {"length": 2, "encoder": characters(entries=["a"], unknown=None, padding=None)},
            DataError,
            r"^column: 'a\\n' in rows 0, 1, 2, 3, 4 of the train split has a token without an id: '\\n'",
        ),
    ],
)
def test_mistakes_are_told(arguments, error, message):
    data = {"train": lines("a", *"abcd")}

    with pytest.raises(error, match=message):
        token_windows(**{"data": data, "column": "text", "encoder": characters(), **arguments})


def test_files_that_hold_no_ids_are_told(tmp_path):
    np.save(tmp_path / "train.npy", np.zeros((3, 2)))
    (tmp_path / "text.npy").write_text("no array")

    with pytest.raises(ConfigError, match=r"^files\.train: there is no file .*tain\.npy\. Did you mean 'train\.npy'\?"):
        token_files({"train": tmp_path / "tain.npy"}, length=4)
    with pytest.raises(
        DataError, match=r"^files\.train: .*train\.npy holds float64 \[3, 2\], not one row of whole numbers\."
    ):
        token_files({"train": tmp_path / "train.npy"}, length=4)
    with pytest.raises(DataError, match=r"^files\.train: .*text\.npy is no array of numpy"):
        token_files({"train": tmp_path / "text.npy"}, length=4)


def test_what_an_encoder_refuses_has_its_path():
    with pytest.raises(ConfigError, match=r"^encoder\.max_size: is 1, but the train split has 3 values"):
        token_windows({"train": lines("ab")}, "text", characters(max_size=1, unknown=None, padding=None), length=1)
