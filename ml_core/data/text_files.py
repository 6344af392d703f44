"""Which bytes does a text file hold, compressed or not?"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ml_core.errors import DataError, nearest

OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
BROKEN = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error)
BYTE_ORDER_MARK = "\ufeff"


def read_chunks(path: str | Path, size: int) -> Iterator[bytes]:
    """Yield a file's bytes, a chunk at a time; a name that ends in `.gz`, `.bz2` or `.xz` is read uncompressed.

    Raises:
        DataError: If the file does not exist, may not be read or is not what its name says.
    """
    path = Path(path)
    try:
        with OPENERS.get(path.suffix, open)(path, "rb") as file:
            while chunk := file.read(size):
                yield chunk
    except FileNotFoundError:
        raise _missing(path) from None
    except BROKEN as error:
        raise DataError(str(path), f"is no whole {path.suffix} file: {error}.", "Copy or download it again.") from error
    except OSError as error:
        what = "is a folder, not a file." if path.is_dir() else f"cannot be read: {error.strerror or error}."
        raise DataError(str(path), what) from error


def decoded(data: bytes, path: str | Path, first_line: int = 1) -> str:
    """Return UTF-8 bytes as text without CR at line ends; `first_line` is the number of the first, for messages.

    Raises:
        DataError: If the bytes are not UTF-8; names the line.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = first_line + data.count(b"\n", 0, error.start)
        raise DataError(
            str(path),
            f"line {line} is not UTF-8 (byte {data[error.start]:#04x}).",
            "Convert the file, for example with iconv -f ISO-8859-9 -t UTF-8.",
        ) from None
    return (text.removeprefix(BYTE_ORDER_MARK) if first_line == 1 else text).replace("\r\n", "\n")


def _missing(path: Path) -> DataError:
    if not path.parent.is_dir():
        return DataError(str(path), f"does not exist; there is no folder {path.parent}.")
    return DataError(str(path), f"does not exist.{nearest(path.name, (p.name for p in path.parent.iterdir()))}")
