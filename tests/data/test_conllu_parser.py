"""Sentences of a treebank, against the package conllu."""

import bz2
import gzip
import lzma
import resource

import conllu as reference
import pytest

from ml_core.data import conllu_lines
from ml_core.data.conllu_parser import Sentence, Token, parse_conllu
from ml_core.errors import DataError

TREES = """\
# newpar
# sent_id = es-1
# text = Vámonos al mar
#odd comment = 5
1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No
1\tVamos\tir\tVERB\tV\tMood=Imp|Number=Plur\t0\troot\t0:root\t_
2\tnos\tnosotros\tPRON\t_\tCase=Acc\t1\tobj\t1:obj|3.1:nsubj\t_
3-4\tal\t_\t_\t_\t_\t_\t_\t_\t_
3\ta\ta\tADP\t_\t_\t5\tcase\t5:case\t_
3.1\tva\tir\tVERB\t_\t_\t_\t_\t1:conj\t_
4\tel\tel\tDET\t_\t_\t5\tdet\t5:det\t_
5\tmar\tmar\tNOUN\t_\t_\t1\tobl\t1:obl:a\t_

# sent_id = es-2
1\t#\t#\tSYM\t_\t_\t0\troot\t_\t
2\tdos palabras\tdos\tNUM\t_\t_\t1\tfixed\t\t

"""


@pytest.fixture
def write(tmp_path):
    def to_file(text, name="trees.conllu"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return to_file


def text_of(sentences):
    return "".join(sentence.to_conllu() for sentence in sentences)


def test_fields_ids_and_metadata_equal_the_package_conllu(write):
    ours, theirs = list(parse_conllu(write(TREES))), reference.parse(TREES)

    assert len(ours) == len(theirs) == 2
    for own, other in zip(ours, theirs, strict=True):
        assert [token.form for token in own.tokens] == [token["form"] for token in other]
        assert [token.lemma for token in own.words] == [t["lemma"] for t in other if isinstance(t["id"], int)]
        assert own.metadata == dict(other.metadata)


def test_ranges_and_empty_nodes_are_told_from_words(write):
    first = next(parse_conllu(write(TREES)))

    assert [token.id for token in first.tokens if token.is_range] == ["1-2", "3-4"]
    assert [token.id for token in first.tokens if token.is_empty_node] == ["3.1"]
    assert [token.id for token in first.words] == ["1", "2", "3", "4", "5"]
    assert first.words[1].deps == "1:obj|3.1:nsubj"


def test_comments_are_kept_with_and_without_a_value(write):
    first = next(parse_conllu(write(TREES)))

    assert first.metadata == {"newpar": None, "sent_id": "es-1", "text": "Vámonos al mar", "odd comment": "5"}
    assert first.comments[-1] == "#odd comment = 5"


def test_the_text_comes_back_as_it_was(write):
    assert text_of(parse_conllu(write(TREES))) == TREES


def test_empty_last_columns_are_kept(write):
    second = list(parse_conllu(write(TREES)))[1]

    assert second.tokens[0].misc == ""
    assert (second.tokens[1].form, second.tokens[1].deps, second.tokens[1].misc) == ("dos palabras", "", "")


@pytest.mark.parametrize(
    "changed",
    [
        TREES.replace("\n", "\r\n"),
        TREES.rstrip("\n"),
        TREES.rstrip("\n").replace("\n", "\r\n"),
        TREES.replace("\n\n", "\n\n\n\n"),
        "\n" + TREES,
        "\ufeff" + TREES,
    ],
    ids=["CRLF", "no last newline", "CRLF, no last newline", "more blank lines", "blank first line", "byte order mark"],
)
def test_other_ends_of_lines_give_the_same_sentences(write, changed):
    assert text_of(parse_conllu(write(changed))) == TREES


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)])
def test_packed_files_are_unpacked(write, suffix, pack):
    assert text_of(parse_conllu(write(pack(TREES.encode()), f"trees.conllu{suffix}"))) == TREES


@pytest.mark.parametrize("size", [200, 333, 1000])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_small_blocks_give_the_same_sentences(write, monkeypatch, size, end):
    monkeypatch.setattr(conllu_lines, "BLOCK_BYTES", size)

    assert text_of(parse_conllu(write((TREES * 20).replace("\n", end)))) == TREES * 20


def test_a_sentence_made_by_hand_has_comments_from_its_metadata():
    sentence = Sentence([Token("1", "Hi")], {"newpar": None, "text": "Hi"})

    assert sentence.to_conllu() == "# newpar\n# text = Hi\n1\tHi\t_\t_\t_\t_\t_\t_\t_\t_\n\n"


def replaced(**lines):
    """Return the trees with some lines replaced, by number."""
    numbered = TREES.split("\n")
    for name, line in lines.items():
        numbered[int(name.removeprefix("line")) - 1] = line
    return "\n".join(numbered)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            replaced(line6="1 Vamos ir VERB V _ 0 root _ _", line15="1\t#\t#"),
            "has 2 faulty lines: lines 6, 15 must have 10 columns, separated by tabs. Correct them",
        ),
        (TREES.replace(TREES.split("\n")[10] + "\n", ""), "has 1 faulty line: line 11 must follow the word before"),
        (replaced(line9="x\ta" + 8 * "\t_"), "line 9 must have as ID a number, a range (1-2) or an empty node (1.1)"),
        (replaced(line9="4\ta" + 8 * "\t_"), "has 1 faulty line: line 9 must follow the word before: 1, 2, 3"),
        (replaced(line5="2-3\tx" + 8 * "\t_"), "line 5 must stand before the first word of its range"),
        (replaced(line5="2-1\tx" + 8 * "\t_"), "line 5 must stand before the first word of its range"),
        (replaced(line10="4.1\tx" + 8 * "\t_"), "line 10 must stand before the first word of its range, or after the"),
        (replaced(line7="# late"), "line 7 must stand before the first token of the sentence"),
        (TREES + "# alone\n\n" + TREES, "has 1 faulty line: line 18 must stand before tokens, not alone"),
        (TREES.replace("\n\n", "\n \n"), "lines 13, 17 must have 10 columns"),
    ],
    ids=[
        "columns",
        "missing",
        "id",
        "order",
        "range",
        "backwards",
        "empty node",
        "late comment",
        "lone comment",
        "space",
    ],
)
def test_faulty_lines_are_told_by_number(write, text, message):
    path = write(text)

    with pytest.raises(DataError) as error:
        list(parse_conllu(path))

    assert message in str(error.value)
    assert str(error.value).startswith(f"{path}: has ")


def test_every_faulty_line_of_a_long_file_is_told_and_no_sentence_after_the_first_is_given_out(write, monkeypatch):
    monkeypatch.setattr(conllu_lines, "BLOCK_BYTES", 2000)
    sentence = "1\ta\t_\t_\t_\t_\t_\t_\t_\t_\n\n"
    broken = {500: "1\ta\n", 501: "broken\n", 900: "2" + sentence[1:-1]}
    lines = [broken.get(number, sentence[:-1]) + "\n" for number in range(1000)]
    given = []

    with pytest.raises(DataError, match=r"3 faulty lines: lines 1001, 1003 must have 10 .* line 1801 must follow"):
        given.extend(parse_conllu(write("".join(lines))))

    assert 400 < len(given) <= 500


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"holds no sentence\."),
        (b"\n\n", r"holds no sentence\."),
        (TREES.encode("utf-16"), r"line 1 is not UTF-8 \(byte 0xff\)"),
        (b"# a\n" + TREES.encode("iso-8859-9"), r"line 4 is not UTF-8 \(byte 0xe1\)\. Convert the file"),
    ],
    ids=["empty", "blank", "utf-16", "latin-5"],
)
def test_what_is_no_treebank_is_told(write, content, message):
    with pytest.raises(DataError, match=message):
        list(parse_conllu(write(content)))


def test_a_file_that_is_not_there_is_told_with_the_nearest_name(write):
    path = write(TREES)

    with pytest.raises(DataError, match=r"does not exist\. Did you mean 'trees\.conllu'\?"):
        list(parse_conllu(path.with_name("tree.conllu")))
    with pytest.raises(DataError, match=r"there is no folder .*nowhere\.$"):
        list(parse_conllu(path.parent / "nowhere" / "trees.conllu"))
    with pytest.raises(DataError, match=r"is a folder, not a file\."):
        list(parse_conllu(path.parent))


def test_a_packed_file_that_is_cut_off_is_told(write):
    path = write(gzip.compress(TREES.encode())[:-9], "trees.conllu.gz")

    with pytest.raises(DataError, match=r"is no whole \.gz file: .* Copy or download it again\."):
        list(parse_conllu(path))


def test_a_file_without_blank_lines_is_told_before_it_fills_the_memory(write, monkeypatch):
    monkeypatch.setattr(conllu_lines, "BLOCK_BYTES", 2**20)

    with pytest.raises(DataError, match=r"has no blank line in \d MiB from line 1 on"):
        list(parse_conllu(write(b"x" * 6 * 2**20)))


@pytest.mark.slow
def test_a_file_of_100_mb_is_read_in_bounded_memory(write):
    path = write(TREES * (100_000_000 // len(TREES.encode())))
    sum(1 for _ in zip(range(1000), parse_conllu(path), strict=False))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    count = sum(1 for _ in parse_conllu(path))

    assert count == 2 * (100_000_000 // len(TREES.encode()))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KiB
