"""Make the small data sets under ml_core/data/embedded, one for every kind of source; the same files every time.

Run:
    python scripts/make_embedded.py

Tables come from scikit-learn (the extra `tables`), series and images are generated. `embedded/README.md` tells
origins and licences.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value
from PIL import Image

from ml_core.data.generated import SHAPES, shapes

EMBEDDED = Path(__file__).resolve().parents[1] / "ml_core" / "data" / "embedded"
SEED = 0
CARD = """\
---
pretty_name: Diabetes
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
  - split: test
    path: data/test-*.parquet
---

# Diabetes

A data set in the layout of the Hugging Face Hub: 442 patients with ten measurements, and how far their disease had
progressed a year later.
"""


def iris(file: Path) -> None:
    """Write 150 flowers as CSV: four lengths in cm and the name of the species."""
    from sklearn.datasets import load_iris

    data = load_iris()
    names = [name.removesuffix(" (cm)").replace(" ", "_") for name in data.feature_names]
    species = data.target_names[data.target]
    _write_csv(file, [*names, "species"], ([*row, kind] for row, kind in zip(data.data, species, strict=True)))


def wine(file: Path) -> None:
    """Write 178 wines as JSON lines: 13 measurements as a list and the number of the grower."""
    from sklearn.datasets import load_wine

    data = load_wine()
    rows = zip(data.data.tolist(), data.target.tolist(), strict=True)
    lines = [json.dumps({"measurements": values, "grower": grower}) for values, grower in rows]
    file.write_text("".join(f"{line}\n" for line in lines))


def digits(folder: Path) -> None:
    """Write 800 digits of 8 x 8 pixels (0 to 16) as an Arrow data set on disk."""
    from sklearn.datasets import load_digits

    data = load_digits()
    rows = np.random.default_rng(SEED).permutation(len(data.target))[:800]
    features = Features({"pixels": List(Value("uint8"), length=64), "label": ClassLabel(names=[*map(str, range(10))])})
    columns = {"pixels": data.data[rows].astype(np.uint8).tolist(), "label": data.target[rows].tolist()}
    every = Dataset.from_dict(columns, features=features)
    DatasetDict({"train": every.select(range(600)), "test": every.select(range(600, 800))}).save_to_disk(folder)
    for split in ("train", "test"):  # a fingerprint of random letters looks like a secret
        file = folder / split / "state.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "_fingerprint": f"digits-{split}"}, indent=2))


def digit_shards(folder: Path) -> None:
    """Write 1,797 digits of 8 x 8 pixels (0 to 16) as Parquet files; those to train on by kind: 0 to 4, 5 to 9."""
    from sklearn.datasets import load_digits

    data = load_digits()
    rows = np.random.default_rng(SEED).permutation(len(data.target))
    train, low = rows[400:], data.target[rows[400:]] < 5
    parts = {"validation": rows[:200], "test": rows[200:400]}
    for kind, chosen in (("low", train[low]), ("high", train[~low])):
        parts |= {f"train-{kind}-{number}": part for number, part in enumerate(np.array_split(chosen, 4))}
    folder.mkdir()
    for name, part in parts.items():
        pixels = pa.FixedSizeListArray.from_arrays(pa.array(data.data[part].astype(np.uint8).ravel()), 64)
        pq.write_table(pa.table({"pixels": pixels, "label": data.target[part]}), folder / f"{name}.parquet")


def diabetes(folder: Path) -> None:
    """Write a folder as a data set on the Hub has it: a card and Parquet files."""
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    rows = np.random.default_rng(SEED).permutation(len(data.target))
    columns = {name: data.data[:, i] for i, name in enumerate(data.feature_names)} | {"progression": data.target}
    table = pa.table({name: pa.array(values[rows], pa.float32()) for name, values in columns.items()})
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text(CARD)
    pq.write_table(table.slice(0, 342), folder / "data" / "train-00000-of-00001.parquet")
    pq.write_table(table.slice(342), folder / "data" / "test-00000-of-00001.parquet")


def power(file: Path) -> None:
    """Write the generated power consumption of three places, hour by hour over four weeks, as CSV."""
    rng = np.random.default_rng(SEED)
    hours = np.arange(24 * 28)
    rows = []
    for place, (level, daily) in {"factory": (1.0, 0.4), "office": (0.0, 1.0), "village": (-0.5, 0.6)}.items():
        is_weekend = (hours // 24) % 7 >= 5
        day = np.sin(2 * np.pi * (hours - 9) / 24) + 0.3 * np.sin(4 * np.pi * hours / 24)
        load = level + daily * day - 0.5 * is_weekend + 0.1 * rng.standard_normal(len(hours))
        rows += [[int(hour), place, f"{value:.2f}"] for hour, value in zip(hours, load, strict=True)]
    _write_csv(file, ["hour", "place", "load"], rows)


def image_folder(folder: Path) -> None:
    """Write generated shapes as an image folder: a folder for each split, and in it one for each class."""
    for split, count, seed in (("train", 120, 1), ("test", 30, 2)):
        rows = shapes(count, size=24, noise=0.03, seed=seed)["train"]
        for number in range(count):
            row = rows[number]
            _write_png(folder / split / SHAPES[int(row["label"])] / f"{number:03d}.png", row["image"][0].numpy())


def segmentation(folder: Path) -> None:
    """Write generated shapes and their masks, whose pixels are numbers of classes."""
    for split, count, seed in (("train", 24, 3), ("test", 8, 4)):
        rows = shapes(count, size=32, noise=0.05, seed=seed)["train"]
        for number in range(count):
            row = rows[number]
            _write_png(folder / split / "images" / f"{number:03d}.png", row["image"][0].numpy())
            _write_png(folder / split / "masks" / f"{number:03d}.png", row["mask"].numpy().astype(np.uint8))


def _write_csv(file: Path, header: list[str], rows: Iterable[list[Any]]) -> None:
    with open(file, "w", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _write_png(file: Path, pixels: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file, optimize=True)


MAKERS: dict[str, Callable[[Path], None]] = {
    "iris.csv": iris,
    "wine.jsonl": wine,
    "digits": digits,
    "digit_shards": digit_shards,
    "diabetes": diabetes,
    "power.csv": power,
    "shapes": image_folder,
    "segmentation": segmentation,
}


def main() -> None:
    """Write every data set anew and print its size."""
    for name, make in MAKERS.items():
        path = EMBEDDED / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        make(path)
        files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
        print(f"{name}: {sum(file.stat().st_size for file in files):,} bytes in {len(files)} files")


if __name__ == "__main__":
    main()
