"""Treebanks as columns, against the package conllu."""

import lzma

import conllu as reference
import pytest

from ml_core.data import conllu_lines
from ml_core.data.sources import EMBEDDED
from ml_core.data.treebanks import conllu
from ml_core.errors import ConfigError, DataError

FOLDER = EMBEDDED / "turkish_web"
FILES = {split: FOLDER / f"{split}.conllu.xz" for split in ("train", "validation", "test")}

TWO = """\
# sent_id = 1
1-2\tdel\t_\t_\t_\t_\t_\t_\t_\t_
1\tde\tde\tADP\t_\t_\t3\tcase\t_\t_
2\tel\tel\tDET\t_\t_\t3\tdet\t_\t_
2.1\tx\t_\t_\t_\t_\t_\t_\t_\t_
3\tmar\tmar\tNOUN\t_\t_\t0\troot\t_\t_

# text = Hola .
1\tHola\thola\tINTJ\t_\t_\t0\troot\t_\t_
2\t.\t.\tPUNCT\t_\t_\t1\tpunct\t_\t_
"""


@pytest.fixture
def two(tmp_path):
    path = tmp_path / "two.conllu"
    path.write_text(TWO)
    return path


def sentences(path):
    return reference.parse(lzma.decompress(path.read_bytes()).decode())


@pytest.fixture(scope="module")
def treebank():
    return conllu(FILES, columns=["id", "form", "upos", "head", "deprel", "misc", "sent_id", "text", "genre"])


@pytest.mark.parametrize("split", ["validation", "test"])
def test_the_columns_of_the_embedded_treebank_equal_the_package_conllu(treebank, split):
    expected = sentences(FILES[split])

    for name in ("id", "form", "upos", "head", "deprel"):
        assert treebank[split][name][:] == [[token[name] for token in sentence] for sentence in expected]
    for name in ("sent_id", "text", "genre"):
        assert treebank[split][name][:] == [sentence.metadata[name] for sentence in expected]


def test_no_document_of_the_embedded_treebank_is_in_two_splits(treebank):
    documents = {split: {name.rpartition(":")[0] for name in rows["sent_id"]} for split, rows in treebank.items()}

    assert {split: len(rows) for split, rows in treebank.items()} == {"train": 2181, "validation": 279, "test": 281}
    assert not documents["train"] & documents["validation"]
    assert not (documents["train"] | documents["validation"]) & documents["test"]


def test_the_embedded_treebank_is_small():
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 310_000


def test_words_alone_have_values_and_missing_comments_are_null(two):
    rows = conllu(two, columns=["id", "form", "head", "sent_id", "text"])["train"]

    assert rows["id"][:] == [[1, 2, 3], [1, 2]]
    assert rows["form"][:] == [["de", "el", "mar"], ["Hola", "."]]
    assert rows["head"][:] == [[3, 3, 0], [0, 1]]
    assert rows["sent_id"][:] == ["1", None]
    assert rows["text"][:] == [None, "Hola ."]


def test_several_files_of_a_split_follow_each_other(two):
    rows = conllu({"train": [two, two]}, columns=["upos"])["train"]

    assert rows["upos"][:] == [["ADP", "DET", "NOUN"], ["INTJ", "PUNCT"]] * 2


@pytest.mark.parametrize("size", [60, 150])
def test_small_blocks_give_the_same_columns(two, monkeypatch, size):
    columns = ["form", "head", "text"]
    whole = conllu([two] * 3, columns)["train"].to_dict()
    monkeypatch.setattr(conllu_lines, "BLOCK_BYTES", size)

    assert conllu([two] * 3, columns)["train"].to_dict() == whole


@pytest.mark.parametrize(("column", "hint"), [("upso", "upos"), ("txt", "text"), ("feat", "feats")])
def test_an_unknown_column_is_told_with_the_nearest(two, column, hint):
    with pytest.raises(ConfigError) as error:
        conllu(two, columns=["form", column])

    assert str(error.value) == (
        f"columns: no sentence of {two} has a '{column}'. Did you mean '{hint}'? Fields: id, form, lemma, upos, xpos, "
        "feats, head, deprel, deps, misc. Comments: sent_id, text."
    )


@pytest.mark.parametrize(("head", "is_wrong"), [("_", True), ("9", True), ("-1", True), ("x", True), ("3", False)])
def test_a_head_that_is_no_word_of_the_sentence_is_told(two, head, is_wrong):
    two.write_text(TWO.replace("DET\t_\t_\t3", f"DET\t_\t_\t{head}"))

    assert len(conllu(two, columns=["form"])["train"]) == 2
    if is_wrong:
        with pytest.raises(
            DataError, match=r"^files: .*two\.conllu has 1 faulty line: line 4 must have as HEAD a number from 0 to the"
        ):
            conllu(two, columns=["head"])
    else:
        assert conllu(two, columns=["head"])["train"]["head"][0] == [3, 3, 0]


@pytest.mark.parametrize(("files", "columns", "where"), [({}, ["form"], "files"), ("x.conllu", [], "columns")])
def test_nothing_to_read_is_a_mistake(files, columns, where):
    with pytest.raises(ConfigError, match=rf"^{where}: is empty\."):
        conllu(files, columns)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(DataError, match=r"^files\.train: .*nothing\.conllu does not exist\."):
        conllu({"train": tmp_path / "nothing.conllu"})


def test_null_is_no_split(two):
    assert list(conllu({"train": two, "test": None})) == ["train"]
