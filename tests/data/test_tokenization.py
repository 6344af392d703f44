"""Tokenizers: what comes out is what the library tokenizers gives, or what Python's own splitting does."""

import builtins
import copy
import pickle
import subprocess
import sys

import pyarrow as pa
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from ml_core.data import tokenization
from ml_core.data.padding import PadCollate
from ml_core.data.tokenization import PretrainedTokenizer, SplitTokenizer, TrainedTokenizer
from ml_core.data.vocabulary import Vocabulary
from ml_core.errors import ConfigError, DataError, MissingPackageError
from ml_core.transforms.base import ComposeTransform, WrapTransform

TEXTS = ["Ağaç yaşken eğilir.", "", "  iki   söz ", "ağaç 🌳", "a"]


@pytest.mark.parametrize(("unit", "cut"), [("character", list), ("word", str.split)])
def test_texts_are_cut_as_python_cuts_them(unit, cut):
    tokenizer = SplitTokenizer(Vocabulary(), unit)
    tokenizer.fit(pa.array(TEXTS))

    ids = tokenizer.encode(pa.array(TEXTS)).to_pylist()

    assert [[tokenizer.vocabulary.entries[i] for i in row] for row in ids] == [cut(text) for text in TEXTS]
    assert tokenizer.size == 2 + len({token for text in TEXTS for token in cut(text)})


def test_a_part_of_an_array_is_cut_alone():
    tokenizer = SplitTokenizer(Vocabulary(entries=list("abcd"), padding=None), "character")

    assert tokenizer.encode(pa.array(["ab", "cd", "ba"])[1:]).to_pylist() == [[3, 4], [2, 1]]


def test_a_text_with_a_token_outside_a_closed_list_has_no_ids():
    tokenizer = SplitTokenizer(Vocabulary(entries=["a", "b"], padding=None, unknown=None), "character")

    assert tokenizer.encode(pa.array(["ab", "ac", "", None])).to_pylist() == [[0, 1], None, [], None]
    assert (
        tokenizer.explained("ac") == "has a token without an id: 'c' is none of the 2 values of the list. It has: a, b."
    )


def test_an_unknown_unit_is_told():
    with pytest.raises(ConfigError, match=r"^unit: is 'letter'\. Choices: character, word\."):
        SplitTokenizer(Vocabulary(), "letter")


@pytest.fixture(scope="module")
def corpus():
    return pa.array(["the cat sat on the mat", "the dog sat on the cat", "Ağaç yaşken eğilir"] * 20)


def test_a_trained_tokenizer_gives_back_every_text_even_one_it_has_not_seen(corpus):
    tokenizer = TrainedTokenizer(max_size=300)
    tokenizer.fit(corpus)
    texts = pa.array(["the cat", "😀 zebra", "", "Ağaç"])

    ids = tokenizer.encode(texts).to_pylist()

    assert [tokenizer._tokenizer.decode(row) for row in ids] == texts.to_pylist()
    assert max(map(max, filter(None, ids))) < tokenizer.size <= 300
    assert len(ids[0]) < len("the cat")
    assert all(0 not in row for row in ids)


def test_training_again_gives_the_same_ids(corpus):
    encodings = []
    for _ in range(2):
        tokenizer = TrainedTokenizer(max_size=320)
        tokenizer.fit(corpus)
        encodings.append(tokenizer.encode(corpus))

    assert encodings[0] == encodings[1]


def test_a_file_keeps_a_trained_tokenizer(tmp_path, corpus):
    file = tmp_path / "new" / "tokenizer.json"
    first, later = TrainedTokenizer(max_size=300, file=file), TrainedTokenizer(max_size=300, file=file)
    first.fit(corpus)

    later.fit(pa.array(["something else entirely"]))

    assert later.encode(corpus) == first.encode(corpus) == PretrainedTokenizer(file.parent).encode(corpus)
    with pytest.raises(ConfigError, match=r"^file: .*tokenizer\.json has \d+ tokens, more than max_size=260\."):
        TrainedTokenizer(max_size=260, file=file).fit(corpus)


def test_chunks_follow_each_other(monkeypatch, corpus):
    tokenizer = TrainedTokenizer(max_size=300)
    tokenizer.fit(corpus)
    whole = tokenizer.encode(corpus)
    monkeypatch.setattr(tokenization, "CHUNK", 7)

    assert tokenizer.encode(corpus) == whole


@pytest.fixture
def stored(tmp_path):
    words = Tokenizer(WordLevel({"[PAD]": 0, "[CLS]": 1, "[UNK]": 2, "cat": 3, "dog": 4}, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    words.post_processor = TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 1)])
    words.enable_padding(length=9)
    words.enable_truncation(2)
    words.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def test_a_pretrained_tokenizer_is_read_from_its_folder_and_neither_pads_nor_cuts(stored):
    texts = ["cat dog cat", "bird"]
    tokenizer = PretrainedTokenizer(stored)

    assert tokenizer.encode(pa.array([*texts, None])).to_pylist() == [[1, 3, 4, 3], [1, 2], None]
    assert PretrainedTokenizer(stored / "tokenizer.json", add_special_tokens=False)(texts) == [[3, 4, 3], [2]]
    assert tokenizer.size == 5


def test_a_file_that_is_no_tokenizer_is_told(stored):
    with pytest.raises(
        ConfigError, match=r"^path: there is no file .*tokeniser\.json\. Did you mean 'tokenizer\.json'\?"
    ):
        PretrainedTokenizer(stored / "tokeniser.json")
    (stored / "tokenizer.json").write_text("{}")
    with pytest.raises(DataError, match=r"^path: .*tokenizer\.json holds no tokenizer"):
        PretrainedTokenizer(stored)


def test_a_vocabulary_has_room_for_the_bytes():
    with pytest.raises(ConfigError, match=r"^max_size: is 100, but must be a whole number from 257\."):
        TrainedTokenizer(max_size=100)


def test_without_the_library_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("tokenizers"):
            raise ImportError(name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)

    with pytest.raises(MissingPackageError, match=r"needs the package 'tokenizers'\. Install .*\[text\]"):
        TrainedTokenizer(max_size=300)


@pytest.mark.slow
def test_another_process_learns_the_same_ids():
    code = (
        "import pyarrow as pa; from ml_core.data.tokenization import TrainedTokenizer; "
        "t = TrainedTokenizer(max_size=400); x = pa.array(['the cat sat on the mat %d' % i for i in range(500)]); "
        "t.fit(x); print(t.encode(x).to_pylist())"
    )
    outputs = {subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(3)}

    assert len(outputs) == 1


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_pretrained_tokenizer_is_a_step_for_rows_that_stream(stored, travel):
    step = WrapTransform(PretrainedTokenizer(stored), new_key="token", mapping={"text": "texts"})

    batch = travel(ComposeTransform(cut=step, pad=PadCollate({"token": 0})))({"text": ["cat dog", "bird dog cat"]})

    assert batch["token"].tolist() == [[1, 3, 4, 0], [1, 2, 4, 3]]
