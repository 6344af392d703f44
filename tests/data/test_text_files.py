"""Text files; what the parser of treebanks reads through them is tested in test_conllu_parser.py."""

import lzma

import pytest

from ml_core.data.text_files import decoded, read_chunks
from ml_core.errors import DataError


def test_chunks_are_the_bytes_of_the_file(tmp_path):
    path = tmp_path / "text.txt.xz"
    path.write_bytes(lzma.compress(b"0123456789"))

    assert list(read_chunks(path, 4)) == [b"0123", b"4567", b"89"]


def test_a_file_that_is_not_packed_as_its_name_says_is_told(tmp_path):
    path = tmp_path / "text.xz"
    path.write_bytes(b"plain")

    with pytest.raises(DataError, match=r"text\.xz: is no whole \.xz file"):
        list(read_chunks(path, 4))


@pytest.mark.parametrize(("first_line", "line"), [(1, 3), (100, 102)])
def test_the_line_that_is_not_utf8_is_told(first_line, line):
    with pytest.raises(DataError, match=rf"^a\.txt: line {line} is not UTF-8 \(byte 0xfe\)"):
        decoded(b"a\nb\r\nc\xfe\n", "a.txt", first_line)


def test_only_the_first_line_may_have_a_byte_order_mark():
    assert decoded("\ufeffa\r\n\ufeffb".encode(), "a.txt") == "a\n\ufeffb"
    assert decoded("\ufeffa".encode(), "a.txt", first_line=2) == "\ufeffa"
