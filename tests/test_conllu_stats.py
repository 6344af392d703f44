"""What `scripts/conllu_stats.py` prints, against counts by the package conllu."""

from __future__ import annotations

import lzma
import sys
from collections import Counter

import conllu
import pytest

from ml_core.data.sources import EMBEDDED
from scripts.conllu_stats import main, statistics_of

TREEBANK = EMBEDDED / "turkish_web" / "test.conllu.xz"

SMALL = """\
# newpar
1-2\tdel\t_\t_\t_\t_\t_\t_\t_\t_
1\tde\tde\tADP\t_\t_\t2\tcase\t_\t_
2\tel\tel\tDET\t_\t_\t0\troot\t_\t_
2.1\tx\t_\t_\t_\t_\t_\t_\t_\t_

1\t-1\t_\tDET\t_\t_\t0\troot\t_\t_
"""


def test_counts_equal_those_of_the_package_conllu():
    sentences = conllu.parse(lzma.decompress(TREEBANK.read_bytes()).decode())

    found = statistics_of(TREEBANK)

    assert found.lengths == [len(sentence) for sentence in sentences]
    for name in ("upos", "deprel"):
        assert found.counts[name] == Counter(token[name] for sentence in sentences for token in sentence)


def test_the_report_tells_words_from_ranges_and_empty_nodes(tmp_path, monkeypatch, capsys):
    path = tmp_path / "small.conllu"
    path.write_text(SMALL)
    monkeypatch.setattr(sys, "argv", ["conllu_stats.py", str(path)])

    main()

    assert capsys.readouterr().out.splitlines()[1:] == [
        "sentences             2",
        "words                 3   multi-word ranges 1, empty nodes 1",
        "length                1 least, 1.50 mean, 2 most",
        "upos, 2 of 2",
        "  DET                   2  66.67%",
        "  ADP                   1  33.33%",
        "deprel, 2 of 2",
        "  root                  2  66.67%",
        "  case                  1  33.33%",
        "",
    ]


def test_a_file_that_cannot_be_read_is_one_message(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["conllu_stats.py", str(tmp_path / "nothing.conllu")])

    with pytest.raises(SystemExit, match=r"nothing\.conllu: does not exist"):
        main()
